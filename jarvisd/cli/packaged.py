"""Files that come with the package: beside the client in an installed one."""

from pathlib import Path

_NAMES = {"systemd": "units", "share": "share"}


def packaged(folder: str) -> Path:
    """Return where the files lie that a checkout has in *folder*."""
    # In a checkout they are where their author looks for them.
    inside = Path(__file__).with_name(_NAMES[folder])
    return inside if inside.is_dir() else Path(__file__).parents[2] / folder
