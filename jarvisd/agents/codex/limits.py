"""Codex's rate limits: three ways to say when a window starts anew, one way here."""

from collections.abc import Iterator

from jarvisd.agents._shared.decode import unix_ms
from jarvisd.agents.codex.shape import RateLimits, Window
from jarvisd.core.event import LimitsReported, LimitWindow


def limits_in(limits: RateLimits, *, at_ms: int | None) -> Iterator[LimitsReported]:
    """Yield the usage of the limits as of *at_ms*; nothing if no window has one."""
    windows = tuple(
        _window(each, at_ms=at_ms)
        for each in (limits.primary, limits.secondary)
        if each is not None and each.used_percent is not None
    )
    if windows:
        yield LimitsReported(
            limit=limits.limit_id, plan=limits.plan_type, windows=windows
        )


def _window(window: Window, *, at_ms: int | None) -> LimitWindow:
    return LimitWindow(
        used_percent=window.used_percent or 0.0,
        minutes=window.window_minutes,
        resets_at_ms=_resets_at(window, at_ms),
    )


def _resets_at(window: Window, at_ms: int | None) -> int | None:
    if window.resets_at is not None:
        return unix_ms(window.resets_at)

    if window.resets_in_seconds is None or at_ms is None:
        return None

    return at_ms + window.resets_in_seconds * 1000
