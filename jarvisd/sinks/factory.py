"""From what the user configured to the sinks themselves."""

from collections.abc import Iterable
from pathlib import Path
from typing import assert_never

from jarvisd.config import JsonlSettings, PosthogSettings, SinkSettings
from jarvisd.sinks.jsonl import JsonlSink
from jarvisd.sinks.posthog import PosthogSink
from jarvisd.sinks.sink import Sink


def make_sinks(settings: Iterable[SinkSettings], folder: Path) -> list[Sink]:
    """Return a sink for each of *settings*; *folder* is for what they must remember.

    Nothing is opened, read or imported before there is something to deliver.
    """
    return [_make(each, folder) for each in settings]


def _make(settings: SinkSettings, folder: Path) -> Sink:
    match settings:
        case JsonlSettings(name=name, path=path, max_waiting=most):
            return JsonlSink(name, path, max_waiting=most)
        case PosthogSettings():
            return PosthogSink(settings, folder)
        case _:
            assert_never(settings)
