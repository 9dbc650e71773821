"""Texts of Gemini CLI: which a person wrote, and what the others mean."""

import re
from collections.abc import Iterator

from jarvisd.agents._shared.decode import text_of
from jarvisd.agents.gemini.shape import Content, GeminiMessage, GeminiPart

CONTEXT = "<session_context>"
_SNAPSHOT = "<state_snapshot>"
_INJECTED = (
    CONTEXT,
    "<hook_context>",
    "I ran the following shell command:",
    "System: ",
    _SNAPSHOT,
)
_FOLDER = re.compile(
    r"Workspace Directories:\**\s*\n\s*- (?P<new>[^\n]+)"
    r"|working in the (?:following directories:\s*\n\s*- (?P<many>[^\n]+)"
    r"|directory: (?P<one>[^\n]+))"
)


def texts_in(content: Content | None) -> Iterator[str]:
    """Yield the texts of *content*, without thoughts."""
    if content is None:
        return

    for each in content if isinstance(content, tuple) else (content,):
        if isinstance(each, str):
            yield each
        elif each.thought is not True:
            text = text_of(each.text)
            if text is not None:
                yield text


def own_words(message: GeminiMessage) -> str | None:
    """Return the words of a person in *message*; None if nobody wrote it."""
    content = message.content
    typed = message.display_content
    words = "\n".join(texts_in(content if typed is None else typed))
    if words.startswith(_INJECTED):
        return None

    return words if words or not _is_result(content) else None


def folder_in(message: GeminiMessage) -> str | None:
    """Return the working folder, if *message* introduces the session to the model."""
    text = next(texts_in(message.content), "")
    found = _FOLDER.search(text) if text.startswith(CONTEXT) else None
    return None if found is None else found[found.lastgroup or 0].strip()


def is_snapshot(message: GeminiMessage) -> bool:
    """Whether *message* stands for messages before it that were compressed."""
    return any(_SNAPSHOT in text for text in texts_in(message.content))


def _is_result(content: Content | None) -> bool:
    """Whether *content* has nothing but results of tools."""
    parts = content if isinstance(content, tuple) else (content,)
    return all(
        isinstance(each, GeminiPart) and each.function_response is not None
        for each in parts
    )
