"""Where agents keep what they write: the parts that are alike for all of them."""

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path, PurePosixPath

_CONFLICT = re.compile(r"(?:\.sync-conflict-.*| \(.*conflict.*\))$", re.DOTALL)
"""What synchronisers add to the name of one of two versions of a file."""


def account_key(folder: str) -> str:
    """Return the key of the account whose configuration is in *folder*.

    It tells accounts apart without naming the folder.
    """
    name = folder.encode("utf-8", "surrogatepass")
    return blake2b(name, digest_size=6).hexdigest()


def listed(environ: Mapping[str, str], name: str, home: Path) -> tuple[Path, ...]:
    """Return the folders that the variable *name* lists, separated by commas."""
    entries = (each.strip() for each in environ.get(name, "").split(","))
    return tuple(_expanded(each, home) for each in entries if each)


def without_conflict(stem: str) -> str:
    """Return *stem*, the name of a file, without what a synchroniser added to it."""
    return _CONFLICT.sub("", stem)


def stem_of(name: str) -> str:
    """Return *name* without its suffix, and without the mark of a conflicting copy."""
    return without_conflict(PurePosixPath(name).stem)


def distinct(roots: Iterable[Path]) -> tuple[Path, ...]:
    """Return *roots*, each once, in order; the scanner resolves what is a link."""
    return tuple(dict.fromkeys(roots))


def _expanded(entry: str, home: Path) -> Path:
    if entry == "~" or entry.startswith("~/"):
        return home / entry[2:]

    return Path(entry)
