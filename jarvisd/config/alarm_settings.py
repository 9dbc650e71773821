"""The settings of `[alarms]`: when a session is worth a look whatever its state is."""

from typing import Annotated

import msgspec

Calls = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class AlarmSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """The thresholds of alarms; 0 switches one off.

    Attributes:
        loop_calls: Calls in a row of one tool with the same input.
        polling_calls: The same of tools that are called alike by design.
        alternating_calls: Calls in a row that alternate between two, A-B-A-B.
        silence_s: Seconds without output in a turn.
        cost: Dollars that a session costs within *cost_minutes*.

    """

    loop_calls: Calls = 5
    polling_calls: Calls = 50
    alternating_calls: Calls = 0
    silence_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 600.0
    cost: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 20.0
    cost_minutes: Annotated[int, msgspec.Meta(ge=1, le=1_440)] = 15


ALARM_KEYS = AlarmSettings.__struct_fields__
"""The keys of `[alarms]`."""

DEFAULT_ALARMS = AlarmSettings()
