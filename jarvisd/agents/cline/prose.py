"""The words in messages of Cline, and what it wraps around those of a person."""

import re
from typing import NamedTuple

from jarvisd.agents._shared.decode import text_of
from jarvisd.agents.cline.shape import ClineItem

_WRAPPED = re.compile(r"\s*<(user_input|user_command)\b([^>]*)>")
_MODE = re.compile(r'\bmode="(\w{1,32})"')
_SLASH = re.compile(r'\bslash="/?([\w:.-]{1,64})"')
_NOTICE_TAG = "<mode_notice"
_NOTICE = re.compile(r"\s*<mode_notice\b[^>]*>.*?(?:</mode_notice>|\Z)", re.DOTALL)


class ClinePrompt(NamedTuple):
    """The words of a person, and what is said of them."""

    text: str
    mode: str | None = None
    slash: str | None = None


def words_of(item: ClineItem) -> str:
    """Return the text of a message."""
    if isinstance(item.content, str):
        return item.content

    texts = (text_of(each.text) for each in item.content if each.type == "text")
    return "\n".join(each for each in texts if each)


def prompt_of(item: ClineItem) -> ClinePrompt:
    """Return the words of a person in a message, without what is wrapped around them."""
    words = words_of(item)
    if _NOTICE_TAG in words:
        words = _NOTICE.sub("", words)

    found = _WRAPPED.match(words)
    if found is None:
        return ClinePrompt(words.strip())

    mode, slash = _MODE.search(found[2]), _SLASH.search(found[2])
    return ClinePrompt(
        words[found.end() :].partition(f"</{found[1]}>")[0],
        None if mode is None else mode[1],
        None if slash is None else slash[1],
    )
