"""Who needs somebody: in what order, in which words, and with which exit status."""

import json
import re

import pytest

from jarvisd.base.errors import EXIT_FAILURE, ProtocolError
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import Activity, Confidence, State
from jarvisd.base.wire_types import Params
from jarvisd.cli.output import block_rows, state_words
from jarvisd.cli.output.tables import Column, TableCell, render
from jarvisd.cli.output.text import safe
from jarvisd.overview.wire import SessionsPrompts
from jarvisd.state.model import Attention, Reason, StateView, Tier
from jarvisd.state.wire import LiveSession, StatesList
from tests.cli.conftest import Ctl, command
from tests.cli.fake_daemon import HALF_WAY, NOW_MS, FakeDaemon, block, live_session
from tests.cli.terminal import Terminal

APPROVAL = live_session(
    "aaaa",
    title="Fix the cart",
    state=State.WAITING_APPROVAL,
    tool="Bash",
    since_ms=NOW_MS - 14_000,
    evidence="PermissionRequest Bash",
    evidence_ms=NOW_MS - 14_000,
    tier=Tier.HOOK,
    confidence=Confidence.HIGH,
)
LOOP = Attention(
    reason=Reason.LOOP, message="the same call 6 times", since_ms=NOW_MS - 5_000
)
LOOPING = live_session("bbbb", state=State.WORKING, attention=(LOOP,))
IDLE = live_session("cccc", state=State.IDLE, hint="install the hooks")
BUSY = live_session("dddd", state=State.WORKING)
GUESS = live_session("eeee", state=State.STALLED, confidence=Confidence.LOW)
CHILD = live_session(
    "aaaa/agent-1",
    state=State.WAITING_APPROVAL,
    parent_session_id=SessionId("aaaa"),
)
ORPHAN = live_session(
    "gone/agent-1",
    state=State.WAITING_APPROVAL,
    confidence=Confidence.HIGH,
    parent_session_id=SessionId("gone"),
)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        pytest.param([APPROVAL, IDLE, BUSY], [APPROVAL, IDLE], id="work needs nobody"),
        pytest.param(
            [IDLE, LOOPING], [LOOPING, IDLE], id="what stands out comes first"
        ),
        pytest.param([APPROVAL, LOOPING], [APPROVAL, LOOPING], id="but behind needs"),
        pytest.param(
            [CHILD, APPROVAL], [APPROVAL], id="a child's need is its parent's"
        ),
        pytest.param([GUESS, LOOPING], [LOOPING, GUESS], id="guesses come behind"),
        pytest.param([IDLE, GUESS], [GUESS, IDLE], id="and before idle ones"),
        pytest.param([ORPHAN], [ORPHAN], id="unless the parent is not there"),
    ],
)
def test_who_is_listed(told: list[LiveSession], shown: list[LiveSession]) -> None:
    assert state_words.in_need(told) == shown


@pytest.mark.parametrize(
    ("view", "label"),
    [
        pytest.param(APPROVAL.state, "approval (Bash)", id="with its tool"),
        pytest.param(IDLE.state, "idle?", id="a guess has a question mark"),
        pytest.param(
            StateView(state=State.UNKNOWN), "unknown", id="not knowing is sure"
        ),
        pytest.param(
            StateView(
                state=State.WORKING,
                activity=Activity.THINKING,
                confidence=Confidence.MEDIUM,
            ),
            "working (thinking)",
            id="with what it is at",
        ),
    ],
)
def test_a_state_in_words(view: StateView, label: str) -> None:
    assert state_words.doubted(view) == label


def test_a_limit_tells_how_long_it_lasts() -> None:
    limited = StateView(state=State.LIMITED, since_ms=0, until_ms=NOW_MS + 3_600_000)

    assert state_words.since(limited, NOW_MS) == "1 h left"


def test_next_tells_state_time_place_and_evidence(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.sessions = [APPROVAL, IDLE, BUSY]

    done = ctl("next")

    header, first, second, hint = done.stdout.splitlines()
    assert header.split() == ["STATE", "SINCE", "AGENT", "PROJECT", "TITLE", "WHY"]
    assert [word.strip() for word in first.split("  ") if word.strip()] == [
        *("approval (Bash)", "14s", "claude", "demo", "Fix the cart"),
        "PermissionRequest Bash, 14 s ago (hook)",
    ]
    assert second.startswith("idle?")
    assert hint == "? install the hooks"
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("columns", [80, 100])
def test_a_usual_terminal_has_room_for_project_and_source(
    environ: dict[str, str], daemon: FakeDaemon, columns: int
) -> None:
    daemon.sessions = [
        live_session(
            project="/home/ada/basket",
            title="Fix the cart and add tests for all of its currencies",
            state=State.WAITING_APPROVAL,
            tool="Write",
            evidence="PermissionRequest Write",
            evidence_ms=NOW_MS - 3_600_000,
            tier=Tier.HOOK,
        )
    ]
    with Terminal(command("next"), environ, columns=columns) as terminal:
        terminal.see("(hook)")
        _, row, *_ = map(safe, terminal.output.decode().splitlines())

    assert row.startswith("approval (Write)?")
    assert "  basket  " in row
    assert re.search(r"  Per.*, 1 h ago \(hook\)$", row)


@pytest.mark.parametrize("activity", Activity)
@pytest.mark.parametrize("columns", [block_rows.COLUMNS, state_words.COLUMNS])
def test_what_a_session_is_at_is_never_cut_at_80_columns(
    columns: list[Column], activity: Activity
) -> None:
    view = StateView(state=State.WORKING, activity=activity)
    cells = [
        TableCell(state_words.doubted(view) if each.title == "STATE" else "x" * 99)
        for each in columns
    ]

    (_, row) = render(columns, [cells], room=80, colour=False)

    assert f"working ({activity})?" in row


def test_a_hint_of_many_sessions_stands_once_below(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.sessions = [
        live_session(name, state=State.IDLE, hint="install the hooks")
        for name in ("aaaa", "bbbb", "cccc")
    ]

    shown = ctl("next").stdout

    assert shown.count("install the hooks") == 1
    assert shown.endswith("\n? install the hooks (3 sessions)\n")


@pytest.mark.parametrize(
    ("sessions", "status"),
    [
        pytest.param([APPROVAL], EXIT_FAILURE, id="one in need"),
        pytest.param([LOOPING], EXIT_FAILURE, id="one that stands out"),
        pytest.param([IDLE, BUSY], 0, id="idle ones need nobody"),
        pytest.param([], 0, id="none"),
    ],
)
def test_a_check_finds_whom_somebody_must_look_at(
    ctl: Ctl, daemon: FakeDaemon, sessions: list[LiveSession], status: int
) -> None:
    daemon.sessions = sessions

    checked, listed = ctl("next", "--check"), ctl("next")

    assert (checked.returncode, listed.returncode) == (status, 0)
    assert ("nobody needs you" in listed.stderr) == (status == 0)


def test_next_json_has_the_sessions_as_they_came(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.sessions = [APPROVAL, BUSY]

    answer = json.loads(ctl("next", "--json").stdout)

    assert (answer["schema"], answer["now_ms"]) == (1, NOW_MS)
    assert [each["session_id"] for each in answer["sessions"]] == ["aaaa"]
    assert answer["sessions"][0]["state"]["tier"] == "hook"


def test_next_never_passes_an_escape_sequence_on(ctl: Ctl, daemon: FakeDaemon) -> None:
    evil = "\x1b]0;evil\x07\u202e"
    daemon.sessions = [
        live_session(title=evil, project=evil, agent=evil, evidence=evil, hint=evil)
    ]

    shown = ctl("next").stdout

    assert "evil" not in shown
    assert "\x1b" not in shown


def test_that_nobody_is_needed_is_said_with_reserve_while_logs_are_read(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.backfill = HALF_WAY

    told = ctl("next").stderr

    assert "nobody needs you so far; backfill: 1.2 of 4.0 GB, 18 s left" in told


def test_colour_is_for_those_who_want_it(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.sessions = [APPROVAL]

    assert "\x1b[1;33mapproval" in ctl("next", "--color=always").stdout
    assert "\x1b" not in ctl("next").stdout


def test_the_watched_list_changes_by_itself(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.sessions = [IDLE]
    with Terminal(command("next", "--watch"), environ, columns=120) as terminal:
        terminal.see("nobody needs you")
        daemon.sessions = [APPROVAL, IDLE]
        daemon.notify(
            "event",
            {"subscription": "s1", "topic": "states", "cursor": "i:1", "data": {}},
        )
        terminal.see("1 needs you")
        terminal.see("approval (Bash)")
        terminal.type(b"q")

        assert terminal.status() == 0
        assert terminal.is_restored()


def test_a_session_without_a_title_is_called_by_its_first_words(
    environ: dict[str, str], ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.sessions = [IDLE, live_session("eeee", state=State.IDLE)]
    daemon.prompts = {"cccc": "Mend the cart"}

    named, unnamed = ctl("next").stdout.splitlines()[1:3]

    assert "Mend the cart" in named
    assert "demo " in unnamed
    assert "eeee" not in unnamed


def test_first_words_are_asked_for_once_each(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.sessions = [IDLE, APPROVAL]
    daemon.prompts = {"cccc": "Mend the cart"}
    with Terminal(command("next", "--watch"), environ, columns=120) as terminal:
        terminal.see("Mend the cart")
        daemon.sessions = [BUSY, *daemon.sessions]
        daemon.notify(
            "event",
            {"subscription": "s1", "topic": "states", "cursor": "i:1", "data": {}},
        )
        daemon.wait_until(
            lambda: sum(isinstance(each, StatesList) for each in daemon.asked) > 1
        )
        terminal.type(b"q")
        assert terminal.status() == 0

    asked = [each for each in daemon.asked if isinstance(each, SessionsPrompts)]
    assert [[name.session_id for name in each.sessions] for each in asked] == [["cccc"]]


def test_a_daemon_that_knows_no_first_words_is_no_hindrance(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    def refuse(asked: Params) -> None:
        if isinstance(asked, SessionsPrompts):
            raise ProtocolError(-32601, "unknown_method", "no such method")

    daemon.before = refuse
    daemon.sessions = [IDLE]

    done = ctl("next")

    assert (done.returncode, done.stderr) == (0, "jarvisctl: nobody needs you\n")
    assert "demo" in done.stdout


def test_show_tells_what_a_state_rests_on(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.blocks = [block(session_id="aaaa")]
    daemon.sessions = [APPROVAL]

    shown = ctl("show", "0123").stdout

    assert "state          approval (Bash)" in shown
    assert "PermissionRequest Bash" in shown
    assert "confidence high" in shown


def test_ps_shows_what_a_session_is_doing(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.blocks = [
        block(state=State.WAITING_APPROVAL, state_tool="Bash", state_since_ms=1)
    ]

    assert "approval (Bash)" in ctl("ps").stdout
    assert ctl("ps", "--plain").stdout.endswith("waiting_approval\t1\t\tBash\n")


def test_watch_puts_those_first_that_need_somebody(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.blocks = [
        block("1" * 16, last_activity_ms=NOW_MS + 9),
        block("2" * 16, state=State.WAITING_ANSWER),
        block("3" * 16, state=State.WAITING_APPROVAL),
    ]
    with Terminal(command("watch", "--all"), environ) as terminal:
        seen = terminal.see("11111111")
        terminal.type(b"q")

    places = [seen.index(each * 8) for each in (b"3", b"2", b"1")]
    assert places == sorted(places)
