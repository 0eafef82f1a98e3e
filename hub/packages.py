"""Where the packages of spokes are: in `spokes/` beside the hub, or installed with an entry point."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec

GROUP = "csm_hub.spokes"
FOLDER = "spokes"


def installed() -> dict[str, EntryPoint]:
    """The entry points of spokes that other packages bring, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def package_of(spoke: str) -> str | None:
    """The package that a spoke's modules are in; None if there is no such spoke."""
    if not spoke.isidentifier():
        return None
    try:
        beside_us = find_spec(f"{FOLDER}.{spoke}")
    except ModuleNotFoundError:  # installed without any
        beside_us = None
    if beside_us:
        return f"{FOLDER}.{spoke}"
    point = installed().get(spoke)
    return (point.module.rpartition(".")[0] or point.module) if point else None
