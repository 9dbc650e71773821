"""Read attributions from a file that a person, or another program, wrote."""

import csv
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import msgspec

from jarvisd.base.errors import EXIT_USAGE, JarvisError
from jarvisd.reports.model import Attribution
from jarvisd.reports.wire import MAX_ATTRIBUTIONS


class AttributionFileError(JarvisError):
    """A file of attributions cannot be taken."""

    code = "attribution_file"
    exit_status = EXIT_USAGE

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


def read(path: Path) -> list[Attribution]:
    """Return the attributions in *path*, which ends with `.json`, `.toml` or `.csv`.

    Raises:
        AttributionFileError: It cannot be read, or is not of that form.

    """
    form = _FORMS.get(path.suffix)
    if form is None and path.exists():
        raise AttributionFileError(path, f"expected one of {', '.join(_FORMS)}")

    try:
        text = path.read_text("utf-8-sig")
        found = form(text) if form else None
    except OSError as exc:
        raise AttributionFileError(path, exc.strerror or str(exc)) from exc
    except (ValueError, RecursionError) as exc:
        reason = f"not {path.suffix[1:].upper()}: {exc}"
        raise AttributionFileError(path, reason) from exc

    if not isinstance(found, list):
        raise AttributionFileError(path, "expected a list of attributions")

    entries = [_entry(path, number, each) for number, each in enumerate(found, 1)]

    if len(entries) > MAX_ATTRIBUTIONS:
        raise AttributionFileError(path, f"more than {MAX_ATTRIBUTIONS:,} entries")

    return entries


def _entry(path: Path, number: int, value: object) -> Attribution:
    try:
        return msgspec.convert(value, Attribution)
    except msgspec.ValidationError as exc:
        wrong, found, field = str(exc).partition(" - at `$.")
        name = field.rstrip("`")
        if found and isinstance(value, dict):
            known = get_args(Attribution.__annotations__[name])
            is_word = all(isinstance(each, str) for each in known)
            expected = (
                f"one of {', '.join(known)}" if is_word else "1 to 512 characters"
            )
            wrong = f"`{name}` is {value.get(name)!r}: expected {expected}"

        raise AttributionFileError(path, f"entry {number}: {wrong}") from exc


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
