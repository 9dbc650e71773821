"""Plain text, as the daemon knows it: it comes through pipes only."""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.long_lines import Head
from jarvisd.agents._shared.outline import of_text
from jarvisd.agents.text.about import ABOUT
from jarvisd.agents.text.read import TextReader
from jarvisd.core.agent import Agent
from jarvisd.core.roots import Tree


def _roots(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    del environ, home, configured
    return ()


AGENT = Agent(
    name="text",
    roots=_roots,
    reader=TextReader,
    condense=Head,
    outline=of_text,
    about=ABOUT,
)
