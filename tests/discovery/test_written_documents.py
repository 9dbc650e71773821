"""Documents in the daemon's own parts, while a real process rewrites them."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import anyio.to_thread
import msgspec
import pytest

from jarvisd.base.clock import Clock
from jarvisd.core.roots import SourceKind
from jarvisd.core.sources.document.description import DocumentKind, Elements, named_by
from jarvisd.core.sources.document.document_source import DocumentSource
from tests.books.rig import Daemon, running
from tests.conftest import REPOSITORY
from tests.discovery.test_source_kinds import output, toy
from tests.sources.document import writer
from tests.support import eventually

STEPS = 40
IS_LONG = int(os.environ.get("JARVISD_EXAMPLES", "200")) >= 1000
MANNERS = tuple(writer.MANNERS) if IS_LONG else ("writing_over", "renaming")


class Document(msgspec.Struct):
    messages: list[msgspec.Raw] = []


KIND = DocumentKind(
    Document, lambda doc: [Elements("message", doc.messages, named_by("id"))]
)


def open_document(path: str, clock: Clock, cursor: bytes) -> DocumentSource:
    return DocumentSource(path, KIND, clock, cursor)


AGENTS = toy(SourceKind(open=open_document))


@pytest.mark.parametrize("manner", MANNERS)
async def test_a_document_counts_once_though_the_daemon_crashes_while_it_is_written(
    tmp_path: Path, manner: str
) -> None:
    path = tmp_path / ".toy" / "s1.json"
    path.parent.mkdir()
    with growing(path, manner) as process:
        seen = 0
        for _ in range(3):
            async with running(tmp_path, agents=AGENTS) as daemon:
                await eventually(partial(has_grown, daemon, process, seen + STEPS // 5))
                seen = lines(daemon)
                daemon.crash()

        told, _ = await anyio.to_thread.run_sync(process.communicate)

    expected = json.loads(told)
    async with running(tmp_path, agents=AGENTS) as daemon:
        await eventually(lambda: output(daemon) == expected["output"])
        await daemon.sync()
        block = daemon.block()
        assert (block.line_count, block.char_count) == (STEPS, expected["chars"])
        assert block.error is None


def growing(path: Path, manner: str) -> "subprocess.Popen[bytes]":
    """Start to write a document at *path*."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.sources.document.writer"),
            *(f"growing:{manner}", str(path), "1", str(STEPS)),
        ],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
    )


def lines(daemon: Daemon) -> int:
    return sum(each.line_count for each in daemon.blocks)


def has_grown(daemon: Daemon, process: "subprocess.Popen[bytes]", count: int) -> bool:
    return lines(daemon) >= count or process.poll() is not None
