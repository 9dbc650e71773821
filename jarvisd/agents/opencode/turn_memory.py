"""What the reader of opencode remembers: how far it has come, and whose turn it is."""

from collections.abc import Iterator

from msgspec import Struct

from jarvisd.core.event import Asked, Cue, Event, MessageWritten, TurnEnded

CALLS = frozenset({"tool-calls", "unknown"})
"""Why a message ends where another one follows."""

_GOES_ON = "tool_use"


class OpencodeMemory(Struct, array_like=True):
    """What a reader remembers from row to row.

    Attributes:
        newest_ms: When the newest message so far was created.
        owner_ms: That of the message whose steps are being read.
        stepped: The message whose steps were counted last.
        asked_ms: When the provider was asked for the step that is being read.
        streamed_ms: When something of that step came last.
        cue: The last words ask something.
        manual: A compaction was asked for by a person.
        calls: Calls that are open, and how far each has come.

    """

    newest_ms: int = 0
    owner_ms: int = 0
    stepped: str = ""
    asked_ms: int = 0
    streamed_ms: int = 0
    cue: bool = False
    manual: bool = False
    calls: dict[str, int] = {}

    def turn_to(self, owner_ms: int) -> None:
        """Set the message that is being read."""
        self.newest_ms = max(owner_ms, self.newest_ms)
        if owner_ms != self.owner_ms:
            self.owner_ms = self.asked_ms = owner_ms
            self.streamed_ms, self.cue = 0, False

    def ends(self, message_id: str | None, reason: str | None) -> Iterator[Event]:
        """Return how a message of the newest turn ends; without a *reason*, it is done."""
        if self.owner_ms < self.newest_ms:
            return  # somebody has asked for something else meanwhile

        stop = _GOES_ON if reason in CALLS else reason or "stop"
        yield MessageWritten(message_id=message_id, stop_reason=stop)
        if stop != _GOES_ON:
            yield TurnEnded()
            if self.cue:
                yield Asked(cue=Cue.QUESTION)
