"""The way of a request to the server and back: its turn, the budget, the gate, and again where that helps."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from evolve.config import LLMSettings
from evolve.errors import Halt
from evolve.llm.budget import Budget, Prices
from evolve.llm.gate import Gate, backoff
from evolve.llm.types import Answer, Call, Failed, Overlong
from evolve.llm.wire import Asked, Hopeless, Tokens, Trouble, Wire

__all__ = ["Line", "Way"]

TRIES = 8  # of a request that fails while others succeed; an assumption: with the waits between, about a minute
USELESS = 3  # answers of no use to one request: each may have been paid for
OVERHEAD = 16  # tokens that a chat template puts around a message, at most; an assumption, of today's models up to 8


@dataclass
class Way:
    """One request on its way. `lost`: calls that the server may have billed, and that gave no answer."""

    asked: Asked
    most: dict[str, float]
    lost: list[Call] = field(default_factory=list)
    cost: Counter[str] = field(default_factory=Counter)
    tries: int = 0
    useless: int = 0
    own: str = ""  # what its last try failed by, where that may be the request's fault
    failed: float = math.inf  # when its try before this one began
    began: float = field(default_factory=time.monotonic)


class Line:
    """`first`: seconds before a request is tried again; `clean`: takes secrets out of an answer. Everything here
    belongs to one event loop."""

    def __init__(
        self,
        settings: LLMSettings,
        wire: Wire,
        gate: Gate,
        budget: Budget,
        prices: Prices,
        first: float,
        clean: Callable[[str], str],
    ) -> None:
        self.wire, self._gate, self.budget = wire, gate, budget
        self._prices, self._first, self._clean, self._patience = prices, first, clean, settings.patience
        self._slots = asyncio.Semaphore(settings.concurrency)

    async def ask(self, asked: Asked, lost: list[Call]) -> Answer:
        """`lost` gets every call that may have been paid for nothing. Raises Failed, Spent, Halt."""
        async with self._slots:
            with self._gate.caller():
                way = Way(asked, self._most(asked), lost)
                while True:
                    try:
                        return await self._once(way)
                    except Hopeless as error:
                        raise (Overlong if error.overlong else Failed)(str(error), way.cost) from None
                    except Trouble as trouble:
                        await self._weigh(way, trouble)
                    except Halt:
                        # One request that a server always fails at must not stop the run each time that it goes on.
                        if not (way.own and self._gate.given_up_alone()):
                            raise
                        raise Failed(f"{way.own} (tried {way.tries} times)", way.cost) from None

    async def _once(self, way: Way) -> Answer:
        """One call, admitted and settled. Raises Trouble, Hopeless, Spent, Halt."""
        await self.budget.admit(way.most)
        paid: dict[str, float] = {}
        try:
            async with self._gate.passage() as began:
                try:
                    reply = await self.wire.ask(way.asked)
                except Trouble as trouble:
                    paid = self._billed(way, trouble, began)
                    trouble.began = began
                    trouble.server = self._gate.failed(began, str(trouble), trouble.after)
                    raise
                except Hopeless as error:
                    paid = self._billed(way, error, began)
                    self._gate.succeeded()
                    raise
                self._gate.succeeded()
                tokens = reply.tokens or (_prompt(way.asked), len(reply.text) // 4)
                paid = self._prices.cost(way.asked.model, *tokens)
                return Answer(
                    self._clean(reply.text),
                    way.asked.model,
                    *tokens,
                    usd=paid.get("usd"),
                    seconds=round(time.monotonic() - began, 6),
                    cut=reply.cut,
                )
        finally:
            self.budget.settle(way.most, paid)

    async def _weigh(self, way: Way, trouble: Trouble) -> None:
        """Returns when it is to be tried again; raises Failed where that is no use."""
        way.tries += 1
        way.useless += trouble.answered
        way.own = str(trouble) if trouble.own else ""
        waited = time.monotonic() - way.began
        # A server that went down after others' success has not worked since this request's last try.
        alone = self._gate.worked_since(way.failed)
        way.failed = trouble.began
        # That a server is busy says nothing against a request; but no request is waited for longer than a dead server.
        enough = waited > self._patience or (way.tries >= TRIES and not trouble.busy)
        if way.useless >= USELESS or (alone and enough):
            raise Failed(f"{trouble} (tried {way.tries} times)", way.cost)
        if not trouble.server:
            wait = max(backoff(self._first, way.tries), trouble.after or 0.0)
            await asyncio.sleep(min(wait, self._patience))

    def _billed(self, way: Way, error: Trouble | Hopeless, began: float) -> dict[str, float]:
        if error.billed is None:
            return {}
        # Where the server didn't say: it has had the prompt, at least.
        tokens = error.billed if any(error.billed) else (_prompt(way.asked), 0)
        cost = self._prices.cost(way.asked.model, *tokens)
        way.cost.update(cost)
        way.lost.append(_lost(way.asked, str(error), tokens, cost.get("usd"), time.monotonic() - began))
        return cost

    def _most(self, asked: Asked) -> dict[str, float]:
        """No tokenizer makes more tokens of a text than it has bytes."""
        prompt = sum(len(message.content.encode()) + OVERHEAD for message in asked.messages)
        prompt += len(json.dumps(asked.schema).encode()) if asked.schema is not None else 0
        return self._prices.cost(asked.model, prompt, asked.most)


def _prompt(asked: Asked) -> int:
    """Its tokens, as far as they can be told without a server."""
    return sum(len(message.content) for message in asked.messages) // 4


def _lost(asked: Asked, said: str, tokens: Tokens, usd: float | None, seconds: float) -> dict[str, Any]:
    """As it is recorded."""
    return {
        "failed": said,
        "model": asked.model,
        "prompt_tokens": tokens[0],
        "answer_tokens": tokens[1],
        "usd": usd,
        "seconds": round(seconds, 6),
        "paid": True,
    }
