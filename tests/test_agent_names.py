"""How often code outside of `jarvisd/agents/` names an agent: never more than now."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1] / "jarvisd"

CEILING = 24
"""May only fall: whoever takes a name away lowers it in the same commit."""

NAMES = re.compile("claude|codex|opencode|copilot|gemini", re.IGNORECASE)
"""Names that mean nothing else; comments and docstrings may give them as examples."""


def words_of(tree: ast.AST) -> Iterator[str]:
    """Yield every identifier, and every string that is no docstring."""
    nodes = list(ast.walk(tree))
    prose = {id(each.value) for each in nodes if isinstance(each, ast.Expr)}
    for node in nodes:
        if id(node) not in prose:
            fields = (value for _, value in ast.iter_fields(node))
            yield from (value for value in fields if isinstance(value, str))


def mentions() -> list[str]:
    """Return each mention of an agent, with its file."""
    files = set(ROOT.rglob("*.py")) - set(ROOT.glob("agents/**/*.py"))
    return [
        f"{path.relative_to(ROOT)}: {word}"
        for path in sorted(files)
        for word in words_of(ast.parse(path.read_text()))
        if NAMES.search(word)
    ]


def test_no_more_agents_are_named_outside_of_their_folders() -> None:
    found = mentions()

    assert len(found) <= CEILING, "\n".join(found)
