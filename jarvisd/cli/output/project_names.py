"""Folders as people call them: a project by its short name, the home as `~`."""

import os
from collections import defaultdict
from collections.abc import Iterable

from jarvisd.base.folder import with_slashes

HOME = "~"


def short(*folders: str | None) -> str:
    """Return the name of the first of *folders* that is known; empty if none is."""
    folder = next((each for each in folders if each), "")
    name = with_slashes(with_home(folder)).rstrip("/")
    return name.rpartition("/")[2] or name or folder


def with_home(path: str) -> str:
    """Return *path* with `~` in place of the person's home."""
    home = os.environ.get("HOME", "").rstrip("/")
    if home and (path == home or path.startswith(f"{home}/")):
        return HOME + path[len(home) :]

    return path


def distinct(folders: Iterable[str]) -> dict[str, str]:
    """Return the shortest name of each folder that is no other's."""
    known = {
        each: with_slashes(with_home(each)).strip("/").split("/") for each in folders
    }
    depths = dict.fromkeys(known, 1)
    while True:
        names = {each: "/".join(known[each][-depths[each] :]) for each in known}
        alike = defaultdict(list)
        for folder, name in names.items():
            alike[name].append(folder)

        deeper = [
            folder
            for same in alike.values()
            if len(same) > 1
            for folder in same
            if depths[folder] < len(known[folder])
        ]
        if not deeper:
            return names

        for folder in deeper:
            depths[folder] += 1
