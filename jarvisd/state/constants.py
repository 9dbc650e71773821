"""The numbers that the ladder goes by; docs/states.md says where from.

Times are ms.
"""

APPROVAL_CEILING_MS = 12 * 3_600_000
"""Nobody leaves a dialog open for longer: its end was missed."""

COMPACTION_CEILING_MS = 5 * 60_000
"""A compaction of which no end was heard."""

LIMIT_CEILING_MS = 5 * 3_600_000
"""The shortest window of a limit: how long one is believed that does not say when it
ends."""

STALLED_EDIT_MS = 30_000
"""Edits take no time, so one that is open waits for leave; one took 16.2 s."""

UNANSWERED_MS = 1_000
"""In modes that answer by themselves, a request must stand this long to be one."""

GRANTED_MS = 1_000
"""How long after the end of a command its hook is waited for."""

STALLED_MS = 10 * 60_000
"""Silence without a tool at work."""

STALLED_CALL_MS = 30 * 60_000
"""Silence with a tool at work, where no process is known that could be at it."""

SILENCE_MS = 10 * 60_000
"""Silence in a turn that a person may want to know of."""

GIVEN_UP_MS = 12 * 3_600_000
"""Silence after which a session without a known process counts as over."""

UNOWNED_MS = 2 * 60_000
"""Silence after which a session is over that no process can be at work on."""

FORGOTTEN_MS = 24 * 3_600_000
"""How long after its last sign a session that is over stays on the board."""

LATER_MS = 60_000
"""When a session is looked at again that was due and is still the same."""

DWELL_MS = 3_000
"""How long work must last to end a wait, where nothing tells that it was answered."""

SETTLE_MS = 250
"""How long a turn's end must last that was only concluded: more lines may come."""

CLOSING_MS = 1_000
"""How long after the end of a process its last lines may still be on their way."""

HISTORY_MS = 1_000
"""How long after the last line of history a session is judged."""

HISTORY_CEILING_MS = 10_000
"""How long after the first line of history it is judged at the latest."""

CHECK_CEILING_MS = 10_000
"""How long a first verdict on what is long silent waits for a check of processes."""


LOOP_CALLS = 5
"""Calls in a row with the same input."""

LOOP_CALLS_POLLING = 50

COST_MICROS = 20_000_000
"""What a session may burn within `COST_MS` unremarked: $20."""

COST_MS = 15 * 60_000

OF_CHILD = "subagent: "
"""How the evidence begins of what a session needs because a subagent does."""

HOOKS_HINT = "install hooks: jarvisctl hooks install"
