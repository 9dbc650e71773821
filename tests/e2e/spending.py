"""Responses of now that cost as many dollars as they have tokens of input."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from jarvisd.base.clock import SystemClock
from tests.e2e.home import append

PRICES = """
[prices."spent-model"]
input = 1000000
output = 0
"""
"""A dollar for each token of input."""

_NUMBERS = count()


def written(days_ago: int = 0) -> str:
    """Return the time of a line."""
    now = datetime.fromtimestamp(SystemClock().unix_ms() / 1000, UTC)
    return (now - timedelta(days=days_ago)).isoformat()


def pay(path: Path, dollars: int, **fields: Any) -> None:
    """Append a response to a transcript that costs so many *dollars*."""
    reply = {
        "type": "assistant",
        "timestamp": written(),
        "sessionId": path.stem,
        "cwd": "/home/me/demo",
        "message": {
            "id": f"msg_{next(_NUMBERS)}",
            "model": "spent-model",
            "content": [],
            "usage": {"input_tokens": dollars},
        },
        **fields,
    }
    append(path, json.dumps(reply))
