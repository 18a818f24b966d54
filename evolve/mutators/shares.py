"""Which kinds to try how often (of edits, of models): those that worked in this population more often than others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

__all__ = ["Shares"]

_FLOOR = 0.25  # of all draws, spread evenly: no kind dies, so a kind whose time comes later is found. An assumption
_RATE, _TRIES = 0.1, 10.0  # what every kind starts with: one keep in ten tries, optimistic, so that each is looked at
_MEMORY = 0.98  # what a kind's past counts after one more try: about its last fifty decide. An assumption


class Shares:
    """Probability matching: a kind's share of the draws is its share of the rates of success, above a floor.

    `rates`: of kinds that are believed to succeed more often than others, until they are seen to.
    """

    def __init__(self, rates: Mapping[str, float] | None = None) -> None:
        self._rates = dict(rates or {})
        self._counts: dict[str, tuple[float, float]] = {}

    def order(self, kinds: Sequence[str], rng: np.random.Generator) -> list[str]:
        """All kinds, the first drawn by its share, the next by its share of the rest, and so on."""
        p = self.of(kinds)
        return [kinds[int(i)] for i in rng.choice(len(kinds), size=len(kinds), replace=False, p=p)]

    def of(self, kinds: Sequence[str]) -> np.ndarray:
        """Shares that sum to one, in the order of `kinds`."""
        counts = [(self._rates.get(kind, _RATE), *self._counts.get(kind, (0.0, 0.0))) for kind in kinds]
        rates = np.array([(kept + rate * _TRIES) / (tried + _TRIES) for rate, kept, tried in counts])
        shares = _FLOOR / len(kinds) + (1 - _FLOOR) * rates / rates.sum()
        return np.asarray(shares / shares.sum())

    def count(self, kinds: Iterable[str], kept: bool) -> None:
        for kind in kinds:
            before, tried = self._counts.get(kind, (0.0, 0.0))
            self._counts[kind] = (_MEMORY * before + kept, _MEMORY * tried + 1)

    def state(self) -> dict[str, list[float]]:
        return {kind: list(counts) for kind, counts in sorted(self._counts.items())}

    def restore(self, state: Mapping[str, Sequence[float]]) -> None:
        self._counts = {kind: (float(kept), float(tried)) for kind, (kept, tried) in state.items()}
