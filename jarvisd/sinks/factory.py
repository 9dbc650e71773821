"""Builds sinks from their settings."""

from collections.abc import Iterable
from pathlib import Path
from typing import assert_never

from jarvisd.config import JsonlSettings, PosthogSettings, SinkSettings
from jarvisd.sinks.jsonl import JsonlSink
from jarvisd.sinks.posthog import PosthogSink
from jarvisd.sinks.sink import Sink


def build_sinks(settings: Iterable[SinkSettings], folder: Path) -> list[Sink]:
    """Return a sink for each of *settings*; *folder* is for their persistent files.

    No file is opened, and no library imported, before the first delivery.
    """
    return [_build(each, folder) for each in settings]


def _build(settings: SinkSettings, folder: Path) -> Sink:
    match settings:
        case JsonlSettings(name=name, path=path, max_waiting=most):
            return JsonlSink(name, path, max_waiting=most)
        case PosthogSettings():
            return PosthogSink(settings, folder)
        case _:
            assert_never(settings)
