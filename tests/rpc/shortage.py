"""Run a server, take all descriptors away for a while, and see it go on.

A script of its own, because the limit is one of the whole process.
"""

import os
import resource
import sys
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from tests.rpc.fakes import Client, running
from tests.support import eventually


async def main() -> None:
    async with running() as server:
        with Client(server.endpoint.path) as before:
            await before.result("status")
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            with Client(server.endpoint.path) as waiting:  # the last one for itself
                taken = take_all_descriptors()
                with_no_room = server.counters.accept_pauses
                give_back(taken[:1])
                late = Client(server.endpoint.path)
                await eventually(lambda: server.counters.accept_pauses > with_no_room)
                assert "result" in await before.ask("status")

                give_back(taken[1:])
                assert "result" in await late.ask("status")
                assert "result" in await waiting.ask("status")
                late.close()
    print("survived")


def take_all_descriptors() -> list[int]:
    taken = []
    while True:
        try:
            taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            return taken


def give_back(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


anyio.run(main)
