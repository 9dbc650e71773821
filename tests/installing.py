"""Put jarvisd's dependencies elsewhere, without a network: copied from where we run."""

import importlib.metadata
import re
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def copy_dependencies(site: Path) -> None:
    """Copy what jarvisd needs at runtime, and nothing else, into the folder *site*."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for distribution in _closure(project["dependencies"], set()):
        _copy(distribution, site)


def _closure(
    requirements: Iterable[str], seen: set[str]
) -> Iterator[importlib.metadata.Distribution]:
    for requirement in requirements:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        if "extra ==" in requirement or name in seen:
            continue

        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # Of another platform or version of Python.

        yield distribution
        yield from _closure(distribution.requires or [], seen)


def _copy(distribution: importlib.metadata.Distribution, site: Path) -> None:
    for file in distribution.files or []:
        source = Path(str(distribution.locate_file(file)))
        if ".." not in file.parts and source.exists():
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, site / file)
