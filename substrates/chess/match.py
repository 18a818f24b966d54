"""Pairs of games on slots: one opening, both colours, and what the challenger made of it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, count

from evolve.substrate import Bench, Bout
from substrates.chess.engine import Contestant
from substrates.chess.game import Game, Judge, Result, Rules, Side, play
from substrates.chess.referee import Referees
from substrates.chess.uci import Fault, Player

__all__ = ["Pair", "Seats", "Table", "bout_of", "tally_of"]

_SPARE = 120.0
"""Seconds beyond the longest game that a seated program may live: it is ended by us, long before."""

_UNJUDGED = "no referee"
"""The end of a game whose referee broke; nobody has lost it, and the pair is void."""

_SHIFT = 86_400.0
"""Seconds that one may live which stays between games."""


@dataclass(frozen=True)
class Pair:
    """`first`: the challenger has white; `second`: black. `void`: a trusted engine broke, so it says nothing.
    `seconds`: that its slot was taken, with starts and referee."""

    opening: str
    first: Game
    second: Game
    void: bool = False
    seconds: float = 0.0

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


def bout_of(pairs: Sequence[Pair]) -> Bout:
    """Differences of points to a half; the clock runs in void pairs too."""
    bout = Bout.of([pair.points - 0.5 for pair in pairs if not pair.void])
    return replace(bout, tally=tally_of(pairs), clock=sum(pair.seconds for pair in pairs))


class Seats:
    """The engines at one held slot. Those that are trusted stay between games: they would load for longer than they
    play. A context: leaving it ends them."""

    def __init__(self, held: Bench) -> None:
        self._held = held
        self._kept: dict[str, list[Player]] = {}

    def __enter__(self) -> Seats:
        return self

    def __exit__(self, *_: object) -> None:
        for player in chain.from_iterable(self._kept.values()):
            player.close()

    def take(self, contestant: Contestant, seconds: float) -> Player:
        """Seated and ready; one that isn't kept lives for `seconds` at most. Raises Fault."""
        if kept := self._kept.get(contestant.name):
            return kept.pop()
        return contestant.seated(self._held, _SHIFT if contestant.trusted else seconds)

    def leave(self, contestant: Contestant, player: Player, sound: bool) -> float:
        """After its game, that was `sound` where nobody broke. Returns the CPU seconds of its life, if that is over."""
        if contestant.trusted and sound:
            self._kept.setdefault(contestant.name, []).append(player)
            return 0.0
        return player.close()


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
    ) -> list[Pair]:
        """One pair an opening, in their order; opponent k is `others(k)`. `at_once`: how many slots are asked for; 1
        where one is held."""
        found: dict[int, Pair] = {}
        numbers, lock = count(), threading.Lock()

        def work() -> None:
            with bench.lease() as held, Seats(held) as seats:
                while True:
                    with lock:
                        k = next(numbers)
                    if k >= len(openings):
                        return
                    found[k] = self.pair(seats, challenger, others(k), openings[k])
                    self.told(found[k])

        if min(at_once, len(openings)) <= 1:
            work()
        else:
            with ThreadPoolExecutor(min(at_once, len(openings))) as pool:
                for future in [pool.submit(work) for _ in range(min(at_once, len(openings)))]:
                    future.result()
        return [found[k] for k in sorted(found)]

    def pair(self, seats: Seats, challenger: Contestant, other: Contestant, opening: str) -> Pair:
        """Two games. An engine that isn't trusted is started anew for each."""
        began = time.monotonic()
        first = self._game(seats, challenger, other, opening, challenger_white=True)
        second = self._game(seats, challenger, other, opening, challenger_white=False)
        void = any(
            game.end == _UNJUDGED or _broke(game, contestant)
            for game in (first, second)
            for contestant in (challenger, other)
        )
        return Pair(opening, first, second, void, time.monotonic() - began)

    def _game(
        self, seats: Seats, challenger: Contestant, other: Contestant, opening: str, challenger_white: bool
    ) -> Game:
        white, black = (challenger, other) if challenger_white else (other, challenger)
        longest = (self.rules.plies // 2 + 2) * max(white.limit.patience, black.limit.patience) + _SPARE
        seated: list[tuple[Contestant, Player]] = []
        spent, game = [0.0, 0.0], None
        try:
            for contestant in (white, black):
                try:
                    seated.append((contestant, seats.take(contestant, longest)))
                except Fault as fault:
                    result: Result = "0-1" if contestant is white else "1-0"
                    return Game(opening, white.name, black.name, (), result, fault.kind, fault.reason)
            sides = [Side(player, contestant.limit) for contestant, player in seated]
            try:
                with self._judge() as judge:
                    game = play(opening, sides[0], sides[1], self.rules, judge)
            except Fault as fault:  # an engine's own is a result; this is the referee's
                return Game(opening, white.name, black.name, (), "1/2-1/2", _UNJUDGED, fault.reason)
        finally:
            for number, (contestant, player) in enumerate(seated):
                spent[number] = seats.leave(contestant, player, game is not None and not game.fault)
        return replace(game, processor=(spent[0], spent[1]))

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
