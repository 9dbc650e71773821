"""What sessions are called where no title is written, and that it is kept nowhere."""

import json

from jarvisd.cli import wall_clock
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home, append
from tests.e2e.rig import running_daemon

SESSION = "0f9b3c52-6a71-4d0e-9a53-0d5f6f1c2b3a"
WORDS = "Mend the quince marmalade"


def lines(session: str, *, folder: str = "/home/me/shop") -> list[str]:
    """Return the beginning of a session: a prompt, and an answer."""
    usual = {
        "sessionId": session,
        "cwd": folder,
        "timestamp": wall_clock.iso(wall_clock.unix_ms()),
    }
    prompt = {"role": "user", "content": f"{WORDS}.\n\nThen test it."}
    answer = {"id": "m", "role": "assistant", "model": "claude-opus-4-5-20251101"}
    answer["content"] = [{"type": "text", "text": "Done."}]  # type: ignore[assignment]
    answer["usage"] = {"input_tokens": 1, "output_tokens": 1}  # type: ignore[assignment]
    return [
        json.dumps({**usual, "type": "user", "uuid": "u1", "message": prompt}),
        json.dumps({**usual, "type": "assistant", "uuid": "a1", "message": answer}),
    ]


async def shown(home: Home, *words: str) -> str:
    """Return the output of a command."""
    done = await jarvisctl(home, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


async def test_a_session_without_a_title_is_called_by_its_first_words(
    home: Home,
) -> None:
    environ = {"JARVISD_LOG_LEVEL": "debug"}
    async with running_daemon(home, environ=environ) as daemon:
        path = home.transcript("shop", SESSION)
        append(path, *lines(SESSION))
        block = await daemon.block_at(path)

        commands = [("ps",), ("show", block.block_id), ("report", "session")]
        for words in commands:
            assert WORDS in await shown(home, *words)

        assert "opus-4-5" in await shown(home, "ps")
        assert "claude-opus-4-5-20251101" in await shown(home, "show", block.block_id)
        await daemon.sync()
        kept = [each for each in home.state.rglob("*") if each.is_file()]
        assert kept
        assert [each for each in kept if b"quince" in each.read_bytes()] == []
        assert "quince" not in daemon.log()

        title = {"type": "ai-title", "sessionId": SESSION, "aiTitle": "Marmalade"}
        append(path, json.dumps(title))
        await daemon.sync()
        assert "Marmalade" in await shown(home, "ps")
        assert WORDS not in await shown(home, "ps")


async def test_without_words_it_is_called_by_project_and_time_and_never_by_an_id(
    home: Home,
) -> None:
    async with running_daemon(home) as daemon:
        path = home.transcript("shop", SESSION)
        append(path, lines(SESSION)[1])
        block = await daemon.block_at(path)

        assert block.start_ts_ms is not None
        named = f"shop {wall_clock.short_time(block.start_ts_ms)}"
        for words in [("ps",), ("report", "session"), ("show", block.block_id)]:
            assert named in await shown(home, *words)


async def test_first_words_are_those_that_were_asked_for(home: Home) -> None:
    async with running_daemon(home) as daemon, daemon.connected() as client:
        path = home.transcript("shop", SESSION)
        append(path, *lines(SESSION))
        await daemon.block_at(path)
        asked = [
            {"agent": "claude", "session_id": SESSION},
            {"agent": "codex", "session_id": SESSION},
            {"agent": "claude", "session_id": SESSION[:8]},
        ]

        found = await client.ask("sessions.prompts", dict, sessions=asked)
        path.unlink()
        gone = await client.ask("sessions.prompts", dict, sessions=asked[:1])

    (only,) = found["sessions"]
    assert only["session_id"] == SESSION
    assert only["words"] == f"{WORDS}. Then test it."
    assert gone["sessions"][0]["words"] is None
