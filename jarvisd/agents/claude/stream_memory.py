"""What the reader of Claude Code must remember of a stream from line to line."""

import msgspec

from jarvisd.agents.claude.printed import PrintedSession

MAX_BESIDE = 8
"""Sessions that are printed into one stream beside the one whose line came last."""


class PrintedBeside(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of a session while lines of another one are printed."""

    printed: PrintedSession
    streaming: str | None = None
    speaking: str | None = None


class ClaudeMemory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What must be remembered of one stream from line to line.

    Attributes:
        streaming: The response whose parts are being printed; None if it is not counted.
        speaking: The model of the newest response of the conversation.
        printed: What was printed of a session.
        beside: The same of others, which share the stream: several processes may print
            into one pipe.
        superseded: What was said to be void: it is told here response by response.

    """

    streaming: str | None = None
    speaking: str | None = None
    printed: PrintedSession = msgspec.field(default_factory=PrintedSession)
    beside: dict[str, PrintedBeside] = {}
    superseded: list[str] = []

    def turn_to(self, session_id: str) -> None:
        """Go on with what is remembered of *session_id*, of which a line was printed."""
        current = self.printed
        if current.session_id == session_id:
            return

        if current.session_id is not None:
            aside = PrintedBeside(current, self.streaming, self.speaking)
            self.beside[current.session_id] = aside

        found = self.beside.pop(session_id, None)
        if found is None:
            found = PrintedBeside(PrintedSession(session_id=session_id))

        if len(self.beside) > MAX_BESIDE:
            del self.beside[next(iter(self.beside))]

        self.printed = found.printed
        self.streaming, self.speaking = found.streaming, found.speaking
