"""Lines as Claude Code writes them, made fast enough to feed thousands a second.

Three shapes in turn, 2.6 kB in the mean as in real transcripts: a prompt, an answer
that calls a tool (with usage and an id of its own), and the tool's result.
"""

import time
import zlib

_HEAD = (
    b'{"parentUuid":null,"isSidechain":false,"userType":"external",'
    b'"cwd":"/home/dev/work/live","sessionId":"%(session)b","version":"2.1.44",'
    b'"gitBranch":"main",'
)
_TAIL = (
    b'"uuid":"%(session_key)08x-0000-4000-a000-%(number)012d","timestamp":"%(at)b"}\n'
)
_TEXT = b"def flush(self) -> None:\\n    for each in self.dirty:\\n        pass\\n"

_PROMPT = (
    _HEAD
    + b'"type":"user","message":{"role":"user","content":"'
    + _TEXT * 5
    + b'"},'
    + _TAIL
)
_ANSWER = (
    _HEAD + b'"message":{"model":"claude-sonnet-4-5-20250929","id":"msg_01%(id)b",'
    b'"type":"message","role":"assistant","content":[{"type":"tool_use",'
    b'"id":"toolu_01%(id)b","name":"Bash","input":{"command":"'
    + _TEXT
    * 12
    + b'"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":9,'
    b'"cache_creation_input_tokens":812,"cache_read_input_tokens":40112,'
    b'"cache_creation":{"ephemeral_5m_input_tokens":812,'
    b'"ephemeral_1h_input_tokens":0},"output_tokens":211,"service_tier":"standard"}},'
    b'"requestId":"req_011C%(id)b","type":"assistant",' + _TAIL
)
_RESULT = (
    _HEAD + b'"type":"user","message":{"role":"user","content":[{"tool_use_id":'
    b'"toolu_01%(id)b","type":"tool_result","content":"'
    + _TEXT * 36
    + b'"}]},"toolUseResult":{"stdout":"'
    + _TEXT * 36
    + b'","stderr":"","interrupted":false,"isImage":false},'
    + _TAIL
)

SHAPES = (_PROMPT, _ANSWER, _RESULT)


def line(session: str, number: int) -> bytes:
    """Return line *number* of *session*, written now, with its end."""
    # A tool's result must name the call that stands on the line before.
    # No two sessions share an id, or their lines would be copies of each other.
    key = zlib.crc32(session.encode())
    return SHAPES[number % 3] % {
        b"session": session.encode(),
        b"session_key": key,
        b"number": number,
        b"id": f"{key:010}{number // 3:012}".encode(),
        b"at": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()).encode(),
    }


def transcript(session: str, lines: int) -> bytes:
    """Return the first *lines* lines of *session*."""
    return b"".join(line(session, number) for number in range(lines))
