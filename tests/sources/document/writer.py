"""Rewrites a document as an agent does, in a process of its own.

    python -m tests.sources.document.writer MANNER PATH SEED STEPS

At times it rests: it prints how the document is now, as one line of JSON with the
digest of each element by name, and goes on with the next line from its input. Its last
line has all digests that each element ever had.
"""

import hashlib
import json
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict


class Message(TypedDict):
    id: str
    text: str


class Writer:
    """A document that grows, changes, is cut and begun anew."""

    def __init__(
        self, path: Path, seed: int, write: Callable[[Path, bytes], None]
    ) -> None:
        self.path, self.write = path, write
        self.random = random.Random(seed)
        self.messages: list[Message] = []
        self.count = 0
        self.told: defaultdict[str, set[str]] = defaultdict(set)

    def run(self, steps: int) -> None:
        for step in range(steps):
            self.change()
            self.save()
            if step % 10 == 9:
                self.rest()
            else:
                time.sleep(self.random.choice((0, 0, 0.001, 0.01, 0.06)))  # noqa: TID251 - a writer's pause

        self.rest()
        print(json.dumps({name: sorted(each) for name, each in self.told.items()}))

    def change(self) -> None:
        messages, chance = self.messages, self.random.random()
        if messages and chance < 0.25:
            index = self.random.choice((-1, self.random.randrange(len(messages))))
            messages[index] = {**messages[index], "text": self.text()}
        elif len(messages) > 3 and chance < 0.35:
            del messages[self.random.randrange(len(messages)) :]  # a checkpoint
        elif len(messages) > 3 and chance < 0.4:
            del messages[: self.random.randrange(len(messages))]  # a compaction
        else:
            for _ in range(self.random.choice((1, 1, 2, 30))):
                self.count += 1
                messages.append({"id": f"m{self.count}", "text": self.text()})

    def text(self) -> str:
        size = self.random.choice((10, 300, 3000, 100_000))
        return self.random.choice("xyzé") * self.random.randrange(1, size)

    def save(self) -> None:
        for each in self.messages:
            self.told[each["id"]].add(digest(each))

        indent = self.random.choice((None, 2))
        document = {"version": 1, "messages": self.messages, "size": len(self.messages)}
        self.write(self.path, json.dumps(document, indent=indent).encode())

    def rest(self) -> None:
        print(
            json.dumps({each["id"]: digest(each) for each in self.messages}), flush=True
        )
        sys.stdin.readline()


def digest(message: Message) -> str:
    """Return the mark that distinguishes this state of a message from its others."""
    return hashlib.blake2b(json.dumps(message).encode(), digest_size=8).hexdigest()


def truncating(path: Path, data: bytes) -> None:
    """Write as most do."""
    with path.open("wb", buffering=0) as file:
        file.write(data)


def truncating_in_pieces(path: Path, data: bytes) -> None:
    """Write as a stream does."""
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(data), 8192):
            file.write(data[start : start + 8192])


def writing_over(path: Path, data: bytes) -> None:
    """Write over the old text and cut the rest off, in pieces."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    for start in range(0, len(data), 8192):
        os.pwrite(fd, data[start : start + 8192], start)

    os.ftruncate(fd, len(data))
    os.close(fd)


def renaming(path: Path, data: bytes) -> None:
    """Write aside, and put that in the place of the old file."""
    aside = path.with_suffix(".tmp")
    aside.write_bytes(data)
    aside.rename(path)


def beginning_empty(path: Path, data: bytes) -> None:
    """Write nothing, a valid document without elements, and then the whole."""
    path.write_bytes(b"")
    path.write_bytes(b"{}")
    path.write_bytes(data)


MANNERS = {
    each.__name__: each
    for each in (
        truncating,
        truncating_in_pieces,
        writing_over,
        renaming,
        beginning_empty,
    )
}


def write_events(folder: Path, seed: int, count: int) -> None:
    """Write a file for each event, some of them in halves, and tell all in the end."""
    chance, written = random.Random(seed), {}
    for number in range(count):
        path = folder / f"event-{number:05}-{chance.randrange(1000)}.json"
        text = written[path.name] = json.dumps({"id": number, "text": "é" * number})
        middle = chance.choice((0, 0, len(text) // 2))
        with path.open("w") as file:
            file.write(text[:middle])
            file.flush()
            time.sleep(chance.choice((0, 0.001, 0.08)))  # noqa: TID251 - a writer's pause
            file.write(text[middle:])

    print(json.dumps(written), flush=True)
    sys.stdin.readline()


def grow(path: Path, seed: int, count: int, manner: str) -> None:
    """Add messages, and change the newest one; tell what all come to in the end."""
    chance, messages = random.Random(seed), list[dict[str, object]]()
    for number in range(count):
        messages.append({"id": f"m{number}", "output": 1, "text": ""})
        for _ in range(chance.choice((0, 1, 2))):
            text = "é" * chance.randrange(5000)
            messages[-1] = {"id": f"m{number}", "output": 10, "text": text}
            write(path, messages, manner)
            time.sleep(chance.choice((0, 0.01, 0.06)))  # noqa: TID251 - a writer's pause

        write(path, messages, manner)
        time.sleep(chance.choice((0, 0.01, 0.06)))  # noqa: TID251 - a writer's pause

    chars = sum(len(json.dumps(each, ensure_ascii=False)) for each in messages)
    output = sum(int(str(each["output"])) for each in messages)
    print(json.dumps({"chars": chars, "output": output}))


def write(path: Path, messages: list[dict[str, object]], manner: str) -> None:
    """Write a document in one of the MANNERS."""
    text = json.dumps({"messages": messages}, ensure_ascii=False)
    MANNERS[manner](path, text.encode())


if __name__ == "__main__":
    manner, place, seed, steps = sys.argv[1:]
    if manner.startswith("growing:"):
        grow(Path(place), int(seed), int(steps), manner.partition(":")[2])
    elif manner == "events":
        write_events(Path(place), int(seed), int(steps))
    else:
        Writer(Path(place), int(seed), MANNERS[manner]).run(int(steps))
