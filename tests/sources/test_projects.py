"""Which project a folder belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.agents.claude import places as claude
from jarvisd.agents.codex import places as codex
from jarvisd.core.projects import Projects, repository_of

SHOP = "/home/u/shop"


@pytest.fixture
def projects() -> Projects:
    return Projects([claude.worktree, codex.worktree])


@pytest.mark.parametrize(
    ("folder", "project"),
    [
        (SHOP, SHOP),
        ("/", "/"),
        ("", ""),
        (f"{SHOP}/src", f"{SHOP}/src"),
        (f"{SHOP}/.claude/worktrees/calm-oak", SHOP),
        (f"{SHOP}/.claude/worktrees/calm-oak/src/web", SHOP),
        (f"{SHOP}/.claude/worktrees", f"{SHOP}/.claude/worktrees"),
        (f"{SHOP}/.claude/worktrees/", f"{SHOP}/.claude/worktrees/"),
        (f"{SHOP}.worktrees/feat/cart", SHOP),
        (f"{SHOP}.worktrees/a/.claude/worktrees/b", SHOP),
        ("/home/u/.worktrees/shop", "/home/u/.worktrees/shop"),
        ("/home/u/.codex/worktrees/3f2a", "/home/u/.codex/worktrees/3f2a"),
        ("/home/u/.codex/worktrees/3f2a/shop", "/home/u/.codex/worktrees/shop"),
        ("/home/u/.codex/worktrees/3f2a/shop/src", "/home/u/.codex/worktrees/shop"),
        (r"C:\src\shop\.claude\worktrees\calm-oak", r"C:\src\shop"),
        (r"C:\src\shop.worktrees\cart", r"C:\src\shop"),
    ],
)
def test_what_the_path_of_a_folder_tells(
    projects: Projects, folder: str, project: str
) -> None:
    assert projects.of(folder) == project


def test_a_worktree_that_names_its_project_is_of_the_only_one_of_that_name(
    projects: Projects,
) -> None:
    named = "/home/u/.codex/worktrees/3f2a/shop"
    before = projects.of(named)
    assert projects.meet("/home/u/other") is False
    assert projects.meet(SHOP) is True

    assert (projects.of(named), projects.of(before)) == (SHOP, SHOP)

    projects.meet("/home/u/old/shop")
    assert projects.of(named) == before


@pytest.mark.parametrize(
    ("folder", "text", "project"),
    [
        ("/home/u/hotfix", "gitdir: /home/u/shop/.git/worktrees/hotfix\n", SHOP),
        ("/home/u/shop/x", "gitdir: ../.git/worktrees/x\n", SHOP),
        ("/home/u/x", "gitdir: /home/u/shop/.bare/worktrees/x", SHOP),
        ("/home/u/x", "gitdir: /srv/shop.git/worktrees/x\n", "/srv/shop.git"),
        ("/home/u/shop/lib", "gitdir: ../.git/modules/lib\n", None),
        ("/home/u/x", "gitdir: /home/u/x.git\n", None),
        ("/home/u/x", "gitdir: \n", None),
        ("/home/u/x", "nothing of the sort", None),
        ("/x", "", None),
    ],
)
def test_what_the_git_file_of_a_folder_tells(
    folder: str, text: str, project: str | None
) -> None:
    assert repository_of(folder, text) == project


def test_what_git_tells_comes_before_what_the_path_tells(projects: Projects) -> None:
    projects.meet("/home/u/hotfix")
    projects.learn("/home/u/hotfix", SHOP)
    projects.learn(f"{SHOP}/.claude/worktrees/a", "/srv/shop.git")

    assert projects.of("/home/u/hotfix") == SHOP
    assert projects.of(f"{SHOP}/.claude/worktrees/a") == "/srv/shop.git"


@given(
    st.lists(
        st.sampled_from(
            ["a", ".claude", ".codex", "worktrees", "a.worktrees", "..", "", "b"]
        ),
        max_size=9,
    )
)
def test_a_project_is_its_own_project(parts: list[str]) -> None:
    projects = Projects([claude.worktree, codex.worktree])
    project = projects.of("/" + "/".join(parts))

    assert projects.of(project) == project


@given(st.text(max_size=40), st.text(max_size=60))
def test_whatever_is_in_a_git_file_is_no_error(folder: str, text: str) -> None:
    repository_of(folder, f"gitdir: {text}")
