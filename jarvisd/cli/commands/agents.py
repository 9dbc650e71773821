"""`jarvisctl agents`: list agents that can be read, and check how a log is read."""

import argparse
import os
from collections import Counter, defaultdict
from pathlib import Path

import msgspec

from jarvisd import config
from jarvisd.base import paths
from jarvisd.base.errors import (
    EXIT_FAILURE,
    EXIT_NO_SUCH_BLOCK,
    EXIT_USAGE,
    JarvisError,
)
from jarvisd.cli import wall_clock
from jarvisd.cli.examples import EXAMPLES
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import project_names, terminal
from jarvisd.cli.output.tables import FAINT, Column, TableCell, facts, render
from jarvisd.cli.output.text import cut, safe
from jarvisd.cli.parser import (
    HelpForm,
    Subparsers,
    add_colour,
    add_json,
    declare,
    nearest,
)
from jarvisd.core.agent import Agent
from jarvisd.overview.agent_summaries import AgentSummary, summarize
from jarvisd.overview.log_check import (
    CheckedFile,
    CheckedLine,
    LogCheck,
    Truth,
    check_logs,
    known_agents,
    logs_at,
)

TRUTH = """\
A truth file is a JSON object: `usage` has what the logs must add up to (requests,
input_uncached, cache_read, cache_write, output, reasoning), `tool_calls` and
`user_prompts` how many there were, or a list of them. What is absent is not compared.
With usage_completed, usage_total, usage_by_kind and aborted in place of `usage` it is
what went over the wire; what the agent is known not to log is left out then."""

_AGENT_COLUMNS = [
    Column(title="AGENT"),
    Column(title="LOGS", least=14, part=0.25, front=True),
    Column(title="TOKENS"),
    Column(title="KIND", least=8, rank=3),
    Column(title="VERSION", least=7, rank=1),
    Column(title="TESTED", least=7, rank=2),
    Column(title="LAST", right=True),
]
_COLUMNS = [
    Column(title="LINE", right=True, rank=1),
    Column(title="KIND", least=8, rank=2),
    Column(title="EVENTS", least=12, rank=3),
    Column(title="VERDICT"),
    Column(title="REASON", least=40),
]
_ITEM_COLUMNS = [Column(title="ITEM", least=20, rank=1), *_COLUMNS[1:]]
_STYLES = {"counted": "32", "merged": "32", "malformed": "31", "oversize": "31"}
_TOTALS = [
    Column(title="TOTAL"),
    Column(title="FOUND", right=True),
    Column(title="EXPECTED", right=True),
    Column(title=""),
]


class UnknownAgentError(JarvisError):
    """No agent has this name."""

    exit_status = EXIT_USAGE


class NoLogError(JarvisError):
    """A log or truth file is not there."""

    exit_status = EXIT_NO_SUCH_BLOCK


class TruthError(JarvisError):
    """A truth file is not what it should be."""

    exit_status = EXIT_USAGE


def add(subparsers: Subparsers) -> None:
    """Declare the command and its action."""
    parser = declare(
        subparsers,
        "agents",
        run,
        more="It works without a daemon: logs are read by the command itself.",
    )
    parser.epilog = TRUTH
    parser.add_argument(
        "-a",
        "--all",
        action="store_true",
        help="also describe agents that are not found here",
    )
    add_json(parser)
    add_colour(parser)
    actions = parser.add_subparsers(title="actions", dest="action", metavar="[ACTION]")
    check = actions.add_parser(
        "check",
        help="show how a log is read: each line, its record and what it counted",
        formatter_class=HelpForm,
        allow_abbrev=False,
    )
    check.examples, check.epilog = EXAMPLES["agents check"], TRUTH
    check.add_argument("agent", metavar="AGENT", help="the agent that wrote the log")
    check.add_argument(
        "log", metavar="LOG", type=Path, help="a log, or a folder with logs in it"
    )
    check.add_argument(
        "--truth", metavar="FILE", type=Path, help="compare the totals with this file"
    )
    form = check.add_mutually_exclusive_group()
    form.add_argument(
        "-a", "--all", action="store_true", help="also list lines that count nothing"
    )
    form.add_argument("--brief", action="store_true", help="print only the totals")
    add_json(check)
    add_colour(check)


def run(args: argparse.Namespace) -> int:
    """Print the agents, or the check of a log."""
    return _list(args) if args.action is None else _check(args)


def _list(args: argparse.Namespace) -> int:
    settings, agents = config.read([], os.environ), known_agents(*args.packages)
    found = summarize(
        agents,
        os.environ,
        Path(paths.home(os.environ)),
        {name: settings.agent(name).roots for name in agents.names},
    )
    if args.json:
        terminal.print_json(agents=found)
        return 0

    colour = terminal.wants_colour(args.color, os.environ)
    now_ms, room = wall_clock.unix_ms(), terminal.columns()
    rows = [_row(each, now_ms) for each in found]
    terminal.draw(render(_AGENT_COLUMNS, rows, room=room, colour=colour))
    for summary in found:
        if args.all or summary.found:
            terminal.show("")
            terminal.draw(facts(_pairs(summary), least=10, room=room))

    return 0


def _row(summary: AgentSummary, now_ms: int) -> list[TableCell]:
    logs = [project_names.with_home(each) for each in summary.found]
    cells = [
        summary.name,
        ", ".join(logs) or "not found",
        summary.tokens or "not read",
        ", ".join(summary.kinds) or fmt.ABSENT,
        summary.version or fmt.ABSENT,
        fmt.ABSENT if summary.tested is None else summary.tested[1],
        fmt.ago(summary.last_activity_ms, now_ms),
    ]
    style = "" if summary.tokens and summary.found else FAINT
    return [TableCell(each, style) for each in cells]


def _pairs(summary: AgentSummary) -> list[tuple[str, str]]:
    if summary.reason is not None:
        return [
            (summary.name, summary.title),
            ("logs", _folders(summary)),
            ("not read", summary.reason),
        ]

    tested = summary.tested
    versions = "" if tested is None else f", tested with {tested[0]} to {tested[1]}"
    return [
        (summary.name, f"{summary.title}{versions}"),
        ("logs", _folders(summary)),
        ("exact", summary.exact),
        ("estimated", summary.estimated),
        ("unknowable", summary.unknowable),
    ]


def _folders(summary: AgentSummary) -> str:
    found = ", ".join(map(project_names.with_home, summary.found))
    if not summary.roots:
        return "found in folders that the configuration names"

    return found or f"none found in {_roots(summary)}"


def _roots(summary: AgentSummary) -> str:
    return ", ".join(project_names.with_home(each) for each in summary.roots)


def _check(args: argparse.Namespace) -> int:
    agent = _agent(args.agent, args.packages)
    truth = None if args.truth is None else _truth(args.truth)
    logs = logs_at(agent, args.log)
    if not logs:
        raise NoLogError(f"{args.log}: there is no log of {agent.title or agent.name}")

    check = check_logs(agent, logs, truth)
    if truth is not None and not check.expected:
        raise _no_truth(args.truth, "it names no figure that can be compared")

    if args.json:
        terminal.print_json(**msgspec.to_builtins(check))
    else:
        _print(check, args)

    is_unread = any(each.error is not None for each in check.files)
    return EXIT_FAILURE if check.differing or is_unread else 0


def _agent(name: str, packages: tuple[str, ...]) -> Agent:
    agents = known_agents(*packages)
    if name in agents:
        return agents[name]

    known = ", ".join(agents.names)
    raise UnknownAgentError(
        f"no agent is called `{name}`{nearest(name, agents.names)} (there are {known})"
    )


def _truth(path: Path) -> Truth:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Truth)
    except OSError as exc:
        raise NoLogError(f"{path}: {exc.strerror}") from exc
    except msgspec.DecodeError as exc:
        raise _no_truth(path, exc) from exc


def _no_truth(path: Path, reason: object) -> TruthError:
    return TruthError(
        f"{path} is no truth file: {reason}; see jarvisctl agents check --help"
    )


def _print(check: LogCheck, args: argparse.Namespace) -> None:
    colour = terminal.wants_colour(args.color, os.environ)
    of_file = defaultdict(list)
    for line in check.lines:
        of_file[line.file].append(line)

    for number, file in enumerate(check.files):
        _print_file(file, of_file[number], args, colour=colour)

    for each in check.unknown:
        kind = each.kind.replace("_", " ")
        terminal.show(f"unknown: {kind} {safe(each.name)} ({each.count:,})")

    if check.unknown:
        terminal.show("")

    terminal.draw(
        render(_TOTALS, _totals(check), room=terminal.columns(), colour=colour)
    )


def _print_file(
    file: CheckedFile,
    lines: list[CheckedLine],
    args: argparse.Namespace,
    *,
    colour: bool,
) -> None:
    name, room = safe(project_names.with_home(file.path)), terminal.columns()
    if file.session_id is not None and file.session_id not in file.path:
        name = f"{name} {safe(file.session_id)}"

    terminal.show(name if room is None else cut(name, room, front=True))
    if file.error is not None:
        terminal.report(f"{file.path}: {file.error}")

    shown = (
        []
        if args.brief
        else [
            each
            for each in lines
            if args.all or each.verdict != "nothing" or each.unknown
        ]
    )
    are_items = any(each.item is not None for each in lines)
    if shown:
        rows = [_cells(each) for each in shown]
        columns = _ITEM_COLUMNS if are_items else _COLUMNS
        terminal.draw(render(columns, rows, room=room, colour=colour))

    verdicts = Counter(each.verdict for each in lines)
    sums = ", ".join(f"{count:,} {word}" for word, count in verdicts.items())
    terminal.show(
        f"{fmt.number_of(file.lines, 'item' if are_items else 'line')}: {sums or 'none'}",
        "",
    )


def _cells(line: CheckedLine) -> list[TableCell]:
    unknown = f"unknown: {', '.join(line.unknown)}; " if line.unknown else ""
    return [
        TableCell(f"{line.line}" if line.item is None else line.item),
        TableCell(line.kind),
        TableCell(", ".join(line.events)),
        TableCell(line.verdict, _STYLES.get(line.verdict, "2")),
        TableCell(f"{unknown}{line.reason}"),
    ]


def _totals(check: LogCheck) -> list[list[TableCell]]:
    expected = check.expected or {}
    rows = []
    for name, found in msgspec.structs.asdict(check.totals).items():
        wanted = expected.get(name)
        is_wrong = name in check.differing
        rows.append(
            [
                TableCell(name.replace("_", " ")),
                TableCell(f"{found:,}"),
                TableCell(fmt.ABSENT if wanted is None else f"{wanted:,}"),
                TableCell("differs" if is_wrong else "", "31" if is_wrong else ""),
            ]
        )

    return rows
