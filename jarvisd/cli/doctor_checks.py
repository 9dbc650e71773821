"""What `doctor` looks at: each look gives findings, and each finding says what to do.

Every look works without a daemon, except those that ask it.
"""

import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jarvisd import __version__
from jarvisd.base import paths
from jarvisd.base.errors import JarvisError
from jarvisd.cli import wall_clock
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.output import drift_lines, sink_lines
from jarvisd.cli.output import format as fmt
from jarvisd.overview.health_wire import Health, HealthResult
from jarvisd.overview.wire import SourcesList, SourcesListResult
from jarvisd.pricing.wire import PricesGet, PricesResult
from jarvisd.reports.wire import ReportUsage, ReportUsageResult

Level = Literal["ok", "warn", "fail"]

LEAST_SQLITE = (3, 37, 0)
"""The first with STRICT tables."""

LEAST_FREE_BYTES = 64 * 1024 * 1024
LEAST_WATCHES = 8_192
INOTIFY = Path("/proc/sys/fs/inotify")
MAX_UNPRICED_MODELS = 5
MAX_PROBLEM_SOURCES = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; *remedy* says what to do unless it is `ok`."""

    level: Level
    subject: str
    detail: str
    remedy: str = ""


def local(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the findings that need no daemon."""
    yield Finding("ok", "python", f"{sys.version.split()[0]}, {sys.executable}")
    yield _sqlite()
    yield _configuration(environ)
    yield _state(Path(paths.state_folder(environ)))
    yield from _socket(paths.socket_path(environ))
    yield from _inotify()


def of_daemon(client: Client) -> Iterator[Finding]:
    """Yield the findings that the daemon reports, or that it does not answer."""
    try:
        yield _daemon(client)
        yield from _health(client.call(Health(), HealthResult))
        yield from _sources(client.call(SourcesList(), SourcesListResult))
        yield from _prices(client)
    except JarvisError as exc:
        yield Finding("fail", "daemon", str(exc))


_DRIFT_REMEDY = (
    "update jarvisd: tokens may be missing; if the newest version shows this too, "
    "report the line agent.drift of the daemon's log"
)
_REMEDIES = {
    "compressed_files": "restore those that are damaged; unpack copies of very large "
    "ones into DIR/sessions, and name DIR in agents.NAME.roots"
}


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= LEAST_SQLITE:
        return Finding("ok", "sqlite", version)

    least = ".".join(map(str, LEAST_SQLITE))
    return Finding(
        "fail", "sqlite", version, f"use a Python with SQLite {least} or later"
    )


def _configuration(environ: Mapping[str, str]) -> Finding:
    import importlib  # noqa: PLC0415 - settings are the daemon's; see commands/config.py

    file = Path(paths.config_file(environ))
    try:
        importlib.import_module("jarvisd.config").list_settings(environ)
    except JarvisError as exc:
        return Finding("fail", "config", str(exc), f"correct {file}")

    return Finding(
        "ok", "config", str(file) if file.exists() else f"{file} (none, defaults)"
    )


def _state(folder: Path) -> Finding:
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{folder}, {fmt.size(free)} free"
    if not os.access(existing, os.W_OK):
        return Finding("fail", "state", detail, f"make {existing} writable for you")

    if free < LEAST_FREE_BYTES:
        return Finding("warn", "state", detail, "free some space on this disk")

    return Finding("ok", "state", detail)


def _socket(path: str) -> Iterator[Finding]:
    if len(os.fsencode(path)) > paths.MAX_SOCKET_PATH_BYTES:
        most = paths.MAX_SOCKET_PATH_BYTES
        yield Finding(
            "fail", "socket", f"{path} has more than {most} bytes", "set JARVISD_SOCKET"
        )
        return

    path = os.path.realpath(path)  # the daemon links the usual place to where it is
    yield _private(Path(path).parent, "runtime", wanted_mode=0o700)
    yield _private(Path(path), "socket", wanted_mode=0o600)


def _private(path: Path, subject: str, *, wanted_mode: int) -> Finding:
    try:
        status = path.lstat()
    except OSError as exc:
        return Finding("warn", subject, f"{path}: {exc.strerror}", "start the daemon")

    mode = stat.S_IMODE(status.st_mode)
    detail = f"{path}, mode {mode:04o}"
    if status.st_uid != os.getuid():
        return Finding(
            "fail", subject, f"{path} belongs to user {status.st_uid}", "move it away"
        )

    if mode & ~wanted_mode:
        return Finding("fail", subject, detail, f"chmod {wanted_mode:04o} {path}")

    return Finding("ok", subject, detail)


def _inotify() -> Iterator[Finding]:
    for name, least in (
        ("max_user_watches", LEAST_WATCHES),
        ("max_user_instances", 16),
    ):
        try:
            limit = int((INOTIFY / name).read_text())
        except (OSError, ValueError):
            continue

        subject, detail = "inotify", f"{name} = {limit:,}"
        if limit >= least:
            yield Finding("ok", subject, detail)
        else:
            yield Finding("warn", subject, detail, f"sysctl fs.inotify.{name}={least}")


def _daemon(client: Client) -> Finding:
    hello = client.connection().hello
    detail = f"version {hello.version}, protocol {hello.protocol}, process {hello.pid}"
    if hello.version == __version__:
        return Finding("ok", "daemon", detail)

    mine = f"{detail}; jarvisctl is {__version__}"
    return Finding("warn", "daemon", mine, "restart it: jarvisctl service install")


def _health(health: HealthResult) -> Iterator[Finding]:
    store = health.store
    where = store.path or "in memory only"
    if store.error is None:
        yield Finding("ok", "store", f"{where}, {fmt.size(store.size_bytes)}")
    else:
        yield Finding(
            "fail", "store", f"{where}: {store.error}", "check disk and permissions"
        )

    for problem in health.problems:
        if problem.kind != "sink_failing":  # shown with its sink, below
            remedy = _REMEDIES.get(problem.kind, "jarvisctl health")
            yield Finding("warn", problem.kind, problem.message, remedy)

    for receipt in health.hooks:
        for root in receipt.unread_roots:
            yield Finding(
                "warn",
                receipt.agent,
                f"hooks come from sessions in {root}, whose transcripts are not read",
                f"add this folder to agents.{receipt.agent}.roots in the configuration",
            )

    for drift in health.drift:
        found = drift_lines.described(drift)
        if drift.items:
            yield Finding("warn", drift.agent, found, _DRIFT_REMEDY)
        else:
            yield Finding("ok", drift.agent, f"{found}; nothing in them is unknown")

    now_ms = wall_clock.unix_ms()
    for sink in health.sinks:
        level: Level = "ok" if sink.error is None else "warn"
        remedy = "" if sink.error is None else "see docs/sinks.md; nothing is lost"
        yield Finding(level, "sink", sink_lines.described(sink, now_ms), remedy)


def _prices(client: Client) -> Iterator[Finding]:
    """Yield the version of the prices, and the models without a price."""
    prices = client.call(PricesGet(), PricesResult)
    if prices.problem is not None:
        remedy = "jarvisctl prices update FILE, or remove the file"
        yield Finding("warn", "prices", prices.problem, remedy)

    yield Finding("ok", "prices", f"of {prices.day}")
    models = client.call(ReportUsage(by="model"), ReportUsageResult).rows
    unpriced = [each for each in models if each.unpriced and each.tokens.total]
    for row in unpriced[:MAX_UNPRICED_MODELS]:
        tokens = fmt.count(row.tokens.total)
        yield Finding(
            "warn",
            "prices",
            f"no price for {row.key or 'responses without a model'}: {tokens} tokens",
            "jarvisctl prices update FILE, or set [prices] in the configuration",
        )


def _sources(known: SourcesListResult) -> Iterator[Finding]:
    for root in known.roots:
        subject, detail = f"{root.agent}", f"{root.path}, {root.files:,} transcripts"
        if root.error is not None:
            yield Finding(
                "fail", subject, f"{root.path}: {root.error}", "make it readable"
            )
        elif root.exists:
            yield Finding("ok", subject, detail)
        else:
            yield Finding("ok", subject, f"{root.path} (not there yet)")

    troubled = [each for each in known.sources if each.error is not None]
    for source in troubled[:MAX_PROBLEM_SOURCES]:
        is_packed = source.path.endswith(".zst")
        yield Finding(
            "warn",
            source.agent,
            f"{source.path}: {source.error}",
            source.remedy or ("restore the file" if is_packed else "make it readable"),
        )

    if len(troubled) > MAX_PROBLEM_SOURCES:
        rest = len(troubled) - MAX_PROBLEM_SOURCES
        yield Finding(
            "warn", "sources", f"and {rest} more with a problem", "repair those first"
        )
