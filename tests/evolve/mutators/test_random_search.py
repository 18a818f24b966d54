"""Random search: every number drawn anew, within its bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import Toy

from evolve.config import MutatorSettings
from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.mutators import Mutator, Workshop
from evolve.mutators.random_search import RandomSearch
from evolve.substrate import Brief, Outcome
from evolve.testing import MutatorConformance

CODE = "DEPTH = 4  # tune\nRATE = 0.02  # tune\nNAME = 3\n"


def mutator(seed: Genome) -> Mutator:
    pytest.importorskip("tree_sitter", reason="pip install -e '.[code]'")
    return RandomSearch.make(Workshop(Toy(), MutatorSettings(name="random"), seeds={"a": seed}))


def brief(parent: Genome) -> Brief:
    toy = Toy()
    return Brief(toy.brief(), toy.metric, toy.clock, 0, "a", parent, {}, {}, Outcome("ok", 1.0), {}, {})


def made() -> tuple[Mutator, Brief]:
    seed = Genome({"train.py": CODE})
    return mutator(seed), brief(seed)


class TestRandomSearch(MutatorConformance):
    make = staticmethod(made)


@given(st.integers(0, 2**32 - 1))
def test_marked_numbers_stay_within_the_factor_and_all_else_as_it_is(seed: int) -> None:
    searching, asked = made()
    (rewrite,) = searching.rewrite(asked, np.random.default_rng(seed))
    there: dict[str, float] = {}
    exec(rewrite.genome["train.py"], there)
    assert 1 <= there["DEPTH"] <= 16
    assert isinstance(there["DEPTH"], int)
    assert 0.02 / 4.001 <= there["RATE"] <= 0.02 * 4.001
    assert there["NAME"] == 3
    assert rewrite.kind == "random"


def test_without_a_number_it_says_so_before_anything_is_spent() -> None:
    with pytest.raises(UsageError, match="no agent has one"):
        mutator(Genome({"train.py": "x = 1\n"}))
