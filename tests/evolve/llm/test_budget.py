"""A cap is passed by one call at most, whatever comes in which order, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.config import BudgetSettings, Price
from evolve.errors import Spent
from evolve.llm.budget import Budget, Prices

# The most that a call may cost, the share of it that it does cost, and how long it takes, in turns of the loop.
calls = st.lists(
    st.tuples(st.integers(1, 100), st.floats(0, 1), st.integers(0, 5), st.booleans()), min_size=1, max_size=25
)


@given(calls, st.integers(0, 300), st.integers(0, 12), st.integers(1, 8), st.integers(0, 99))
def test_no_interleaving_passes_a_cap_by_more_than_a_call(
    wanted: list[tuple[int, float, int, bool]], tokens: int, count: int, slots: int, seed: int
) -> None:
    budget = Budget(BudgetSettings(calls=count, tokens=tokens))
    refused = 0

    async def one(most: int, share: float, turns: int, billed: bool, slot: asyncio.Semaphore) -> None:
        nonlocal refused
        async with slot:
            held = {"calls": 1, "tokens": most}
            try:
                await budget.admit(held)
            except Spent:
                refused += 1
                return
            for _ in range(turns):
                await asyncio.sleep(0)
            budget.settle(held, {"calls": 1, "tokens": int(most * share)} if billed else {})

    async def all_of_them() -> None:
        slot = asyncio.Semaphore(slots)
        order = random.Random(seed).sample(wanted, len(wanted))
        await asyncio.wait_for(asyncio.gather(*(one(*call, slot) for call in order)), 20)

    asyncio.run(all_of_them())
    assert budget.paid["calls"] <= count
    largest = max(most for most, *_ in wanted)
    assert budget.paid["tokens"] <= max(0, tokens - 1) + largest
    if refused:
        assert budget.paid["calls"] >= count or budget.paid["tokens"] >= tokens


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40))), st.integers(1, 100))
def test_what_is_in_flight_is_counted(steps: list[tuple[int, int]], cap: int) -> None:
    """Admissions and settlements as they come: never more at stake than the cap, but for one call alone."""
    budget = Budget(BudgetSettings(tokens=cap))
    flying: list[dict[str, float]] = []
    for settled, most in steps:
        if flying and settled < 30:
            budget.settle(flying[0], {"tokens": flying.pop(0)["tokens"] * settled / 30})
        try:
            if budget.fits({"tokens": most}):
                budget.hold({"tokens": most})
                flying.append({"tokens": most})
        except Spent:
            assert budget.paid["tokens"] >= cap
        at_stake = budget.paid["tokens"] + sum(call["tokens"] for call in flying)
        assert at_stake <= cap or len(flying) <= 1


def test_no_cap_never_waits() -> None:
    budget = Budget(BudgetSettings())
    for _ in range(100):
        assert budget.fits({"calls": 1, "tokens": 10**9, "usd": 1e6})
        budget.hold({"calls": 1})


def test_earlier_sittings_count() -> None:
    budget = Budget(BudgetSettings(usd=2))
    budget.count({"calls": 40, "tokens": 9, "usd": 1.5})
    budget.count({"calls": 1, "tokens": 9, "usd": 0.53})
    with pytest.raises(Spent, match=r"llm\.budget\.usd=2 is spent: 2\.03 USD over 41 calls"):
        budget.fits({"usd": 0.1})


def test_prices() -> None:
    prices = Prices([Price("a", 2.0, 10.0)])
    assert prices.usd("a", 500_000, 100_000) == pytest.approx(2.0)
    assert prices.usd("b", 1, 1) is None
    assert prices.cost("b", 1, 1) == {"calls": 1, "tokens": 2}
    assert Prices([], free=True).usd("b", 1, 1) == 0.0
