"""What the C library keeps of the memory that reading a slice takes."""

import ctypes
import subprocess
import sys

import pytest

from jarvisd.__main__ import HEAP_BYTES

ROUNDS = 50
PAGE_BYTES = 4096

COUNT_FAULTS = f"""
import resource, sys
from jarvisd import __main__ as daemon

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def slices():
    for _ in range({ROUNDS}):
        pieces = [bytearray({HEAP_BYTES} // 4) for _ in range(3)]
        del pieces

if sys.argv[1:]:
    daemon._keep_heap()

slices()
before = faults()
slices()
print(faults() - before)
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library is not glibc"
)
def test_the_pages_of_one_slice_are_there_for_the_next() -> None:
    pages = 3 * HEAP_BYTES // 4 // PAGE_BYTES

    assert _faults() > ROUNDS * pages / 2  # or there is nothing to be gained
    assert _faults("kept") < pages


def _faults(*arguments: str) -> int:
    command = [sys.executable, "-c", COUNT_FAULTS, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout)
