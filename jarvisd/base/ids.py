"""What blocks and sessions are called."""

from typing import NewType

BlockId = NewType("BlockId", str)
"""16 lower-case hex digits; a client may show and accept any unique prefix."""

SessionId = NewType("SessionId", str)
"""The agent's own id of a conversation, as the agent wrote it."""
