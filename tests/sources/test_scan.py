import os
from collections.abc import Callable
from pathlib import Path

from jarvisd.core.discovery.scan import walk
from jarvisd.core.roots import Place, Tree
from jarvisd.core.sources.jsonlines.line_file import last_lines


def tree(root: Path) -> Tree:
    return Tree(
        agent="text",
        root=root,
        place=lambda parts: Place() if parts[-1].endswith(".jsonl") else None,
        enters=lambda parts: parts[-1] != "node_modules",
    )


def nothing(path: str) -> bool:
    return not path


def found(root: Path, excluded: Callable[[str], bool] = nothing) -> set[str]:
    return {
        "/".join(each.parts)
        for folder in walk(tree(root), excluded)
        for each in folder.files
    }


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n")


def test_files_are_found_at_any_depth(tmp_path: Path) -> None:
    make(tmp_path, "a.jsonl", "b/c/d.jsonl")

    assert found(tmp_path) == {"a.jsonl", "b/c/d.jsonl"}


def test_folders_that_hold_nothing_are_not_entered(tmp_path: Path) -> None:
    make(tmp_path, "node_modules/a.jsonl", "b/a.jsonl")

    assert found(tmp_path) == {"b/a.jsonl"}


def test_excluded_paths_are_passed_by(tmp_path: Path) -> None:
    make(tmp_path, "secret/a.jsonl", "b/a.jsonl")

    assert found(tmp_path, lambda path: path.endswith("/secret")) == {"b/a.jsonl"}


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    make(outside, "a.jsonl")
    root = tmp_path / "root"
    make(root, "own.jsonl")
    (root / "folder").symlink_to(outside)
    (root / "file.jsonl").symlink_to(outside / "a.jsonl")

    assert found(root) == {"own.jsonl"}


def test_a_root_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert found(tmp_path / "nothing") == set()


def test_a_name_that_is_not_utf8_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    make(tmp_path, "good.jsonl")
    os.mknod(os.fsencode(tmp_path) + b"/bad\xff.jsonl")
    make(tmp_path, "bad\udcff/good.jsonl")

    folders = list(walk(tree(tmp_path), nothing))

    assert [each.parts for each in folders[0].files] == [("good.jsonl",)]
    assert folders[0].unread == {
        f"{tmp_path}/bad\ufffd.jsonl": "its name is not UTF-8",
        f"{tmp_path}/bad\ufffd": "its name is not UTF-8",
    }
    assert len(folders) == 1


def test_what_is_no_file_but_named_like_one_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "link.jsonl").symlink_to("/dev/zero")
    (tmp_path / "link.txt").symlink_to("/dev/zero")

    (folder,) = walk(tree(tmp_path), nothing)

    assert folder.unread == {
        f"{tmp_path}/pipe.jsonl": "is not a regular file",
        f"{tmp_path}/link.jsonl": "is a symbolic link, which is not followed",
    }


def test_the_last_lines_are_found_from_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"line {n}\n\n" for n in range(50_000)))

    assert last_lines(str(path), path.stat().st_size, 3) == [
        "line 49997",
        "line 49998",
        "line 49999",
    ]


def test_the_tail_of_a_short_file_is_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\r\n\xfftwo\nunfinished")

    assert last_lines(str(path), 10, 5) == ["one", "\ufffdtwo"]
