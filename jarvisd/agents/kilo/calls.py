"""Tool calls of Kilo CLI: unlike opencode it notes who allowed each of them."""

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents.opencode.shape import CallState


def has_begun(_tool: str, state: CallState) -> bool:
    """Whether a call that is running was allowed to: by a rule, or by a person."""
    return state.metadata is not None and state.metadata.approval is not ABSENT
