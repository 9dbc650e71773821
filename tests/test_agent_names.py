"""Code outside of `jarvisd/agents/` names no agent; comments and docstrings may."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1] / "jarvisd"

EXCEPT = {
    "cli/examples.py": "examples of help, in which people look for the agent they know",
    "cli/output/reports/compat.py": "the words of another tool, which has one JSON for each agent",
}

NAMES = re.compile("(claude|codex|opencode|copilot|gemini)(?!-$)", re.IGNORECASE)
"""Names that mean nothing else but, before a hyphen, the models of a maker."""


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
    named = {ROOT / each for each in EXCEPT}
    files = set(ROOT.rglob("*.py")) - set(ROOT.glob("agents/**/*.py")) - named
    return [
        f"{path.relative_to(ROOT)}: {word}"
        for path in sorted(files)
        for word in words_of(ast.parse(path.read_text()))
        if NAMES.search(word)
    ]


def test_no_agent_is_named_outside_of_its_folder() -> None:
    assert mentions() == []
