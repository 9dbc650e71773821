"""The ids of blocks and sessions."""

from typing import NewType

BlockId = NewType("BlockId", str)
"""16 lower-case hex digits; clients may show and accept any unique prefix."""

SessionId = NewType("SessionId", str)
"""The agent's own id of a session, exactly as the agent wrote it."""
