"""The decision table with one mistake at a time: do the tests of the sources see it?

Each mutant is a copy of the package with one operator, constant or result changed. It
is killed if a test fails. Survivors are printed, to be looked at: some mean the same.
"""

import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.home import CODE, Home
from tests.hostile.figures import Figure

TABLES = ("identity", "tailed_file", "leaving")
"""Modules of `jarvisd.core.sources`: what a file is, and what becomes of the open one."""

TESTS = "tests/sources"
LIMIT_S = 60.0
"""A mutant that loops is as dead as one that fails."""

_OPPOSITES: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
}


async def figures(_home: Home, *, share: float = 1.0) -> list[Figure]:
    """Try every mutant, or every n-th of them."""
    found = [each for name in TABLES for each in mutants(_path(name))]
    tried = found[:: max(1, round(1 / share))]
    survivors = []
    for name, path, text in tried:
        if _survives(path, text):
            survivors.append(name)
            print(f"mutants: survived: {name}", flush=True)

    return [
        Figure("mutants of the decision tables", len(tried)),
        Figure(
            "of them not seen by any test", 100 * len(survivors) / len(tried), 10, "%"
        ),
    ]


def mutants(path: Path) -> Iterator[tuple[str, Path, str]]:
    """Give each mutant of the module at *path*: its name, its path and its text."""
    tree = ast.parse(path.read_text())
    left_alone = set(_decorations(tree))
    for number, node in enumerate(ast.walk(tree)):
        for variant in range(0 if node in left_alone else _variants(node)):
            mutant = copy.deepcopy(tree)
            changed = next(n for i, n in enumerate(ast.walk(mutant)) if i == number)
            _change(changed, variant)
            name = f"{path.stem}:{getattr(node, 'lineno', 0)}: {_shown(changed)}"
            yield name, path, ast.unparse(mutant)


def _decorations(tree: ast.AST) -> Iterator[ast.AST]:
    """Give what says how a class is built, and not what it does."""
    for each in ast.walk(tree):
        for decorator in getattr(each, "decorator_list", ()):
            yield from ast.walk(decorator)


def _shown(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:80]


def _variants(node: ast.AST) -> int:
    """Return in how many ways *node* can be made wrong."""
    match node:
        case ast.Compare(ops=ops):
            return len(ops)
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return 1
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return 1
        case ast.Constant(value=bool()):
            return 1
        case ast.Return(value=ast.expr()):
            return int(not isinstance(node.value, ast.Constant))
        case _:
            return 0


def _change(node: ast.AST, variant: int) -> None:
    match node:
        case ast.Compare(ops=ops):
            ops[variant] = _OPPOSITES[type(ops[variant])]()  # type: ignore[call-overload]
        case ast.BoolOp(op=op) | ast.BinOp(op=op):
            node.op = _OPPOSITES[type(op)]()  # type: ignore[assignment]
        case ast.UnaryOp():
            node.op = ast.UAdd()
            node.operand = ast.Call(ast.Name("bool", ast.Load()), [node.operand], [])
        case ast.Constant():
            node.value = not node.value
        case ast.Return():
            node.value = ast.Constant(None)


def _survives(path: Path, text: str) -> bool:
    """Say whether all tests pass with *text* in the place of the module at *path*."""
    with tempfile.TemporaryDirectory(prefix="jarvisd-") as folder:
        for name in ("jarvisd", "tests"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(CODE / name, Path(folder) / name, ignore=ignore)

        shutil.copy(CODE / "pyproject.toml", folder)
        (Path(folder) / path.relative_to(CODE)).write_text(text)
        quick = f"--deselect={TESTS}/test_machine.py"
        return _passes(folder, quick) and _passes(folder, "-k", "TestWriters")


def _passes(folder: str, *arguments: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", TESTS, *arguments]
    environ = {**os.environ, "PYTHONPATH": folder, "JARVISD_EXAMPLES": "60"}
    try:
        run = subprocess.run(
            command,
            cwd=folder,
            env=environ,
            timeout=LIMIT_S,
            capture_output=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False

    return run.returncode == 0


def _path(name: str) -> Path:
    return CODE / "jarvisd/core/sources/jsonlines" / f"{name}.py"
