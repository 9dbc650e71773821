"""A bucket of tokens more is a field of `Tokens`, a migration, and the agents that fill it."""

import subprocess
import sys
from pathlib import Path

import msgspec
from msgspec.structs import asdict, astuple

from jarvisd.base.usage import Tokens
from jarvisd.core.origin import SessionId
from jarvisd.ledger.session_totals import Session, decoded

ROOT = Path(__file__).parents[2]
WITH_A_BUCKET_MORE = """
import importlib.abc, importlib.machinery, runpy, sys

class Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, name):
        source = self.get_source(name)
        last = "    reasoning: int = 0\\n"
        assert source.count(last) == 1
        more = source.replace(last, f"{last}    cache_write_24h: int = 0\\n")
        return compile(more, self.path, "exec")

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "jarvisd.base.usage":
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path)
        found.loader = Loader(name, found.origin)
        return found

sys.meta_path.insert(0, Finder())
runpy.run_module("tests.ledger.new_bucket", run_name="__main__")
"""


def test_a_bucket_more_is_merged_summed_stored_restored_and_reported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_A_BUCKET_MORE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "40 40 40 43 43 43 40 40 40",
        "40 40 40 43 43 43 40 40 40",
        "90 90 90 93 93 93 90 90 90",
    ]


def test_a_session_that_was_stored_with_its_buckets_side_by_side_is_read() -> None:
    session = Session(session_id=SessionId("s1"), agent="claude", messages=3)
    session.tokens = Tokens(1, 2, 3, 4, 5, 4)
    session.spans.add(7)
    session.tools["Bash"] = 2
    values = msgspec.msgpack.decode(session.row().state)
    buckets = values.index(asdict(session.tokens))
    values[buckets : buckets + 1] = astuple(session.tokens)

    assert decoded(msgspec.msgpack.encode(values)) == session
    assert decoded(msgspec.msgpack.encode(values[:-5])) == session
