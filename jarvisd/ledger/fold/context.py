"""How full a session's context is, and how large it may be."""

from jarvisd.core.event import TotalsReported
from jarvisd.ledger.fold.line_context import LineContext, newer


def measure(line: LineContext, event: TotalsReported) -> None:
    """Take what totals say of the context."""
    if event.window_tokens:
        widen(line, event.window_tokens)

    if event.overflowed:
        occupy(line, event.total_tokens)
    elif event.last is not None and event.last.total:
        occupy(line, event.last.prompt_total)
    elif event.last_total_tokens:  # an estimate, after a compaction
        occupy(line, event.last_total_tokens)


def occupy(line: LineContext, tokens: int) -> None:
    """Note that the context holds *tokens*."""
    session, now = line.session, (line.since_ms, tokens)
    if session.context is None or now > session.context:
        session.context = now

    session.widest_prompt = max(session.widest_prompt, tokens)


def widen(line: LineContext, tokens: int) -> None:
    """Note that the context window is *tokens* long."""
    line.session.window = newer(line.session.window, (line.since_ms, tokens))
