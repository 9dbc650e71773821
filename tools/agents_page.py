"""Make `docs/agents.md` from the folders of the agents, so that it is what they say.

Run by `make agents`. How right the figures of an agent are is taken from its README,
where its logs lie and how they are read from the agent itself.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from jarvisd.core.agent import AgentRegistry
from jarvisd.overview.agent_summaries import AgentSummary, summarize
from jarvisd.overview.log_check import known_agents

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/agents.md"
HOME = Path("~")

INTRODUCTION = """\
# Agents

<!-- made by `make agents` from jarvisd/agents/*/README.md -->

`jarvisctl agents` lists these agents, shows which of them are found on this machine, and which version wrote the newest log. What is exact
is what the provider reported and the agent logged; what an agent does not log is unknown, never zero. Further folders are named in the
[configuration](configuration.md); what holds for all agents is in [accuracy.md](accuracy.md).
"""
_RIGHTNESS = re.compile(
    r"^## How right it is\n+(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL
)
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def page(agents: AgentRegistry) -> str:
    """Return the page about *agents*."""
    found = summarize(agents, {}, HOME, {})
    read = [each for each in found if each.reason is None]
    unread = [each for each in found if each.reason is not None]
    lines = [
        INTRODUCTION,
        "| agent | name | log | tested with | tokens |",
        "|---|---|---|---|---|",
        *(_row(each) for each in read),
        "",
        *(line for each in read for line in _section(each)),
        "## Known, not read",
        "",
        "`jarvisctl agents` shows where these are found. Nothing of them is read.",
        "",
        "| agent | name | folders | why |",
        "|---|---|---|---|",
        *(
            f"| {each.title} | `{each.name}` | {_folders(each)} | {each.reason} |"
            for each in unread
        ),
    ]
    return "\n".join(lines) + "\n"


def _row(summary: AgentSummary) -> str:
    title, _ = _readme(summary.name)
    tested = "-" if summary.tested is None else " to ".join(summary.tested)
    kinds = ", ".join(summary.kinds)
    anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
    return (
        f"| [{title}](#{anchor}) | `{summary.name}` | {kinds} | {tested} |"
        f" {summary.tokens} |"
    )


def _section(summary: AgentSummary) -> Iterator[str]:
    title, rightness = _readme(summary.name)
    yield f"## {title}"
    yield ""
    yield f"Logs: {_folders(summary)}."
    yield ""
    yield rightness
    yield ""


def _folders(summary: AgentSummary) -> str:
    return (
        ", ".join(f"`{each}`" for each in summary.roots)
        or "below the roots that you name in the configuration"
    )


def _readme(name: str) -> tuple[str, str]:
    """Return the title of the README of the agent *name*, and how right its figures are."""
    text = (ROOT / "jarvisd/agents" / name / "README.md").read_text()
    title, rightness = _TITLE.search(text), _RIGHTNESS.search(text)
    if title is None or rightness is None:
        sys.exit(f"the README of {name} has no title or no section 'How right it is'")

    return title[1], rightness[1].strip()


if __name__ == "__main__":
    PAGE.write_text(page(known_agents()))
