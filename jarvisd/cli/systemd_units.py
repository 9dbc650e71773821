"""The systemd units of this user: where they lie, what is in them, who wrote them.

The texts come with the package. A file that does not carry our mark is somebody else's
work and is neither overwritten nor removed.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from jarvisd import config
from jarvisd.base import paths
from jarvisd.base.errors import JarvisError
from jarvisd.cli.packaged import packaged

SERVICE = "jarvisd.service"
SOCKET = "jarvisd.socket"
NOTIFY = "jarvisd-notify.service"
SANDBOX = "50-sandbox.conf"
MARK = "# Written by `jarvisctl service install`; `uninstall` removes it.\n"

_PLACEHOLDERS = {"@JARVISD@": "jarvisd", "@JARVISCTL@": "jarvisctl"}
_MODULES = {"jarvisd": "jarvisd", "jarvisctl": "jarvisd.cli.main"}


class ForeignUnitError(JarvisError):
    """A unit of our name was written by somebody else."""

    code = "foreign_unit"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was not written by `jarvisctl service install`. Move it away, "
            "or keep it and steer it with systemctl."
        )


def folder(environ: Mapping[str, str]) -> Path:
    """Return where a user's own units lie."""
    return Path(paths.config_home(environ)) / "systemd" / "user"


def files(
    environ: Mapping[str, str], *, sandbox: bool, notify: bool = False
) -> dict[Path, str]:
    """Return each file to write with its text; *sandbox* adds the drop-in."""
    here = folder(environ)
    names = (SOCKET, SERVICE, *((NOTIFY,) if notify else ()))
    texts = {here / name: _text(name) for name in names}
    if sandbox:
        texts[_sandbox_file(here)] = _text(SANDBOX) + _also_writable(environ)

    return texts


def _also_writable(environ: Mapping[str, str]) -> str:
    """Return the line that lets the daemon write its database wherever it lies."""
    folder = store_folder(environ)
    usual = paths.state_folder({"HOME": paths.home(environ)})
    return "" if str(folder) == usual else f"ReadWritePaths=-{quoted(str(folder))}\n"


def store_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of the database, as this user has configured it.

    Raises:
        ConfigError: The configuration cannot be used.

    """
    return config.read([], environ).store.parent


def install(texts: Mapping[Path, str]) -> None:
    """Write *texts*, each file at once.

    Raises:
        ForeignUnitError: One exists and is not ours; nothing was written.

    """
    for path in texts:
        _check_ours(path)

    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)


def uninstall(environ: Mapping[str, str]) -> list[Path]:
    """Remove what `install` wrote, and return it; what others wrote stays."""
    here = folder(environ)
    sandbox = _sandbox_file(here)
    written = [
        path
        for path in (here / SERVICE, here / SOCKET, here / NOTIFY, sandbox)
        if path.is_file() and _is_ours(path)
    ]
    for path in written:
        path.unlink()

    if sandbox in written and not any(sandbox.parent.iterdir()):
        sandbox.parent.rmdir()

    return written


def tells(environ: Mapping[str, str]) -> bool:
    """Whether the unit of the notifier is installed."""
    return (folder(environ) / NOTIFY).is_file()


def remove_sandbox(environ: Mapping[str, str]) -> None:
    """Remove our drop-in where an earlier install wrote one."""
    sandbox = _sandbox_file(folder(environ))
    if sandbox.is_file() and _is_ours(sandbox):
        sandbox.unlink()


def daemon_command() -> list[str]:
    """Return how to start this installation's daemon, by absolute paths."""
    return _command("jarvisd")


def _command(name: str) -> list[str]:
    script = Path(sys.executable).with_name(name)
    return [str(script)] if script.is_file() else [sys.executable, "-m", _MODULES[name]]


def _sandbox_file(here: Path) -> Path:
    return here / f"{SERVICE}.d" / SANDBOX


def _text(name: str) -> str:
    text = (packaged("systemd") / name).read_text(encoding="utf-8")
    for placeholder, program in _PLACEHOLDERS.items():
        command = " ".join(map(quoted, _command(program)))
        text = text.replace(placeholder, command)

    return MARK + text


def quoted(word: str) -> str:
    """Return *word* so that systemd reads it as one word and expands nothing in it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    escaped = escaped.replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(each in escaped for each in " \t\"\\;'") else escaped


def _check_ours(path: Path) -> None:
    if os.path.lexists(path) and not _is_ours(path):
        raise ForeignUnitError(path)


def _is_ours(path: Path) -> bool:
    try:
        return path.read_text(encoding="utf-8").startswith(MARK)
    except (OSError, UnicodeDecodeError):
        return False
