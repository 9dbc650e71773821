"""The program `jarvisd`: read the configuration, then run the daemon."""

import ctypes
import os
import resource
import sys
from contextlib import suppress
from functools import partial

import anyio

from jarvisd import agents, config
from jarvisd.app import logs, systemd
from jarvisd.app.daemon import run
from jarvisd.app.reload import Reloader
from jarvisd.base.clock import SystemClock
from jarvisd.base.errors import JarvisError
from jarvisd.config import Config
from jarvisd.core.agent import AgentRegistry, discover_agents
from jarvisd.pricing.overrides import parse_overrides

MAX_DESCRIPTORS = 4096
"""Enough for a thousand live files and every client."""


SWITCH_S = 0.001
"""After how long a busy thread lets another one have the interpreter. The store's thread
asks for it with every statement; by the usual 5 ms, a thousand of them took five seconds
while the loop was busy."""


HEAP_BYTES = 2_000_000
"""What reading one slice of a file takes in all, with its lines and their characters."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def main(*packages: str) -> int:
    """Run the daemon in the foreground; return its exit status.

    *packages* hold agents besides those that come with it.
    """
    os.umask(0o077)
    status = 0
    try:
        _start(sys.argv[1:], discover_agents(agents.__name__, *packages))
    except* JarvisError as group:
        status = _report_errors(group)

    return status


def _start(argv: list[str], known: AgentRegistry) -> None:
    flags = config.parse_flags(argv)
    settings = config.read(argv, os.environ, known_agents=known.names)
    parse_overrides(settings.prices)
    if flags.check_config:
        sys.stdout.write("the configuration is good\n")
    else:
        _run(settings, argv, known)


def _run(settings: Config, argv: list[str], known: AgentRegistry) -> None:
    _allow_descriptors()
    _keep_heap()
    sys.setswitchinterval(SWITCH_S)
    clock = SystemClock()
    threshold = logs.configure(settings.log_level, now=clock.monotonic)
    environ = dict(os.environ)
    reloader = Reloader(settings, threshold, known, argv=argv, environ=environ)
    anyio.run(
        partial(
            run,
            settings,
            reloader,
            known,
            environ=environ,
            clock=clock,
            activated=systemd.listen_sockets().get("rpc"),
        )
    )


def _allow_descriptors() -> None:
    # The usual soft limit of 1,024 is for programs that use select(); we do not.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < MAX_DESCRIPTORS:
        wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
        limit = min(MAX_DESCRIPTORS, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _keep_heap() -> None:
    # By itself glibc gives back at once what a slice took, and for the next one the
    # kernel clears it anew, page by page: up to a quarter of the time of counting lines.
    with suppress(AttributeError, OSError):  # another C library, or none to be loaded
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, HEAP_BYTES)
        mallopt(_M_MMAP_THRESHOLD, HEAP_BYTES // 2)


def _report_errors(group: BaseExceptionGroup[JarvisError]) -> int:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]

    assert isinstance(first, JarvisError)
    sys.stderr.write(f"jarvisd: {first}\n")
    return first.exit_status


if __name__ == "__main__":
    sys.exit(main())
