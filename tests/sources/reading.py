"""One file read as the daemon does: the position moves with the lines."""

from pathlib import Path

from jarvisd.core.sources.jsonlines.handles import Handles
from jarvisd.core.sources.jsonlines.identity import FilePosition
from jarvisd.core.sources.jsonlines.lines import TextLine
from jarvisd.core.sources.jsonlines.tailed_file import TailedFile


class Reading:
    """One file read as the daemon does: the position moves with the lines."""

    def __init__(self, path: Path, position: FilePosition | None = None) -> None:
        self.tail = TailedFile(str(path))
        self.handles = Handles()
        self.position = position or FilePosition()
        self.partial_bytes = 0
        self.read_bytes = 0
        self.gone = False
        self.now = 0.0

    def drain(self) -> list[str]:
        lines: list[str] = []
        for _ in range(1000):
            part = self.tail.read(self.position, self.handles, self.now)
            lines += [
                each.text.decode()
                for each in (*part.lines, part.rest)
                if isinstance(each, TextLine)
            ]
            self.position = part.position
            self.partial_bytes = part.partial_bytes
            self.read_bytes += part.read_bytes
            self.gone = part.gone
            if not part.more:
                return lines

        raise AssertionError("the file never ends")


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)
