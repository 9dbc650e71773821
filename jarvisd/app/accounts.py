"""The folders by whose keys accounts are known."""

from collections.abc import Iterable

from jarvisd.agents._shared.root_folders import account_key
from jarvisd.core.roots import Tree


def account_folders(trees: Iterable[Tree]) -> dict[str, str]:
    """Return each folder that may be an account's configuration, by its key.

    An account's folder is a root of transcripts or above one; which, its agent knows.
    """
    return {
        account_key(str(folder)): str(folder)
        for tree in trees
        for folder in (tree.root, *tree.root.parents)
    }
