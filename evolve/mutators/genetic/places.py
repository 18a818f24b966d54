"""Where to edit: sooner where a profile says that the time goes, anywhere without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from evolve.mutators.genetic.edits import Site
from evolve.substrate import Outcome

__all__ = ["drawn", "profile", "warm"]

_LOOKS = 24  # sites that a kind is tried at before another kind has its turn
_EVEN = 0.2  # of all draws under a profile, spread evenly: it is of one workload, and can be wrong. An assumption

Profile = Mapping[tuple[str, str], float]
"""Shares of the time by (path, function)."""


def profile(outcome: Outcome) -> Profile | None:
    """The evidence `hot` ("path:function" -> share), where there is one that can be read."""
    hot = outcome.evidence.get("hot")
    if not isinstance(hot, Mapping):
        return None
    found: dict[tuple[str, str], float] = {}
    for name, share in hot.items():
        path, parted, function = str(name).rpartition(":")
        if parted and isinstance(share, int | float) and share > 0:
            found[path, function] = float(share)
    return found or None


def warm(sites: Sequence[Site], hot: Profile | None, rng: np.random.Generator) -> bool:
    """Should a kind have its turn? Mostly not, where all its sites are cold."""
    return hot is None or bool(_shares(sites, hot).any()) or rng.random() < _EVEN


def drawn(sites: Sequence[Site], hot: Profile | None, rng: np.random.Generator) -> Iterator[Site]:
    """Some of the sites, each at most once, the hot ones sooner."""
    if not sites:
        return
    shares = np.zeros(len(sites)) if hot is None else _shares(sites, hot)
    even = np.full(len(sites), 1 / len(sites))
    p = _EVEN * even + (1 - _EVEN) * shares / shares.sum() if shares.any() else even
    for i in rng.choice(len(sites), size=min(_LOOKS, len(sites)), replace=False, p=p):
        yield sites[int(i)]


def _shares(sites: Sequence[Site], hot: Profile) -> np.ndarray:
    """A function's share of the time is the share of its sites, however many it has."""
    names = [(site.source.path, site.source.scope(site.offset)) for site in sites]
    many = Counter(names)
    return np.array([_share(hot, *name) / many[name] for name in names], dtype=float)


def _share(hot: Profile, path: str, function: str) -> float:
    """A profile may name a function with its class or without."""
    return hot.get((path, function), hot.get((path, function.rpartition(".")[2]), 0.0))
