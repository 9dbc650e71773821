"""Names and docstrings follow the rules that CONTRIBUTING.md states."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jarvisd"
DECLARING = {"The", "A", "An", "What", "Who", "How", "When", "Where", "Since", "If"}
"""Openings of a phrase; a function that acts is described by an imperative."""

VAGUE = {"Give", "Have", "Hang", "Hear", "Know", "Let", "Note", "Say", "Tell"}
"""Openings that standard verbs replace: return, yield, record, report, notify, apply."""

HEADLESS = re.compile("(Return|Yield) (what|whose|whom|which|of which|who)\\b")
"""Openings such as "Return what is left": the result has a name."""

COINED = {
    *("anew", "catalogue", "desk", "doubts", "errand", "farewell", "goodbye", "hear"),
    *("heard", "kinship", "lane", "lanes", "mend", "midst", "patience", "reckon"),
    *("seat", "seats", "shelf", "shelves", "survey", "tell", "told"),
}
"""Words that standard terms replace in names of functions, classes and values."""

ROLES = {
    "__init__",
    "__main__",
    "about",
    "agent",
    "engine",
    "hooks",
    "messages",
    "methods",
    "model",
    "places",
    "presence",
    "queries",
    "read",
    "settings",
    "shape",
    "store",
    "traits",
    "wire",
}
"""File names that recur by design: one for each agent or each subject."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> list[tuple[Path, ast.Module]]:
    """Return the path below the package and the tree of every module."""
    return [
        (path.relative_to(PACKAGE), ast.parse(path.read_text()))
        for path in sorted(PACKAGE.rglob("*.py"))
    ]


@cache
def functions() -> list[tuple[str, Function, str]]:
    """Return place, function and the first line of its docstring, of each that has one."""
    return [
        (f"{path}:{node.lineno}", node, text.partition("\n")[0])
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, Function) and (text := ast.get_docstring(node))
    ]


def may_recur(path: Path) -> bool:
    """Whether *path* has a role, or is of one agent, or of one command."""
    is_command = path.parts[:2] == ("cli", "commands")
    is_agents = len(path.parts) == 3 and path.parts[0] == "agents"
    return (
        path.stem in ROLES or is_command or (is_agents and path.parts[1] != "_shared")
    )


def test_a_file_name_occurs_once() -> None:
    places = defaultdict(list)
    for path, _ in modules():
        if not may_recur(path):
            places[path.name].append(str(path))

    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_a_class_name_occurs_once() -> None:
    places = defaultdict(list)
    for path, tree in modules():
        if path.stem == "shape" or path.parts[:2] == ("cli", "commands"):
            continue

        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path))

    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_a_function_is_described_by_what_it_does() -> None:
    """A property is a value, and may be described by a noun phrase."""
    found = [
        f"{place}: {line}"
        for place, node, line in functions()
        if line.split()[0] in DECLARING
        and not any("property" in ast.unparse(each) for each in node.decorator_list)
    ]

    assert not found


def test_a_function_is_described_by_a_standard_verb() -> None:
    found = [
        f"{place}: {line}"
        for place, _, line in functions()
        if line.split()[0].strip(".,;") in VAGUE
    ]

    assert not found


def names_in(tree: ast.Module) -> set[str]:
    """Return the names that *tree* gives to functions, classes and values."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.arg():
                found.add(node.arg)
            case ast.Name(ctx=ast.Store()):
                found.add(node.id)
            case ast.Attribute(ctx=ast.Store()):
                found.add(node.attr)

    return found


def test_a_result_is_described_by_a_noun() -> None:
    found = [
        f"{place}: {line}" for place, _, line in functions() if HEADLESS.match(line)
    ]

    assert not found, "\n".join(found)


def test_a_name_has_no_coined_word() -> None:
    found = [
        f"{path}: {name}"
        for path, tree in modules()
        for name in sorted(names_in(tree))
        if COINED & {each.lower() for each in re.findall(r"[A-Z]?[a-z]+", name)}
    ]

    assert not found


def test_a_predicate_is_described_by_its_condition() -> None:
    found = [
        f"{place}: {line}"
        for place, node, line in functions()
        if node.returns is not None
        and ast.unparse(node.returns) == "bool"
        and line.startswith("Return ")
        and not line.startswith("Return True if ")
    ]

    assert not found


def test_every_module_that_is_named_exists() -> None:
    """A page and a docstring may name a module by the end of its path, or by dots."""
    paths = [f"/{path}" for path in ROOT.glob("[jtb]*/**/*.py")]
    dotted = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
    }
    texts = [
        *(ROOT / "docs" / "internals").glob("*.md"),
        ROOT / "CONTRIBUTING.md",
        *PACKAGE.rglob("*.py"),
    ]

    dead = []
    for text in texts:
        content = text.read_text(encoding="utf-8")
        for name in re.findall(r"`([\w/]+\.py)`", content):
            is_pattern = "NAME" in name or Path(name).stem in ROLES
            is_ours = any(each.endswith(f"/{name}") for each in paths)
            if not is_pattern and not is_ours and not name.startswith("tools/"):
                dead.append(f"{text.relative_to(ROOT)}: {name}")

        for name in re.findall(r"`(jarvisd(?:\.\w+){2,})`", content):
            parent = name.rpartition(".")[0]
            if "NAME" not in name and not {name, parent} & dotted:
                dead.append(f"{text.relative_to(ROOT)}: {name}")

    assert not dead
