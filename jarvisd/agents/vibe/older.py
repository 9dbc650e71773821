"""Messages of older versions of Mistral Vibe, which have no times -> records."""

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import digest_of, text_of
from jarvisd.agents.vibe.shape import VibeItem
from jarvisd.core.event import (
    Asked,
    Cue,
    Event,
    MessageWritten,
    Outcome,
    PromptGiven,
    ToolCalled,
    ToolReturned,
)
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
_OLD_FAILED = ("<tool_error>", "Error")
_OLD_DENIED = ("<user_cancellation>", "User cancelled", "Tool execution not permitted")


def message_record(item: VibeItem) -> Record:
    """Return the record of a message of an older version, which has no time."""
    key = item.message_id or item.reasoning_message_id
    words = text_of(item.content) or ""
    events: list[Event] = []
    match item.role:
        case "user" if not item.injected:
            events.append(PromptGiven(chars=len(words), key=key))
        case "assistant":
            calls = [each for each in item.tool_calls or () if each.id]
            stop = "tool_use" if calls else "stop"
            events.append(MessageWritten(message_id=key, stop_reason=stop))
            events += [
                ToolCalled(
                    call_id=each.id or "",
                    tool=(each.function and each.function.name) or "",
                    response=key,
                    digest=digest_of(each.function.arguments) if each.function else 0,
                )
                for each in calls
            ]
            if not calls and asks(words):
                events.append(Asked(cue=Cue.QUESTION))
        case "tool" if item.tool_call_id:
            events.append(
                ToolReturned(call_id=item.tool_call_id, outcome=_old_outcome(words))
            )

    known = {"user", "assistant", "tool", "system"}
    drift = Drift(DriftKind.RECORD_TYPE, item.role or "")
    return Record(
        kind=item.role or "",
        key=key,
        speaker=None if item.injected else SPEAKERS.get(item.role or ""),
        drift=() if item.role in known else (drift,),
        events=tuple(events),
    )


def _old_outcome(words: str) -> Outcome:
    head = words[:400].lstrip()
    if head.startswith(_OLD_DENIED):
        return Outcome.DENIED

    code = words.rpartition("returncode: ")[2].split("\n", 1)[0].strip()
    failed = head.startswith(_OLD_FAILED) or ("returncode: " in words and code != "0")
    return Outcome.ERROR if failed else Outcome.OK
