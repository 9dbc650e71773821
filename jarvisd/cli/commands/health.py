"""`jarvisctl health`: whether all is well, and what to do where it is not."""

import argparse

from jarvisd.base.errors import EXIT_FAILURE
from jarvisd.cli import wall_clock
from jarvisd.cli.output import (
    block_rows,
    drift_lines,
    project_names,
    sink_lines,
    terminal,
)
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output.tables import facts
from jarvisd.cli.parser import Subparsers, add_connection, add_json, client_of, declare
from jarvisd.core.wire import Problem
from jarvisd.overview.health_wire import Health, HealthResult
from jarvisd.presence.wire import HookReceipt


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "health", run)
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 unless the status is ok"
    )
    add_json(parser)
    add_connection(parser)


def run(args: argparse.Namespace) -> int:
    """Print the daemon's own view of its health."""
    with client_of(args) as client:
        health = client.call(Health(), HealthResult)

    if args.json:
        terminal.print_json(health=health)
    else:
        _print(health, wall_clock.unix_ms())

    return EXIT_FAILURE if args.check and health.status != "ok" else 0


def _print(health: HealthResult, now_ms: int) -> None:
    rows = _facts(health, now_ms)
    rows += [("sink", sink_lines.described(each, now_ms)) for each in health.sinks]
    rows += [(each.agent, drift_lines.described(each)) for each in health.drift]
    terminal.draw(facts(rows, least=9, room=terminal.columns()))
    backfill = block_rows.progress(health.backfill)
    if backfill is not None:
        terminal.show(backfill)

    terminal.show(*(_problem(each, now_ms) for each in health.problems))


def _facts(health: HealthResult, now_ms: int) -> list[tuple[str, str]]:
    store, watch = health.store, health.watch
    where = project_names.with_home(store.path or "in memory only")
    flushed = fmt.moment(store.last_flush_ms, now_ms)
    scanned = fmt.moment(watch.last_scan_ms, now_ms)
    uptime = fmt.duration(health.uptime_s)
    subscriptions = fmt.number_of(health.subscriptions, "subscription")
    return [
        ("status", health.status),
        ("daemon", f"{health.version}, process {health.pid}, up {uptime}"),
        ("memory", fmt.size(health.rss_bytes)),
        ("blocks", f"{health.blocks:,} known, {health.live_blocks:,} live"),
        ("clients", f"{health.clients}, with {subscriptions}"),
        ("store", f"{where}, {fmt.size(store.size_bytes)}, revision {store.revision}"),
        ("flush", f"{flushed}, {fmt.number_of(store.dirty_blocks, 'block')} waiting"),
        ("watch", f"{watch.live} (files), {watch.trees} (folders)"),
        ("scan", f"{scanned}, {fmt.number_of(watch.known_files, 'file')} known"),
        *(("hooks", _hooks(each, now_ms)) for each in health.hooks),
    ]


def _hooks(receipt: HookReceipt, now_ms: int) -> str:
    last = fmt.moment(receipt.last_ms, now_ms)
    refused = f", {receipt.refused:,} not understood" if receipt.refused else ""
    return f"{receipt.agent}: {receipt.count:,}, last {last}{refused}"


def _problem(problem: Problem, now_ms: int) -> str:
    since = fmt.duration((now_ms - problem.since_ms) / fmt.MS_PER_S)
    times = f", {problem.count} times" if problem.count > 1 else ""
    return f"problem: {problem.kind}: {problem.message} (since {since}{times})"
