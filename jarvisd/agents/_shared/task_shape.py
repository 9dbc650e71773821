"""The shapes of tasks of editor extensions: of their documents, and of one element.

Of the conversation with the model only messages are wanted that describe the
environment, for the model, the mode and the folder that are named there.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import Dollars, Time, TokenCount
from jarvisd.agents._shared.task_places import HISTORY, MESSAGES, METADATA
from jarvisd.core.sources.document.description import (
    DocumentKind,
    Elements,
    SessionFolderKind,
    named_by,
    numbered,
)

ENVIRONMENT = b"<environment_details>"


class TaskMetadata(Struct, gc=False):
    """What is noted of a task: the models that were used."""

    model_usage: list[Raw] = []


class TaskModel(Struct, gc=False, rename="camel"):
    """The model that is asked when a message is shown."""

    model_id: str | None = None


class TaskPart(Struct, gc=False):
    """A part of a message to or from the model."""

    type: str = ""
    text: Raw = ABSENT


class TaskItem(Struct, gc=False):
    """An element: a message that is shown, one to the model, or a model that was used."""

    ts: Time | str | None = None
    type: str = ""
    say: str = ""
    ask: str = ""
    text: Raw = ABSENT
    partial: bool = False
    model_info: TaskModel | None = msgspec.field(default=None, name="modelInfo")

    role: str = ""
    content: tuple[TaskPart, ...] | str = ()

    model_id: str | None = None


class TaskRequest(Struct, gc=False, rename="camel"):
    """The usage of one response; the prompt does not include the cache."""

    tokens_in: TokenCount | None = None
    tokens_out: TokenCount | None = None
    cache_writes: TokenCount = 0
    cache_reads: TokenCount = 0
    cost: Dollars | None = None
    cancel_reason: str | None = None


def _shown(messages: list[Raw]) -> Iterator[Elements]:
    yield Elements("shown", messages, named_by("ts"))


def _environments(messages: list[Raw]) -> Iterator[Elements]:
    wanted = [each for each in messages if ENVIRONMENT in bytes(memoryview(each))]
    yield Elements("environment", wanted, numbered("role", "ts"))


def _models(document: TaskMetadata) -> Iterator[Elements]:
    yield Elements("model", document.model_usage, named_by("ts"))


_KINDS = {
    MESSAGES: (DocumentKind(list[Raw], _shown),),
    HISTORY: (DocumentKind(list[Raw], _environments, is_dated=True, order=-1),),
    METADATA: (DocumentKind(TaskMetadata, _models, order=-2),),
}
_NONE: tuple[DocumentKind, ...] = ()

TASK = SessionFolderKind(lambda name: _KINDS.get(name, _NONE))
