"""`jarvisctl show`: everything known of one block."""

import argparse

from jarvisd.base.errors import ProtocolError
from jarvisd.base.usage import Tokens
from jarvisd.cli import naming, wall_clock
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import project_names, state_words, terminal
from jarvisd.cli.output.tables import facts
from jarvisd.cli.output.titles import Titles, of_block
from jarvisd.cli.parser import Subparsers, add_connection, add_json, client_of, declare
from jarvisd.core.origin import BlockView
from jarvisd.overview.model import SessionView
from jarvisd.overview.wire import BlocksGet, SessionsGet
from jarvisd.state.model import StateView


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "show", run)
    parser.add_argument(
        "name", metavar="NAME", nargs="+", help=f"the session or block: {naming.HELP}"
    )
    add_json(parser)
    add_connection(parser)


def run(args: argparse.Namespace) -> int:
    """Print the block."""
    with client_of(args) as client:
        found = naming.resolve(client, " ".join(args.name))
        block_id = naming.block_of(found, " ".join(args.name))
        block = client.call(BlocksGet(block_id=block_id), BlockView)
        view = _state(client, block)
        titles = Titles()
        if not args.json:
            titles.learn(client.call, [of_block(block)])

    if args.json:
        terminal.print_json(block=block, state=view)
        return 0

    now_ms = wall_clock.unix_ms()
    known = [
        ("title", titles.of(of_block(block))),
        *_facts(block, now_ms),
        *_state_facts(view, now_ms),
    ]
    rows = [(name, value) for name, value in known if value is not None]
    terminal.draw(facts(rows, least=14, room=terminal.columns()))

    return 0


def _state(client: Client, block: BlockView) -> StateView | None:
    """Return the state of the session of *block*, with its evidence."""
    if block.session_id is None:
        return None

    try:
        params = SessionsGet(session_id=block.session_id, agent=block.agent)
        return client.call(params, SessionView).state
    except ProtocolError:  # none of its lines is known yet
        return None


def _state_facts(view: StateView | None, now_ms: int) -> list[tuple[str, str | None]]:
    if view is None:
        return []

    return [
        ("state", state_words.doubted(view)),
        ("since", _moment(view.since_ms, now_ms)),
        (
            "until",
            None if view.until_ms is None else wall_clock.local_time(view.until_ms),
        ),
        ("because", f"{state_words.why(view, now_ms)}, confidence {view.confidence}"),
        ("to be sure", view.hint),
        ("state process", _number(view.pid)),
        *[
            (
                f"look: {each.reason}",
                f"{each.message} ({fmt.moment(each.since_ms, now_ms)})",
            )
            for each in view.attention
        ],
    ]


def _facts(block: BlockView, now_ms: int) -> list[tuple[str, str | None]]:
    unit = "item" if block.are_items else "line"
    return [
        ("block", block.block_id),
        ("agent", block.agent),
        ("kind", block.kind),
        ("life", block.life),
        ("error", block.error),
        ("exit status", _number(block.exit_status)),
        ("project", _place(block.project)),
        ("session", block.session_id),
        ("parent session", block.parent_session_id),
        ("folder", _place(block.cwd)),
        ("path", _place(block.path)),
        ("process", _number(block.pid)),
        (f"first {unit}", _moment(block.start_ts_ms, now_ms)),
        (f"last {unit}", _moment(block.last_activity_ms, now_ms)),
        (f"{unit}s", f"{block.line_count:,} ({fmt.rate(block.lines_per_s)})"),
        ("characters", f"{block.char_count:,}"),
        ("estimate", f"{block.token_estimate:,} tokens (characters / 4)"),
        ("bytes read", f"{block.bytes_read:,} ({fmt.size(block.bytes_read)})"),
        (
            "unfinished",
            f"{block.partial_bytes:,} bytes" if block.partial_bytes else None,
        ),
        ("malformed", _count(block.malformed_count, unit)),
        ("oversize", _count(block.oversize_count, unit)),
        ("revision", f"{block.revision:,}"),
        *_session_facts(block),
    ]


def _session_facts(block: BlockView) -> list[tuple[str, str | None]]:
    """Return tokens and cost of the session of *block*, of which the block may be a part."""
    tokens = block.tokens
    if tokens is None:
        return []

    cached = f"{tokens.cache_read:,} from cache, {_written(tokens):,} to it"
    unpriced = f" and {block.unpriced:,} without a price" if block.unpriced else ""
    tilde = "~" if block.tokens_estimated else ""
    return [
        ("model", block.model),
        ("tokens", f"{tilde}{tokens.total:,}: {tokens.input:,} in, {cached}"),
        ("", f"{tokens.output:,} out ({tokens.reasoning:,} reasoning)"),
        ("", "estimated by the agent" if block.tokens_estimated else None),
        ("cost", f"{fmt.dollars(block.cost_micros or 0)}{unpriced}"),
        ("context", _share(block.context_percent)),
        ("last tool", block.last_tool),
        ("tool errors", _number(block.tool_errors or None)),
    ]


def _written(tokens: Tokens) -> int:
    return tokens.cache_write_5m + tokens.cache_write_1h


def _share(percent: float | None) -> str | None:
    return None if percent is None else f"{percent:.1f} % of the window"


def _place(path: str | None) -> str | None:
    return None if path is None else project_names.with_home(path)


def _moment(at_ms: int | None, now_ms: int) -> str | None:
    if at_ms is None:
        return None

    passed = fmt.duration((now_ms - at_ms) / fmt.MS_PER_S)
    return f"{wall_clock.local_time(at_ms)} ({passed} ago)"


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _count(lines: int, unit: str) -> str | None:
    return fmt.number_of(lines, unit) if lines else None
