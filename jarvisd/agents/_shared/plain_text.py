"""Output that nobody has taught us to read: every line is a line, and no more."""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.core.record import Record
from jarvisd.core.roots import Tree
from jarvisd.core.sources.jsonlines.lines import is_blank


def parse(text: bytes, *, offset: int) -> Record | None:
    """Return a record that says nothing, or None for a blank line, which is none.

    No other line of plain text is malformed.
    """
    if is_blank(text):
        return None

    return Record(kind="text", offset=offset)


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return no trees: such output comes through pipes only."""
    del environ, home, configured
    return ()
