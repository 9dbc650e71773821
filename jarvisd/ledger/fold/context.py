"""How full a session's context is, and how large it may be."""

from jarvisd.core.event import ContextMeasured
from jarvisd.ledger.fold.line_context import LineContext, newer


def measured(line: LineContext, event: ContextMeasured) -> None:
    """Keep how full the context is, unless it is that of copied history."""
    if line.record.inherited:
        return

    if event.window_tokens:
        widen(line, event.window_tokens)

    if event.tokens is not None:
        occupy(line, event.tokens)


def occupy(line: LineContext, tokens: int) -> None:
    """Note that the context holds *tokens*."""
    session, now = line.session, (line.since_ms, tokens)
    if session.context is None or now > session.context:
        session.context = now

    session.widest_prompt = max(session.widest_prompt, tokens)


def widen(line: LineContext, tokens: int) -> None:
    """Note that the context window is *tokens* long."""
    line.session.window = newer(line.session.window, (line.since_ms, tokens))
