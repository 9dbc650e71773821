"""Where agents keep what they write: the parts that are alike for all of them."""

from collections.abc import Iterable, Mapping
from pathlib import Path


def listed(environ: Mapping[str, str], name: str, home: Path) -> tuple[Path, ...]:
    """Return the folders that the variable *name* lists, separated by commas."""
    entries = (each.strip() for each in environ.get(name, "").split(","))
    return tuple(_expanded(each, home) for each in entries if each)


def distinct(roots: Iterable[Path]) -> tuple[Path, ...]:
    """Return *roots*, each once, in order; the scanner resolves what is a link."""
    return tuple(dict.fromkeys(roots))


def _expanded(entry: str, home: Path) -> Path:
    if entry == "~" or entry.startswith("~/"):
        return home / entry[2:]

    return Path(entry)
