"""The names of agents, by their folders: cheap, for those who need nothing else."""

from importlib.util import find_spec
from pkgutil import iter_modules


def agent_names(package: str) -> list[str]:
    """Return the names of the agents in *package*, without importing any of them."""
    spec = find_spec(package)
    paths = None if spec is None else spec.submodule_search_locations
    return [
        each.name
        for each in iter_modules(paths or ())
        if each.ispkg and find_spec(f"{package}.{each.name}.agent") is not None
    ]
