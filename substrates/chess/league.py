"""Champions among themselves, where there is no ladder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from evolve.substrate import Outcome
from substrates.chess.analysis import play_of
from substrates.chess.game import Game
from substrates.chess.match import Pair, tally_of
from substrates.chess.rating import bradley_terry

__all__ = ["PAIRS", "league"]

PAIRS = 4
"""That each two champions play."""


def league(engines: Mapping[str, str], fought: Callable[[str, str], Sequence[Pair]]) -> Mapping[str, Outcome]:
    """Each two of `engines` (digest -> lineage: copies of one are one) as challenger and other; Elo with the mean 0."""
    won: dict[tuple[str, str], float] = {}
    met: dict[str, dict[str, list[int]]] = {digest: {} for digest in engines}
    games: dict[str, list[tuple[Game, bool]]] = {digest: [] for digest in engines}
    for one, other in combinations(sorted(engines), 2):
        pairs = fought(one, other)
        met[one][engines[other]] = list(tally_of(pairs))
        met[other][engines[one]] = met[one][engines[other]][::-1]
        for pair in pairs:
            if pair.void:
                continue
            won[one, other] = won.get((one, other), 0.0) + pair.points
            won[other, one] = won.get((other, one), 0.0) + 1 - pair.points
            games[one] += [(pair.first, True), (pair.second, False)]
            games[other] += [(pair.first, False), (pair.second, True)]
    if len(engines) > 1 and not won:
        raise RuntimeError("the referee broke in every game of the league")
    elos = bradley_terry(won) if won else {}
    return {d: Outcome("ok", elos.get(d, 0.0), evidence={"play": play_of(games[d]), "met": met[d]}) for d in engines}
