"""Pairs of games on slots: one opening, both colours, and what the challenger made of it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

import numpy as np

from evolve.substrate import Bench, Bout
from substrates.chess.engine import Contestant
from substrates.chess.game import Game, Judge, Result, Rules, Side, play
from substrates.chess.referee import Referees
from substrates.chess.uci import Fault, Player

__all__ = ["Pair", "Table", "bout_of", "tally_of"]

_SPARE = 120.0
"""Seconds beyond the longest game that a seated program may live: it is ended by us, long before."""


@dataclass(frozen=True)
class Pair:
    """`first`: the challenger has white; `second`: black. `void`: a trusted engine broke, so it says nothing."""

    opening: str
    first: Game
    second: Game
    void: bool = False

    @property
    def points(self) -> float:
        """The challenger's over both games, halved: 0, 1/4, 1/2, 3/4 or 1."""
        return (self.first.points(white=True) + self.second.points(white=False)) / 2

    @property
    def games(self) -> tuple[Game, Game]:
        return self.first, self.second


def tally_of(pairs: Sequence[Pair]) -> tuple[int, ...]:
    """How often the challenger made 0, 1/4, 1/2, 3/4, 1 of a pair."""
    found = Counter(round(4 * pair.points) for pair in pairs if not pair.void)
    return tuple(found[k] for k in range(5))


def bout_of(pairs: Sequence[Pair], last: bool = False) -> Bout:
    """Differences of points to a half."""
    counted = [pair for pair in pairs if not pair.void]
    d = np.array([pair.points - 0.5 for pair in counted])
    return Bout(len(counted), float(d.sum()), float((d * d).sum()), last, tally=tally_of(pairs))


@dataclass(frozen=True)
class Table:
    """Where pairs are played: by these rules, with these referees. `told` hears of every pair as it ends."""

    rules: Rules
    referees: Referees | None = None
    told: Callable[[Pair], None] = lambda pair: None

    def pairs(
        self,
        bench: Bench,
        challenger: Contestant,
        others: Callable[[int], Contestant],
        openings: Sequence[str],
        at_once: int = 1,
        until: float = float("inf"),
    ) -> list[Pair]:
        """One pair an opening, in their order; opponent k is `others(k)`. No pair is begun after `until` (monotonic),
        but one is. `at_once`: how many slots are asked for; 1 where one is held."""
        found: dict[int, Pair] = {}
        numbers, lock = count(), threading.Lock()

        def work() -> None:
            with bench.lease() as held:
                while True:
                    with lock:
                        k = next(numbers)
                    if k >= len(openings) or (k and time.monotonic() >= until):
                        return
                    found[k] = self.pair(held, challenger, others(k), openings[k])
                    self.told(found[k])

        if min(at_once, len(openings)) <= 1:
            work()
        else:
            with ThreadPoolExecutor(min(at_once, len(openings))) as pool:
                for future in [pool.submit(work) for _ in range(min(at_once, len(openings)))]:
                    future.result()
        return [found[k] for k in sorted(found)]

    def pair(self, held: Bench, challenger: Contestant, other: Contestant, opening: str) -> Pair:
        """Two games, both engines started anew for each."""
        first = self._game(held, challenger, other, opening, challenger_white=True)
        second = self._game(held, challenger, other, opening, challenger_white=False)
        void = any(_broke(game, contestant) for game in (first, second) for contestant in (challenger, other))
        return Pair(opening, first, second, void)

    def _game(
        self, held: Bench, challenger: Contestant, other: Contestant, opening: str, challenger_white: bool
    ) -> Game:
        white, black = (challenger, other) if challenger_white else (other, challenger)
        with ExitStack() as stack:
            sides: list[Side] = []
            for contestant in (white, black):
                try:
                    player = stack.enter_context(self._seated(held, contestant))
                except Fault as fault:
                    result: Result = "0-1" if contestant is white else "1-0"
                    return Game(opening, white.name, black.name, (), result, fault.kind, fault.reason)
                sides.append(Side(player, contestant.limit))
            return play(opening, sides[0], sides[1], self.rules, stack.enter_context(self._judge()))

    @contextmanager
    def _seated(self, held: Bench, contestant: Contestant) -> Iterator[Player]:
        longest = (self.rules.plies // 2 + 2) * contestant.limit.patience + _SPARE
        player = contestant.seated(held, longest)
        try:
            yield player
        finally:
            player.close()

    @contextmanager
    def _judge(self) -> Iterator[Judge | None]:
        if self.referees is None:
            yield None
            return
        referees = self.referees
        with referees.one() as player:
            yield lambda position: referees.score(player, position)


def _broke(game: Game, contestant: Contestant) -> bool:
    """Was it a trusted engine that lost by a fault?"""
    loser = game.black if game.result == "1-0" else game.white
    return game.fault and contestant.trusted and contestant.name == loser
