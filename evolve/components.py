"""Components by name: entry points, so that anybody's package can add one and the engine imports none."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from evolve.errors import UsageError

__all__ = ["load", "names"]


def names(group: str) -> list[str]:
    """Of the components that installed packages offer under `evolve.<group>`."""
    return sorted({point.name for point in entry_points(group=f"evolve.{group}")})


def load(group: str, name: str) -> Any:
    """The component `name` of `evolve.<group>` (substrates, mutators, workers).

    Raises UsageError for an unknown name, and for an optional part that is not installed.
    """
    found = [point for point in entry_points(group=f"evolve.{group}") if point.name == name]
    if not found:
        known = ", ".join(names(group)) or "none: install evolve itself with `pip install -e .`"
        raise UsageError(f"There is no {group.removesuffix('s')} named {name!r}. Known: {known}.")
    try:
        return found[0].load()
    except ModuleNotFoundError as error:
        extra = next(iter(found[0].extras), name)  # as the entry point names it: "module:Class [extra]"
        raise UsageError(
            f"{group.removesuffix('s')} {name!r} needs the package {error.name!r}, which is not installed. "
            f"Install it: pip install -e '.[{extra}]'."
        ) from error
