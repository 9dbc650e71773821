"""Tally, as the daemon knows it."""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.long_lines import Head
from jarvisd.agents._shared.outline import of_text
from jarvisd.core.agent import About, Agent, AgentReader, ReaderContext
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, Tree


def _roots(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    del environ
    folders = (home / ".tally", *configured)
    return tuple(
        Tree(agent="tally", root=each, place=_place, enters=lambda _: False)
        for each in folders
    )


def _place(parts: tuple[str, ...]) -> Place | None:
    name = Path(*parts)
    return Place(session_id=SessionId(name.stem)) if name.suffix == ".tally" else None


def _reader(context: ReaderContext, saved: bytes) -> AgentReader:
    from tests.agents.toys.tally.read import TallyReader  # noqa: PLC0415 - loaded at first use

    return TallyReader(context, saved)


AGENT = Agent(
    name="tally",
    about=About(exact="its totals", estimated="cost", unknowable="all else"),
    roots=_roots,
    reader=_reader,
    condense=Head,
    outline=of_text,
)
