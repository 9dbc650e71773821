"""FoundBy we come to know that a database has changed, and what that costs to import."""

import subprocess
import sys
from pathlib import Path

import anyio

from jarvisd.core.discovery.inotify_folders import FolderWatch
from jarvisd.core.sources.sqlite.database_files import database_of
from tests.e2e.home import append, record, temporary_home
from tests.e2e.rig import running_daemon
from tests.sources.sqlite.database_rig import consuming, writing
from tests.support import eventually


async def test_a_commit_hints_at_its_database(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    hinted = anyio.Event()

    def hint(changed: str) -> None:
        if database_of(changed) == str(path):
            hinted.set()

    with writing(path) as agent:
        agent("session")
        watch = FolderWatch(hint, hinted.set)
        async with anyio.create_task_group() as group:
            group.start_soon(watch.run, lambda: [str(tmp_path)])
            # The first hint shows that the folder is watched.
            await eventually(lambda: agent("session") and hinted.is_set())
            hinted = anyio.Event()

            agent("session")
            with anyio.fail_after(5):
                await hinted.wait()
            group.cancel_scope.cancel()


def test_a_commit_is_seen_without_any_hint(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    with writing(path) as agent, consuming(path) as consumer:
        message = agent("message", agent("session"))
        for _ in range(5):
            # Behind a checkpoint the log is written from its beginning again.
            agent("checkpoint", "restart")
            consumer.drain()
            assert not consumer.source.is_changed()
            agent("part", message)
            assert consumer.source.is_changed()


def test_the_source_imports_apsw_with_its_first_question(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from jarvisd.base.clock import SystemClock\n"
        "from jarvisd.core.source import Budget\n"
        "from jarvisd.core.sources.sqlite.database_source import DatabaseSource\n"
        "from tests.sources.sqlite.opencode_like import QUERIES\n"
        "source = DatabaseSource(sys.argv[1], QUERIES, SystemClock())\n"
        "print('apsw' in sys.modules)\n"
        "source.read(Budget())\n"
        "print('apsw' in sys.modules)"
    )
    path = tmp_path / "agent.db"

    with writing(path) as agent:
        agent("session")
        answer = subprocess.run(
            [sys.executable, "-c", program, path],
            capture_output=True,
            check=True,
            text=True,
        )

    assert answer.stdout.split() == ["False", "True"]


async def test_the_daemon_without_such_an_agent_loads_no_apsw(tmp_path: Path) -> None:
    with temporary_home(tmp_path) as home:
        append(home.transcript(), record())
        async with running_daemon(home) as daemon:
            await daemon.sync()
            loaded = loaded_by(daemon.pid)

    assert "sqlite" in loaded
    assert "apsw" not in loaded


def loaded_by(pid: int) -> str:
    """Return the files that a process has mapped into its memory."""
    return Path(f"/proc/{pid}/maps").read_text()
