"""What of a prompt a person wrote: channels put a time before it."""

import re

from msgspec.structs import replace

from jarvisd.core.event import Event, PromptGiven

_STAMP = re.compile(r"\[[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d[^\]\n]{0,24}\] ?")


def own_words(text: str) -> str:
    """Return *text* without the time that a channel put before it."""
    found = _STAMP.match(text)
    return text if found is None else text[found.end() :]


def without_stamp(events: tuple[Event, ...], text: str) -> tuple[Event, ...]:
    """Return *events*, the prompt among them as long as the person's own words of *text*."""
    added = len(text) - len(own_words(text))
    if not added:
        return events

    return tuple(
        replace(each, chars=max(0, each.chars - added))
        if isinstance(each, PromptGiven)
        else each
        for each in events
    )
