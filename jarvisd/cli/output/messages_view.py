"""Messages of conversations as people read them."""

from collections.abc import Iterator

from jarvisd.cli.output import format as fmt
from jarvisd.cli.output.text import safe
from jarvisd.conversations.model import MessageView


def message_lines(message: MessageView, now_ms: int) -> Iterator[str]:
    """Return speaker, place and time of the message, and its text below, indented."""
    where = f", {message.channel}" if message.channel else ""
    when = fmt.moment(message.at_ms, now_ms)
    yield safe(f"{message.role}{where}, {when}:")
    for line in message.content.splitlines():
        yield f"    {safe(line)}"
