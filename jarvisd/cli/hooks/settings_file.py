"""Replacing an agent's settings file so that nothing can be lost.

A file is replaced at once or not at all, keeps its mode, and stays where a link points.
What it was before is kept in our own state folder: to be put back by hand, and by
`uninstall`, which gives back the very bytes if nobody has changed the file since.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jarvisd.base import paths
from jarvisd.base.errors import JarvisError
from jarvisd.cli.hooks import surgery
from jarvisd.cli.hooks.hook_files import HookFile

MAX_BYTES = 8 * 1024 * 1024
NEW_MODE = 0o600
_BOM = b"\xef\xbb\xbf"


class HooksFileError(JarvisError):
    """A settings file cannot be changed; it is as it was."""

    code = "hooks_file"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} was left as it is: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FoundHooks:
    """A settings file as it was found; *data* is None where there was none.

    *real* is where it lies once links are followed, *text* what it says without a byte
    order mark.
    """

    path: Path
    real: Path
    data: bytes | None
    text: str

    @property
    def is_marked(self) -> bool:
        """Return True if the file begins with a byte order mark."""
        return self.data is not None and self.data.startswith(_BOM)

    def encoded(self, text: str) -> bytes:
        """Return the bytes of *text* in the way of this file."""
        return (_BOM if self.is_marked else b"") + text.encode()


@dataclass(frozen=True, slots=True)
class FileChange:
    """What shall become of a file: *data*, or no file where that is None."""

    target: HookFile
    found: FoundHooks
    data: bytes | None

    @property
    def is_none(self) -> bool:
        """Whether nothing changes."""
        return self.data == self.found.data


def read(path: Path) -> FoundHooks:
    """Return the settings file at *path*.

    Raises:
        HooksFileError: It cannot be read, or is no text.

    """
    real = Path(os.path.realpath(path))
    try:
        data = real.read_bytes() if real.exists() else None
        text = (data or b"").removeprefix(_BOM).decode()
    except OSError as exc:
        raise HooksFileError(path, exc.strerror or str(exc)) from exc
    except UnicodeDecodeError as exc:
        raise HooksFileError(path, f"it is not UTF-8 ({exc.reason})") from exc

    if data is not None and len(data) > MAX_BYTES:
        raise HooksFileError(path, f"it has more than {MAX_BYTES:,} bytes")

    return FoundHooks(path, real, data, text)


def installing(target: HookFile) -> FileChange:
    """Return the change that installs the hooks of *target*.

    Raises:
        HooksFileError: The file cannot be read, or is not what an agent reads.

    """
    found = read(target.path)
    try:
        text = surgery.with_hooks(found.text, target.wanted)
    except ValueError as exc:
        raise HooksFileError(target.path, _why(exc)) from exc

    return FileChange(target, found, found.encoded(text))


def uninstalling(target: HookFile, backups: "Backups") -> FileChange:
    """Return the change that removes our hooks, byte for byte where that is certain.

    Raises:
        HooksFileError: As `installing`.

    """
    found = read(target.path)
    try:
        if not surgery.commands(found.text):
            return FileChange(target, found, found.data)

        before = backups.before(target, found)
        if before.is_known:
            return FileChange(target, found, before.data)

        return FileChange(
            target, found, found.encoded(surgery.without_hooks(found.text))
        )
    except ValueError as exc:
        raise HooksFileError(target.path, _why(exc)) from exc


def _why(error: ValueError) -> str:
    if isinstance(error, surgery.ShapeError):
        return str(error)

    return f"it is not JSON ({error}); JSON has no comments and no trailing commas"


def apply(change: FileChange, backups: "Backups") -> Path:
    """Make *change*; return the folder that has what was there before.

    Raises:
        HooksFileError: It could not be made; the file is as it was.

    """
    found = change.found
    try:
        _check_writable(found)
        folder = backups.keep(change)
        if read(found.path).data != found.data:
            raise HooksFileError(found.path, "something else is writing it; try again")

        if change.data is None:
            found.real.unlink()
        else:
            _replace(found.real, change.data)
            backups.note(change.target, found, change.data)
    except OSError as exc:
        raise HooksFileError(found.path, exc.strerror or str(exc)) from exc

    return folder


def _check_writable(found: FoundHooks) -> None:
    # Replacing needs no leave of the file itself, but who withdrew it meant it.
    if found.data is not None and not found.real.stat().st_mode & stat.S_IWUSR:
        raise HooksFileError(found.path, "it is read-only")


def _replace(path: Path, data: bytes) -> None:
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else NEW_MODE
    new = path.with_name(f".{path.name}.jarvisctl-{os.getpid()}")
    try:
        _write(new, data, mode)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _write(path: Path, data: bytes, mode: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, NEW_MODE)
    with os.fdopen(file, "wb") as stream:
        os.fchmod(file, mode)
        stream.write(data)
        stream.flush()
        os.fsync(file)


@dataclass(frozen=True, slots=True)
class Before:
    """What a file was before we changed it; *data* None means that there was none."""

    is_known: bool
    data: bytes | None = None


class Backups:
    """What files were before, in a folder for each below our own state folder.

    `before` has the bytes, and is missing where there was no file; `written` the hash
    of what we made of them.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._folder = Path(paths.state_folder(environ)) / "hooks"

    def before(self, target: HookFile, found: FoundHooks) -> Before:
        """Return the text of *found* before our change, if nobody else has changed it since."""
        folder = self._folder_of(target, found)
        try:
            written = (folder / "written").read_text()
        except OSError:
            return Before(is_known=False)

        if written != _hash(found.data):
            return Before(is_known=False)

        original = folder / "before"
        data = original.read_bytes() if original.exists() else None
        # It may have been taken when some of ours were there already.
        ours = surgery.commands((data or b"").removeprefix(_BOM).decode())
        return Before(is_known=not ours, data=data)

    def keep(self, change: FileChange) -> Path:
        """Keep what is there now; or what was there before us, if that is known."""
        folder = self._folder_of(change.target, change.found)
        if self.before(change.target, change.found).is_known:
            return folder

        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if change.found.data is None:
            (folder / "before").unlink(missing_ok=True)
        else:
            _replace_private(folder / "before", change.found.data)

        return folder

    def note(self, target: HookFile, found: FoundHooks, data: bytes) -> None:
        """Remember that we have made *data* of it."""
        folder = self._folder_of(target, found)
        _replace_private(folder / "written", _hash(data).encode())

    def _folder_of(self, target: HookFile, found: FoundHooks) -> Path:
        return self._folder / f"{target.agent}-{_hash(os.fsencode(found.real))[:12]}"


def _replace_private(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    _write(path, data, NEW_MODE)


def _hash(data: bytes | None) -> str:
    return hashlib.sha256(data or b"").hexdigest()
