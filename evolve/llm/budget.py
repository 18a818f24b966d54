"""What calls cost, and the caps on it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from evolve.config import BudgetSettings, Price
from evolve.errors import Spent

__all__ = ["Budget", "Cost", "Prices"]

Cost = Mapping[str, float]
"""`calls`, `tokens`, `usd`; what is not known is not in it."""

MILLION = 1_000_000


class Prices:
    """US dollars of a call, by its model. `free`: what has no price costs nothing (a model on this machine)."""

    def __init__(self, prices: Sequence[Price], free: bool = False) -> None:
        self._prices = {price.model: price for price in prices}
        self._free = free

    def knows(self, model: str) -> bool:
        return self._free or model in self._prices

    def usd(self, model: str, prompt_tokens: int, answer_tokens: int) -> float | None:
        """None: nobody said."""
        price = self._prices.get(model)
        if price is None:
            return 0.0 if self._free else None
        return (prompt_tokens * price.input + answer_tokens * price.output) / MILLION

    def cost(self, model: str, prompt_tokens: int, answer_tokens: int) -> dict[str, float]:
        """Of one call."""
        usd = self.usd(model, prompt_tokens, answer_tokens)
        return {"calls": 1, "tokens": prompt_tokens + answer_tokens, **({} if usd is None else {"usd": usd})}


class Budget:
    """Caps that all calls of a run together may pass by one call at most.

    A call is admitted with the most that it may cost, which is held back until it is settled with what it did cost.
    Where that doesn't fit beside what is in flight, it waits for a settlement; alone it may go over, if the cap isn't
    reached yet: how dear a call is, is known only afterwards. Everything here belongs to one event loop.
    """

    def __init__(self, caps: BudgetSettings) -> None:
        self._caps = {name: cap for name, cap in vars(caps).items() if cap is not None}
        self._paid = dict.fromkeys(("calls", "tokens", "usd"), 0.0)
        self._flying: list[Cost] = []
        self._settled = asyncio.Event()

    @property
    def paid(self) -> Cost:
        return dict(self._paid)

    def count(self, cost: Cost) -> None:
        """Paid without having been admitted: in an earlier sitting."""
        for name, amount in cost.items():
            self._paid[name] += amount

    def fits(self, most: Cost) -> bool:
        """Raises Spent where a cap is reached."""
        for name, cap in self._caps.items():
            if self._paid[name] >= cap:
                raise Spent(self._said(name, cap))
        return not self._flying or all(
            self._paid[name] + sum(held.get(name, 0) for held in self._flying) + most.get(name, 0) <= cap
            for name, cap in self._caps.items()
        )

    def hold(self, most: Cost) -> None:
        self._flying.append(most)

    def settle(self, most: Cost, cost: Cost) -> None:
        self._flying.remove(most)
        self.count(cost)
        self._settled.set()

    async def admit(self, most: Cost) -> None:
        """Holds back `most` as soon as it fits; to be settled. Raises Spent."""
        while not self.fits(most):
            self._settled.clear()
            await self._settled.wait()
        self.hold(most)

    def _said(self, name: str, cap: float) -> str:
        paid = {
            "calls": f"{self._paid['calls']:.0f} calls",
            "tokens": f"{self._paid['tokens']:.0f} tokens",
            "usd": f"{self._paid['usd']:.4g} USD",
        }
        over = "" if name == "calls" else f" over {paid['calls']}"
        return f"llm.budget.{name}={cap:g} is spent: {paid[name]}{over}"
