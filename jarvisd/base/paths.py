"""The paths of all files: the XDG rules, as pure functions of the environment.

Daemon and client find the socket by the same function. Only strings and `os.path` are
used: the status line's fast path imports this module, and pathlib costs milliseconds.
"""

import os

# The private module that collections.abc re-exports, which the interpreter has already
# loaded: importing the public one costs the status line 2.5 ms of its 15.
from _collections_abc import Mapping

APP = "jarvisd"
MAX_SOCKET_PATH_BYTES = 107
"""The kernel's limit for the path of a Unix socket (sockaddr_un, less the NUL)."""


class HomeError(OSError):
    """The user has no home directory, or a relative one; the message says which.

    An OSError, so that status lines and hooks treat it like a missing daemon.
    """


def home(environ: Mapping[str, str]) -> str:
    """Return the user's home directory, an absolute path.

    Raises:
        HomeError: HOME is relative; or it is unset, and the password database has no
            entry for this user.

    """
    found = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - see above
    if found.startswith("/"):
        return found

    if environ.get("HOME"):
        raise HomeError(f"HOME is {found!r}: expected an absolute path")

    raise HomeError(
        f"HOME is not set, and the password database has no entry for user {os.geteuid()}"
        "; set HOME to an absolute path"
    )


def _xdg(environ: Mapping[str, str], variable: str, *fallback: str) -> str:
    # The specification says to ignore a relative path.
    base = environ.get(variable, "")
    return base if base.startswith("/") else "/".join([home(environ), *fallback])


def config_home(environ: Mapping[str, str]) -> str:
    """Return the folder of this user's configuration files."""
    return _xdg(environ, "XDG_CONFIG_HOME", ".config")


def config_file(environ: Mapping[str, str]) -> str:
    """Return the configuration file: `JARVISD_CONFIG`, or below XDG_CONFIG_HOME."""
    return environ.get("JARVISD_CONFIG") or (
        f"{config_home(environ)}/{APP}/config.toml"
    )


def state_folder(environ: Mapping[str, str]) -> str:
    """Return the folder of the database.

    Never systemd's $STATE_DIRECTORY: for user units that is `~/.config/NAME` before
    systemd 254 and `~/.local/state/NAME` after, so an upgrade would lose history.
    """
    return f"{_xdg(environ, 'XDG_STATE_HOME', '.local', 'state')}/{APP}"


def runtime_folder(environ: Mapping[str, str]) -> str:
    """Return the private folder of socket, lock and status files; never in /tmp."""
    base = environ.get("XDG_RUNTIME_DIR", "")
    return f"{base}/{APP}" if base.startswith("/") else f"{state_folder(environ)}/run"


def socket_path(environ: Mapping[str, str]) -> str:
    """Return the path of the socket: `JARVISD_SOCKET`, or in the runtime folder."""
    return environ.get("JARVISD_SOCKET") or f"{runtime_folder(environ)}/rpc.sock"


def line_file(environ: Mapping[str, str]) -> str:
    """Return the path of the rendered status line, beside the socket."""
    return f"{socket_path(environ).rpartition('/')[0]}/line"
