"""Read attributions from a file that a person, or another program, wrote."""

import csv
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec

from jarvisd.errors import EXIT_USAGE, JarvisError
from jarvisd.model.report import Attribution
from jarvisd.protocol.reports import MAX_ATTRIBUTIONS


class AttributionFileError(JarvisError):
    """A file of attributions cannot be taken."""

    code = "attribution_file"
    exit_status = EXIT_USAGE

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


def read(path: Path) -> list[Attribution]:
    """Return what *path* holds, by its ending: `.json`, `.toml` or `.csv`.

    Raises:
        AttributionFileError: It cannot be read, or is not of that form.

    """
    form = _FORMS.get(path.suffix)
    if form is None:
        raise AttributionFileError(path, f"expected one of {', '.join(_FORMS)}")

    try:
        entries = msgspec.convert(form(path.read_text("utf-8-sig")), list[Attribution])
    except (OSError, ValueError) as exc:
        raise AttributionFileError(path, str(exc)) from exc

    if len(entries) > MAX_ATTRIBUTIONS:
        raise AttributionFileError(path, f"more than {MAX_ATTRIBUTIONS:,} entries")

    return entries


def _json(text: str) -> object:
    return msgspec.json.decode(text)


def _toml(text: str) -> object:
    return tomllib.loads(text).get("attribution")


def _csv(text: str) -> object:
    return list(csv.DictReader(text.splitlines()))


_FORMS: dict[str, Callable[[str], object]] = {
    ".json": _json,
    ".toml": _toml,
    ".csv": _csv,
}
