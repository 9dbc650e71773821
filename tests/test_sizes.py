"""Files, classes and functions are no larger than they were; the ceilings may only fall."""

import ast
from collections import Counter
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "jarvisd"
FILE_LINES = 500
CLASS_LINES = 200
LARGE_CLASSES = 14
FUNCTION_P90_LINES = 25
PRIVATE_USED_ONCE_SHARE = 0.22
"""Of all functions: private ones that their module names once, as many hide one step of
their caller. A share, because each agent adds functions. Those of an agent's `agent.py`
are not counted: it names each module of the agent once, and imports it at first use."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def sources() -> dict[str, str]:
    """Return the text of each module by its place in the package."""
    return {
        str(path.relative_to(PACKAGE)): path.read_text()
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def nodes() -> list[ast.AST]:
    """Return everything that the package defines and says, module by module."""
    return [each for text in sources().values() for each in ast.walk(ast.parse(text))]


def length(node: ast.ClassDef | Function) -> int:
    """Return the number of lines of *node*."""
    assert node.end_lineno is not None, "a parsed node has an end"
    return node.end_lineno - node.lineno + 1


def test_no_file_is_longer_than_one_reads() -> None:
    lines = {name: len(text.splitlines()) for name, text in sources().items()}

    assert not {name: each for name, each in lines.items() if each > FILE_LINES}


def test_no_more_classes_are_large() -> None:
    found = [
        (length(each), each.name)
        for each in nodes()
        if isinstance(each, ast.ClassDef) and length(each) > CLASS_LINES
    ]
    print(*sorted(found), sep="\n")  # shown when the ceiling is broken

    assert len(found) <= LARGE_CLASSES


def test_most_functions_are_short() -> None:
    lengths = sorted(length(each) for each in nodes() if isinstance(each, Function))

    assert lengths[len(lengths) * 9 // 10] <= FUNCTION_P90_LINES


def name_of(function: ast.expr) -> str:
    """Return the name by which *function* is called; "" if it has none."""
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def test_no_more_private_functions_are_used_once() -> None:
    found, count = [], 0
    for name, text in sources().items():
        tree = list(ast.walk(ast.parse(text)))
        count += sum(isinstance(each, Function) for each in tree)
        if Path(name).match("agents/*/agent.py"):
            continue

        used = Counter(each.id for each in tree if isinstance(each, ast.Name))
        used += Counter(each.attr for each in tree if isinstance(each, ast.Attribute))
        called = {name_of(each.func) for each in tree if isinstance(each, ast.Call)}
        found += [
            f"{name}: {each.name}"
            for each in tree
            if isinstance(each, Function)
            and each.name.startswith("_")
            and not each.name.startswith("__")
            and used[each.name] == 1
            and each.name in called  # a handler in a table is no helper
        ]
    print(*found, sep="\n")  # shown when the ceiling is broken

    assert len(found) <= PRIVATE_USED_ONCE_SHARE * count
