"""The kernel is asked who writes, and nobody notices that it was."""

import os
import threading
from pathlib import Path

import pytest

from jarvisd.core.sources.jsonlines.handles import open_regular
from jarvisd.core.sources.jsonlines.leaving import has_writer


@pytest.mark.parametrize(
    ("mode", "is_writer"),
    [
        pytest.param("a", True, id="who appends"),
        pytest.param("r+", True, id="who reads and writes"),
        pytest.param("r", False, id="not who reads"),
    ],
)
def test_who_can_write_is_a_writer_as_long_as_it_is_open(
    tmp_path: Path, mode: str, *, is_writer: bool
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("one\n")
    fd = open_regular(str(path))
    try:
        with path.open(mode):
            path.rename(tmp_path / "renamed")
            assert has_writer(fd) is is_writer

        assert not has_writer(fd)
    finally:
        os.close(fd)


def test_what_cannot_be_told_is_no_writer() -> None:
    reading, writing = os.pipe()
    try:
        assert not has_writer(reading)
    finally:
        os.close(reading)
        os.close(writing)


def test_writers_go_on_while_the_kernel_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.touch()
    stop, opened = threading.Event(), 0

    def write() -> None:
        nonlocal opened
        while not stop.is_set():
            with path.open("a") as file:
                opened += file.write("x")

    writer = threading.Thread(target=write)
    writer.start()
    fd = open_regular(str(path))
    try:
        while opened < 2000:
            has_writer(fd)
    finally:
        stop.set()
        writer.join()
        os.close(fd)

    assert path.stat().st_size == opened
