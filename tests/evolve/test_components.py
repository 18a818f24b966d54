"""Every component joins its conformance suite by one line."""

from __future__ import annotations

import numpy as np
from toy import SEEDS, Toy, ToySettings

from evolve.mutators import Embedded, Mutator
from evolve.selection import Ranked
from evolve.substrate import Brief, Outcome
from evolve.testing import MutatorConformance, Scripted, SelectionConformance, SubstrateConformance


def brief() -> Brief:
    toy = Toy()
    return Brief(
        toy.brief(),
        toy.metric,
        toy.clock,
        0,
        "a",
        SEEDS["a"],
        {"b": SEEDS["b"]},
        {},
        Outcome("ok", 3.0),
        {},
        {},
    )


def embedded() -> tuple[Mutator, Brief]:
    return Embedded(Toy()), brief()


class TestToy(SubstrateConformance):
    make = staticmethod(lambda: (Toy(), SEEDS))


class TestNoisyToy(SubstrateConformance):
    make = staticmethod(lambda: (Toy(ToySettings(noise=0.1)), SEEDS))


class TestRanked(SelectionConformance):
    make = staticmethod(lambda: Ranked(2, 2))


class TestRankedAtRandom(SelectionConformance):
    make = staticmethod(lambda: Ranked(2, 2, "random"))


class TestEmbedded(MutatorConformance):
    make = staticmethod(embedded)


class TestScripted(MutatorConformance):
    make = staticmethod(lambda: (Scripted(lambda b: Toy().propose(b, np.random.default_rng(0))), brief()))
