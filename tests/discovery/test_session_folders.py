"""A folder with documents and a folder of events inside, through the daemon's parts."""

import json
from pathlib import Path
from typing import Any

from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, SourceKind
from jarvisd.core.sources.document.session_folder import SessionFolder
from tests.books.rig import running
from tests.discovery.test_source_kinds import output, toy
from tests.sources.document.test_session_folder import KIND
from tests.support import eventually


def open_session(path: str, clock: Clock, cursor: bytes) -> SessionFolder:
    return SessionFolder(path, KIND, clock, cursor)


def place(parts: tuple[str, ...]) -> Place | None:
    if len(parts) < 2 or not parts[-1].endswith(".json"):
        return None

    return Place(session_id=SessionId(parts[0]))


SESSIONS = toy(
    SourceKind(open=open_session, is_folder=True, beside=("/events",)), place
)


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


async def test_documents_and_events_of_a_folder_are_one_block(tmp_path: Path) -> None:
    folder = tmp_path / ".toy" / "s1"
    write(folder / "events" / "0.json", {"id": "e0", "output": 1})
    async with running(tmp_path, agents=SESSIONS) as daemon:
        await eventually(lambda: output(daemon) == 1)
        for number in (1, 2):  # the second one while the first is followed
            write(
                folder / "b.messages.json",
                {"messages": [{"id": "m", "output": 10**number}]},
            )
            await eventually(lambda number=number: output(daemon) == 10**number + 1)

        write(folder / "events" / "1.json", {"id": "e1", "output": 1000})
        await eventually(lambda: output(daemon) == 1101)

        assert daemon.block().origin.path == str(folder)
        assert daemon.block().line_count == 3


async def test_a_document_that_changed_without_a_hint_is_found_by_the_scan(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ".toy" / "s1"
    path = folder / "b.messages.json"
    write(path, {"messages": [{"id": "m1", "output": 1}]})
    async with running(tmp_path, agents=SESSIONS) as daemon:
        await daemon.sync()
        write(path, {"messages": [{"id": "m1", "output": 1}, {"id": "m2"}]})
        await daemon.sync()

        assert daemon.block().line_count == 2


async def test_a_session_of_a_folder_goes_on_from_its_cursor_after_a_restart(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ".toy" / "s1"
    write(folder / "events" / "0.json", {"id": "e0", "output": 1})
    write(folder / "b.messages.json", {"messages": [{"id": "m1", "output": 10}]})
    async with running(tmp_path, agents=SESSIONS) as daemon:
        await eventually(lambda: output(daemon) == 11)

    write(folder / "events" / "1.json", {"id": "e1", "output": 100})
    async with running(tmp_path, agents=SESSIONS) as daemon:
        await eventually(lambda: output(daemon) == 111)

        assert daemon.block().line_count == 3
