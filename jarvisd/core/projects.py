"""Which project a folder of work belongs to: worktrees belong to what they were made of.

An agent that is given a worktree works in a folder of its own for each task, and nobody
wants a project for each of them. In this order:

    the `.git` of the folder      names the repository; read while it is there
    an agent's own convention     as in PROJECT/.claude/worktrees/NAME
    PROJECT.worktrees/BRANCH      as editors and scripts call them

Where a path tells no more than the name of the project, it is the one project of that
name that somebody worked in; until there is one, all such worktrees are one project.
"""

import os.path
import re
from collections import defaultdict
from collections.abc import Iterable

from jarvisd.base.folder import with_slashes
from jarvisd.core.traits import Worktree, WorktreeRule

_BESIDE = re.compile(r"(.*[^\\/])\.worktrees[\\/].", re.DOTALL)
_GITDIR = re.compile(r"gitdir: *([^\0\r\n]+)")
_OF_REPOSITORY = re.compile(r"(.+)/worktrees/[^/]+/?", re.DOTALL)
_WITHIN_PROJECT = {".git", ".bare"}
_MAX_NESTED = 8
"""A worktree may be one of a worktree, but not without an end."""


def beside(folder: str) -> Worktree | None:
    """Return the project that *folder* is a worktree of: PROJECT.worktrees/BRANCH."""
    found = _BESIDE.match(folder)
    return None if found is None else Worktree(found[1])


def repository_of(folder: str, git_file: str) -> str | None:
    """Return the project of the worktree *folder*, by its file `.git`.

    None if that has another content: submodules have such a file as well.
    """
    named = _GITDIR.match(git_file)
    if named is None:
        return None

    path = os.path.normpath(os.path.join(folder, named[1].strip()))
    found = _OF_REPOSITORY.fullmatch(with_slashes(path))
    if found is None:
        return None

    parent, _, name = found[1].rpartition("/")
    return (parent or "/") if name in _WITHIN_PROJECT else found[1]


class Projects:
    """The project of each folder, by the names and rules of all of them."""

    def __init__(self, rules: Iterable[WorktreeRule] = ()) -> None:
        self._rules = (*rules, beside)
        self._named: dict[str, str] = {}
        self._of_name: defaultdict[str, set[str]] = defaultdict(set)
        self._missing: set[str] = set()

    def of(self, folder: str) -> str:
        """Return the folder of the project that *folder* belongs to."""
        for _ in range(_MAX_NESTED):
            project = self._named.get(folder) or self._by_path(folder)
            if project is None or project == folder:
                break

            folder = project

        return folder

    def meet(self, project: str) -> bool:
        """Record work in *project*; return True if that identifies worktrees.

        It does where a worktree names nothing but its project.
        """
        known = self._of_name[_name(project)]
        if project in known or self._ruled(project) is not None:
            return False

        known.add(project)
        return _name(project) in self._missing

    def learn(self, folder: str, project: str) -> None:
        """Record that *folder* is a worktree of *project*, by its file `.git`."""
        self._named[folder] = project
        self._of_name[_name(folder)].discard(folder)
        self.meet(project)

    def _by_path(self, folder: str) -> str | None:
        found = self._ruled(folder)
        if found is None or found.is_exact:
            return found and found.project

        name = _name(found.project)
        known = self._of_name.get(name, ())
        if len(known) == 1:
            return next(iter(known))

        self._missing.add(name)
        return found.project

    def _ruled(self, folder: str) -> Worktree | None:
        found = (rule(folder) for rule in self._rules)
        return next((each for each in found if each is not None), None)


def _name(folder: str) -> str:
    return with_slashes(folder).rstrip("/").rpartition("/")[2]
