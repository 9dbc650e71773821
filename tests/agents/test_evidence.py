"""What agents leave beside their transcripts: names, entries, commands."""

from pathlib import Path

import pytest

from jarvisd.agents.claude import presence as claude
from jarvisd.agents.codex import presence as codex
from jarvisd.core.origin import SessionId
from jarvisd.core.presence_evidence import RegistryEntry
from jarvisd.core.process import ProcessRole
from tests.agents.found import AGENTS
from tests.conformance.shared import SHARED, needs_shared

THREAD = "01a1fbed-862a-75b1-bce3-2029626f135b"
ENTRY = (
    b'{"pid":31,"sessionId":"s1","cwd":"/w","startedAt":1795231362202,'
    b'"procStart":"638472","kind":"interactive","entrypoint":"cli",'
    b'"pidDomain":"linux:3d12:pid:[4026532179]","status":"waiting",'
    b'"waitingFor":"permission prompt","updatedAt":1795231362147,'
    b'"statusUpdatedAt":1795231362140}'
)


def test_an_entry_is_decoded() -> None:
    assert claude.decode_entry(ENTRY) == RegistryEntry(
        pid=31,
        session_id=SessionId("s1"),
        status="waiting",
        waiting_for="permission prompt",
        at_ms=1795231362140,
        written_ms=1795231362147,
        cwd="/w",
        start="638472",
        namespace="pid:[4026532179]",
    )


@pytest.mark.parametrize("length", range(len(ENTRY)))
def test_no_part_of_an_entry_is_one(length: int) -> None:
    assert claude.decode_entry(ENTRY[:length]) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[1]", id="an array"),
        pytest.param(b'{"pid":31}', id="no session"),
        pytest.param(b'{"sessionId":"s1"}', id="no process"),
        pytest.param(b'{"pid":-1,"sessionId":"s1"}', id="a group"),
        pytest.param(b'{"pid":31,"sessionId":"a/b"}', id="a path for a session"),
        pytest.param(b'{"pid":31,"session_id":"s1"}', id="the old spelling"),
        pytest.param(b"{" * 60_000, id="deep"),
    ],
)
def test_what_is_no_entry(text: bytes) -> None:
    assert claude.decode_entry(text) is None


def test_strange_fields_cost_themselves_alone() -> None:
    text = b'{"pid":31,"sessionId":"s1","status":7,"waitingFor":"\\u001b[2J","procStart":9}'
    assert claude.decode_entry(text) == RegistryEntry(
        pid=31, session_id=SessionId("s1"), start="9"
    )


@pytest.mark.parametrize(
    ("name", "pid"),
    [
        ("31.json", 31),
        ("pid-31.json", None),
        ("031.json", None),
        ("31.json.tmp", None),
        ("31.966802c3.key", None),
        ("٣.json", None),
        ("99999999999.json", None),
        ("31.json\n", None),
    ],
)
def test_names_of_entries(name: str, pid: int | None) -> None:
    assert claude.pid_of(name) == pid


@pytest.mark.parametrize(
    ("name", "session"),
    [
        (f"{THREAD}.lock", THREAD),
        (".coordination.lock", None),
        (f"{THREAD}.lock.tmp", None),
        (f"../{THREAD}.lock", None),
    ],
)
def test_names_of_locks(name: str, session: str | None) -> None:
    assert codex.session_of(name) == session


def test_folders_lie_beside_the_transcripts() -> None:
    home = Path("/home/dev")
    assert claude.folder(home / ".claude/projects") == home / ".claude/sessions"
    assert claude.folder(home / "elsewhere") is None
    for name in ("sessions", "archived_sessions"):
        found = codex.folder(home / ".codex" / name)
        assert found == home / ".codex/thread-writer-locks"

    assert codex.folder(home / "elsewhere") is None


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("claude", ProcessRole.TALKS),
        ("/usr/local/bin/claude --resume x", ProcessRole.TALKS),
        ("/opt/claude-code/bin/claude.exe", ProcessRole.TALKS),
        ("/home/dev/.local/share/claude/versions/2.1.329", ProcessRole.TALKS),
        ("node /usr/bin/claude", ProcessRole.TALKS),
        (
            "node --require x.js /lib/@anthropic-ai/claude-code/cli.js -p hi",
            ProcessRole.ONCE,
        ),
        ("claude --print hi", ProcessRole.ONCE),
        ("claude -p --input-format stream-json", ProcessRole.TALKS),
        ("claude -p --input-format=stream-json", ProcessRole.TALKS),
        ("claude mcp serve", ProcessRole.SERVES),
        ("node -r /opt/claude server.js", None),
        ("node", None),
        ("vim claude", None),
        ("claude-monitor", None),
        ("", None),
    ],
)
def test_commands_of_claude(command: str, role: ProcessRole | None) -> None:
    assert claude.role(command.split()) == role


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("codex", ProcessRole.TALKS),
        (
            "/lib/@openai/codex/vendor/x86_64/codex/codex resume --last",
            ProcessRole.TALKS,
        ),
        ("codex --model x exec hi", ProcessRole.ONCE),
        ("codex app-server", ProcessRole.SERVES),
        ("codex app-server --listen unix:// --managed-daemon", ProcessRole.HOSTS),
        ("codex app-server daemon pid-update-loop", ProcessRole.SERVES),
        ("codex mcp-server", ProcessRole.SERVES),
        ("node /usr/bin/codex", None),
        ("codex-monitor", None),
        ("", None),
    ],
)
def test_commands_of_codex(command: str, role: ProcessRole | None) -> None:
    assert codex.role(command.split()) == role


@pytest.mark.parametrize(
    ("command", "folder"),
    [
        ("codex", None),
        ("codex -C /w resume --last", "/w"),
        ("codex --cd sub", "sub"),
        ("codex --cd=sub", "sub"),
        ("codex -C", None),
    ],
)
def test_the_folder_that_codex_is_told_to_work_in(
    command: str, folder: str | None
) -> None:
    assert codex.named_folder(command.split()) == folder


def test_when_a_thread_was_created_is_in_its_id() -> None:
    assert codex.created_ms(SessionId(THREAD)) == 0x01A1FBED862A
    assert codex.created_ms(SessionId("00000000-0000-4000-8000-000000000000")) is None
    assert codex.created_ms(SessionId("x")) is None


@pytest.mark.conformance
@needs_shared()
def test_recorded_entries_are_decoded() -> None:
    evidence = AGENTS["claude"].presence()
    assert evidence is not None
    assert evidence.registry is not None
    folders = SHARED.glob("corpus/claude/*/.claude/sessions")
    paths = [each for folder in folders for each in folder.iterdir()]
    entries = [each for each in paths if evidence.registry.pid_of(each.name)]
    assert entries
    for each in entries:
        entry = evidence.registry.decode(each.read_bytes())
        assert entry is not None
        assert entry.pid == evidence.registry.pid_of(each.name)
        assert entry.status in {"busy", "idle", "waiting", "shell"}
        assert entry.start is not None
        assert entry.start.isdecimal()
