"""A claim of one noisy pair is held against fresh pairs that say how far such pairs lie apart."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from toy import SEEDS, Toy, ToySettings

from evolve.replay import _judged
from evolve.substrate import Attempt, Bout, Duel, Outcome, Rewrite


def duel(differences: Sequence[float]) -> Duel:
    folded = Duel()
    for difference in differences:
        folded = folded.fold(Bout.of([difference]))
    return folded


@pytest.mark.parametrize(("fresh", "holds"), [((0.3, 0.5, 0.6), True), ((-3.0, -3.1, -2.9), False)])
def test_one_recorded_pair(fresh: Sequence[float], holds: bool) -> None:
    a, b = SEEDS["a"], SEEDS["b"]
    attempt = Attempt("a", 0, a, b, Rewrite(a, "better"), Outcome("ok", 1.0), duel([0.4]), 0.05, "keep")
    found = _judged(Toy(ToySettings(noise=0.1)), attempt, Outcome("ok", 1.1), duel(fresh))
    assert found.holds is holds
    assert "over 3 fresh pairs" in found.said
