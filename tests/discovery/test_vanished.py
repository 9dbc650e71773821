"""What a scan does not come across, without any watcher: the reader is never started."""

from pathlib import Path

from jarvisd.app.feature_order import open_store
from jarvisd.core.discovery.scheduler import Scheduler
from jarvisd.core.intake import Intake
from jarvisd.overview.sessions import Sessions
from tests.agents.found import AGENTS
from tests.discovery.test_reconciler import survey_of
from tests.support import FakeClock, build_flusher


async def test_a_file_that_a_scan_misses_is_looked_for_and_no_other(
    tmp_path: Path,
) -> None:
    root, clock, sessions = tmp_path / "root", FakeClock(), Sessions()
    kept, removed = root / "kept.jsonl", root / "inner" / "removed.jsonl"
    for path in (kept, removed):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")

    async with open_store(tmp_path / "s.db", clock=clock) as store:
        flusher = build_flusher(store, clock, sessions)
        intake = Intake(sessions.blocks, flusher, clock, agents=AGENTS.named)
        reader = Scheduler(survey_of(root, clock=clock), intake)
        await reader._scan(reader.record_found)
        # As if all were read: what is unchanged is passed by from here on.
        for known in reader.file_registry:
            known.source.read(known.position, clock.monotonic())
            known.wakes = 0

        removed.unlink()
        await reader._scan(reader._record_scanned)

        wakes = {Path(each.path): each.wakes for each in reader.file_registry}
        reader.handles.close()

    assert wakes == {kept: 0, removed: 1}
