"""Runs `jarvisctl` as a person does: as a process of its own."""

import sys
from subprocess import CompletedProcess

import anyio
from anyio.abc import Process

from tests.e2e.home import Home

LIMIT_S = 60.0


async def jarvisctl(
    home: Home,
    *arguments: str,
    stdin: bytes = b"",
    zone: str | None = None,
    packages: tuple[str, ...] = (),
) -> CompletedProcess[bytes]:
    """Run one command to its end, in a time *zone* or that of the machine.

    *packages* hold agents besides those that come with it.
    """
    environ = home.environ() if zone is None else {**home.environ(), "TZ": zone}
    with anyio.fail_after(LIMIT_S):
        return await anyio.run_process(
            [*started_by("jarvisd.cli.main", packages), *arguments],
            input=stdin,
            check=False,
            env=environ,
        )


def command(*arguments: str) -> list[str]:
    """Return what starts `jarvisctl`, installed or not."""
    return [*started_by("jarvisd.cli.main"), *arguments]


def started_by(module: str, packages: tuple[str, ...] = ()) -> list[str]:
    """Return the command that starts the program whose `main` is in *module*."""
    if not packages:
        return [sys.executable, "-m", module.removesuffix(".__main__")]

    call = f"sys.exit(main(*{packages!r}))"
    return [sys.executable, "-c", f"import sys; from {module} import main; {call}"]


async def started(home: Home, *arguments: str) -> Process:
    """Start a command that goes on until it is told to stop."""
    return await anyio.open_process(command(*arguments), env=home.environ())
