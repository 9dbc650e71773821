"""`jarvisctl hooks`: enter and remove the hooks by which agents report what they do."""

import argparse
import difflib
import os
from collections.abc import Iterable, Iterator

from jarvisd.base.errors import EXIT_FAILURE, EXIT_USAGE, JarvisError
from jarvisd.cli import wall_clock
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.hooks import hook_files, settings_file, surgery
from jarvisd.cli.hooks.hook_files import HookFile, NoAgentError
from jarvisd.cli.hooks.settings_file import Backups, FileChange, HooksFileError
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import terminal
from jarvisd.cli.output.text import safe
from jarvisd.cli.parser import (
    Parser,
    Subparsers,
    add_connection,
    add_json,
    client_of,
    declare,
)
from jarvisd.overview.health_wire import Health, HealthResult
from jarvisd.presence.wire import HookReceipt

MORE = """Your
own hooks, and every byte that is not ours, stay as they are; what a file was
before is kept in the state folder. An agent runs `jarvisctl hook` at each event:
it takes some 20 ms, never stops the agent, and sends no content."""

STATUS_TIMEOUT_S = 2.0

_ACTIONS = {
    "install": "put our hooks into the agents' settings, after yours",
    "uninstall": "take them out again",
    "status": "say where they are installed, and when the last one came",
}


def add(subparsers: Subparsers) -> None:
    """Declare the command and its actions."""
    parser = declare(subparsers, "hooks", run, more=MORE)
    actions = parser.add_subparsers(
        title="actions", dest="action", metavar="ACTION", required=True
    )
    for name, summary in _ACTIONS.items():
        action = actions.add_parser(name, help=summary, allow_abbrev=False)
        _add_options(action)
        if name == "status":
            add_connection(action, timeout_s=STATUS_TIMEOUT_S)
        else:
            action.add_argument("--dry-run", action="store_true", help="write nothing")
            action.add_argument(
                "--diff", action="store_true", help="show every line that changes"
            )


def _add_options(action: Parser) -> None:
    action.add_argument(
        "agent",
        nargs="?",
        choices=tuple(hook_files.SETTINGS),
        help="of this agent only",
    )
    action.add_argument(
        "--root", metavar="DIR", help="the agent's folder, instead of all known ones"
    )
    add_json(action)


def run(args: argparse.Namespace) -> int:
    """Do the action for each agent that is here."""
    if args.root and not args.agent:
        names = " or ".join(f"`{each}`" for each in hook_files.SETTINGS)
        terminal.report(f"say whose folder it is: `--root` needs {names}")
        return EXIT_USAGE

    if args.action == "status":
        return _status(args)

    return _change(args, hook_files.targets(os.environ, args.agent, args.root))


# install and uninstall


def _change(args: argparse.Namespace, targets: list[HookFile]) -> int:
    backups, reports, status = Backups(os.environ), [], 0
    for target in targets:
        try:
            change = _planned(args.action, target, backups)
            kept = _made(change, backups, dry_run=args.dry_run)
        except HooksFileError as exc:
            terminal.report(str(exc))
            status = EXIT_FAILURE
            continue

        reports.append(_as_json(change, kept))
        if not args.json:
            _print_change(args, change, kept)

    if args.json:
        terminal.print_json(dry_run=args.dry_run, files=reports)

    return status


def _planned(action: str, target: HookFile, backups: Backups) -> FileChange:
    if action == "install":
        return settings_file.installing(target)

    return settings_file.uninstalling(target, backups)


def _made(change: FileChange, backups: Backups, *, dry_run: bool) -> str | None:
    """Make *change* unless it is none; return where the file of before is kept."""
    if change.is_none or dry_run:
        return None

    return str(settings_file.apply(change, backups))


def _as_json(change: FileChange, kept: str | None) -> dict[str, object]:
    return {
        "agent": change.target.agent,
        "path": str(change.found.path),
        "changed": not change.is_none,
        "left_out": change.target.left_out,
        "byte_order_mark": change.found.is_marked,
        "diff": "\n".join(_diff(change)),
        "backup": kept,
    }


def _print_change(
    args: argparse.Namespace, change: FileChange, kept: str | None
) -> None:
    for line in _diff(change) if args.diff else ():
        terminal.pass_on(safe(line))

    path, target = change.found.path, change.target
    if change.is_none:
        terminal.report(f"{path}: nothing to {args.action}")
    else:
        terminal.report(f"{path}: {_summary(change, kept, dry_run=args.dry_run)}")

    if args.action == "install" and change.found.is_marked:
        terminal.report(f"{path} {_marked(target)}")

    if args.action == "install" and not change.is_none:
        if target.left_out:
            terminal.report(_left_out(target))

        terminal.report(hook_files.advice(target))


def _summary(change: FileChange, kept: str | None, *, dry_run: bool) -> str:
    """Return the number of hooks that *change* adds to and removes from its file, as text."""
    before = set(surgery.commands(change.found.text).items())
    after = set(surgery.commands((change.data or b"").decode("utf-8-sig")).items())
    added, removed = len(after - before), len(before - after)
    counts = [
        f"{count} hook{'s' if count > 1 else ''} {word}"
        for count, word in ((added, "added"), (removed, "removed"))
        if count
    ]
    what = ", ".join(counts) or "put in order"
    if change.found.data is not None and change.data is not None:
        what = f"{what}, yours kept"

    if dry_run:
        return f"{what}; not written, since this is a dry run"

    if change.found.data is None:
        return f"{what} in a new file"

    if change.data is None:
        return f"{what}; the file is removed, since `install` had created it"

    return f"{what}; the file as it was before is in {kept}"


def _marked(target: HookFile) -> str:
    return (
        f"begins with a byte order mark; some versions of {target.title} pass over "
        "such a file. Save it as UTF-8 without one"
    )


def _left_out(target: HookFile) -> str:
    events = ", ".join(target.left_out)
    return (
        f"skipped {events}: older versions of {target.title} ignore the whole settings "
        "file over them, and yours is older or was not found. Install again after an "
        "upgrade."
    )


def _diff(change: FileChange) -> Iterator[str]:
    name = str(change.found.path)
    new = (change.data or b"").decode()
    return difflib.unified_diff(
        change.found.text.splitlines(),
        new.removeprefix("\ufeff").splitlines(),
        fromfile=name if change.found.data is not None else os.devnull,
        tofile=name if change.data is not None else os.devnull,
        lineterm="",
    )


# status


def _status(args: argparse.Namespace) -> int:
    with client_of(args) as client:
        receipts = _receipts(client)

    came = {each.agent for each in receipts or () if args.agent in {None, each.agent}}
    try:
        targets = hook_files.targets(os.environ, args.agent, args.root)
    except NoAgentError:
        if not came:
            raise

        targets = []  # hooks come from a folder that is not known here

    views = [_view(target) for target in targets]
    if args.json:
        terminal.print_json(daemon=receipts is not None, files=views, hooks=receipts)
        return 0

    terminal.show(*map(_line, views))

    if receipts is None:
        terminal.report("no daemon answers, so nothing is known of hooks that came")
    else:
        shown = came.union(each.agent for each in targets)
        terminal.show(*_receipt_lines(shown, receipts))

    return 0


def _receipts(client: Client) -> list[HookReceipt] | None:
    try:
        return client.call(Health(), HealthResult).hooks
    except JarvisError:
        return None


def _view(target: HookFile) -> dict[str, object]:
    view: dict[str, object] = {"agent": target.agent, "path": str(target.path)}
    try:
        file = settings_file.read(target.path)
        found = surgery.commands(file.text)
    except (HooksFileError, ValueError) as exc:
        return view | {"state": "unreadable", "error": str(exc)}

    missing = [event for event in target.wanted if event not in found]
    stale = any(
        target.wanted[event]["command"] != command
        for event, command in found.items()
        if event in target.wanted
    )
    if file.is_marked:
        view["warning"] = _marked(target)

    state = _state(found, missing=missing, stale=stale)
    return view | {"state": state, "events": list(found), "missing": missing}


def _state(found: Iterable[str], *, missing: list[str], stale: bool) -> str:
    if not found:
        return "not installed"

    if missing:
        return "partly installed"

    return "of another installation" if stale else "installed"


def _line(view: dict[str, object]) -> str:
    reason = view.get("error") or view.get("warning")
    error = f" ({reason})" if reason else ""
    missing = view.get("missing")
    events = ""
    if view["state"] == "partly installed" and isinstance(missing, list):
        events = f" without {', '.join(missing)}"

    return f"{view['agent']:<7} {view['state']}{events}: {view['path']}{error}"


def _receipt_lines(
    wanted: Iterable[str], receipts: Iterable[HookReceipt]
) -> Iterator[str]:
    by_agent = {each.agent: each for each in receipts}
    for agent in sorted(wanted):
        receipt = by_agent.get(agent)
        if receipt is None or receipt.last_ms is None:
            yield f"{agent:<7} no hook since the daemon was started"
        else:
            passed_s = (wall_clock.unix_ms() - receipt.last_ms) / fmt.MS_PER_S
            yield (
                f"{agent:<7} last hook {fmt.duration(passed_s)} ago "
                f"({receipt.last_event}), {receipt.count:,} since the daemon was started"
            )
            for root in receipt.unread_roots:
                yield (
                    f"{agent:<7} transcripts in {root} are not read: "
                    f"add it to agents.{agent}.roots in the configuration"
                )
