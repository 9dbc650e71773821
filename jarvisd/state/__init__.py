"""What every session is doing, told from its transcript and from what others witnessed.

`reading` folds events into facts, `held` keeps signals, `ladder` is the pure function of
both, and `States` is the board of all sessions. docs/states.md is its manual.
"""

from jarvisd.accumulators.states.board import States
from jarvisd.accumulators.states.constants import FORGOTTEN_MS, GIVEN_UP_MS

__all__ = ["FORGOTTEN_MS", "GIVEN_UP_MS", "States"]
