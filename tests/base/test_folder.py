"""Folders are cut into parts as the system that named them does."""

import pytest

from jarvisd.base.folder import is_named


@pytest.mark.parametrize(
    ("folder", "wanted", "expected"),
    [
        ("/home/me/src/shop", "shop", True),
        ("/home/me/src/shop", "src/shop/", True),
        ("/home/me/src/shop", "/home/me/src/shop", True),
        ("/home/me/src/shop", "hop", False),
        ("/home/me/a\\shop", "shop", False),
        ("C:\\Users\\x\\shop", "shop", True),
        ("c:/Users/x/shop", "x\\shop", True),
        ("C:\\Users\\x\\shop", "C:\\Users\\x\\shop", True),
        ("C:\\Users\\x\\shop", "hop", False),
        ("\\\\wsl$\\Debian\\home\\me\\shop", "me/shop", True),
        (None, "shop", False),
    ],
)
def test_a_folder_is_named_by_the_end_of_its_path(
    folder: str | None, wanted: str, *, expected: bool
) -> None:
    assert is_named(folder, wanted) is expected
