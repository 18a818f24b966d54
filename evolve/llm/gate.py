"""Whether the server can be asked: one request at a time finds out, while all others wait."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from evolve.errors import Halt

__all__ = ["Gate", "backoff"]

LONGEST = 30.0  # seconds between two tries; an assumption: a server that is back is noticed within half a minute


def backoff(first: float, tries: int) -> float:
    """Seconds before the next try: twice as long each time, and apart from everybody else's."""
    longest = min(LONGEST, first * 2.0 ** min(tries - 1, 16))
    return longest * random.SystemRandom().uniform(0.5, 1.0)


class Gate:
    """A circuit breaker. It closes when a call fails and nobody's succeeded since that call began; then the callers
    queue, the first of them tries after a while, and a success lets all through. After `patience` seconds without one
    every caller gets Halt. Everything here belongs to one event loop.
    """

    def __init__(self, where: str, patience: float, first: float, say: Callable[[str], None]) -> None:
        self._where, self._patience, self._first, self._say = where, patience, first, say
        self._turn = asyncio.Lock()
        self._open = asyncio.Event()
        self._open.set()
        self._success = -1.0  # when the last one came
        self._since = self._next = 0.0  # when the gate closed; when it is tried again
        self._tries = self._callers = 0
        self._last, self._told = "", False
        self._gone: str | None = None
        self._excused = False  # has one request been given up since the last success?

    def worked_since(self, began: float) -> bool:
        """Has any call succeeded since then?"""
        return self._success > began

    @contextmanager
    def caller(self) -> Iterator[None]:
        """To be held while somebody wants an answer: with nobody there, nothing is known about the server."""
        self._callers += 1
        try:
            yield
        finally:
            self._callers -= 1
            if not self._callers:
                self._tries, self._told = 0, False
                self._open.set()

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[float]:
        """To be held during a call; gives the time at which it begins. Raises Halt."""
        async with AsyncExitStack() as held:
            if self._gone is not None or not self._open.is_set():
                await held.enter_async_context(self._turn)
                await self._wait()
                if self._open.is_set():
                    await held.aclose()
            yield time.monotonic()

    async def _wait(self) -> None:
        """Until the gate is open, or to be tried."""
        if self._gone is not None:
            raise Halt(self._gone)
        end = self._since + self._patience
        try:
            await asyncio.wait_for(self._open.wait(), max(0.0, min(self._next, end) - time.monotonic()))
        except TimeoutError:
            if time.monotonic() >= end:
                self._gone = self._given_up()
                raise Halt(self._gone) from None

    def _given_up(self) -> str:
        return (
            f"The model's server {self._where} has answered nothing for {self._patience:g} s (the last time: "
            f"{self._last.rstrip('.')}). Everything is recorded: resume the run when it answers again; llm.patience "
            "says how long it is waited for."
        )

    def given_up_alone(self) -> bool:
        """Patience is over: may the one request that is waiting be given up instead of the server? Once; then others
        must get an answer first."""
        if self._gone is None or self._callers > 1 or self._excused:
            return False
        self._gone, self._excused = None, True
        return True

    def succeeded(self) -> None:
        self._success, self._excused = time.monotonic(), False
        if self._told:
            self._say(f"The model's server {self._where} answers again.")
        self._tries, self._told = 0, False
        self._open.set()

    def failed(self, began: float, said: str, after: float | None = None) -> bool:
        """A call that began then has failed; `after`: the seconds that the server asks to be left alone. Is it the
        server, as far as can be told? Else others' calls have succeeded since."""
        if self.worked_since(began):
            return False
        now = time.monotonic()
        self._last = said
        if self._open.is_set():
            self._open.clear()
            self._since, self._next, self._tries = now, now, 1
        elif began >= self._since:  # it was the try, and not one of those that were in flight when the gate closed
            self._tries += 1
        # A server that says when to come back knows better than a guess; one probe at a time storms nobody.
        pause = backoff(self._first, self._tries) if after is None else max(self._first, after)
        self._next = max(self._next, now + pause)
        if self._tries > 1 and not self._told:  # one hiccup is nobody's business
            self._told = True
            self._say(
                f"The model's server {self._where} fails ({said.rstrip('.')}); waiting {self._patience:g} s for it."
            )
        return True
