"""Did an engine win by what isn't its own: time beyond its share, or its opponent's? And had it what is?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from substrates.chess.analysis import plies_of
from substrates.chess.game import Game
from substrates.chess.match import Pair

__all__ = ["contaminated", "ponders", "slower", "unfair"]

_MORE = 1.15
"""How many times its opponent's median or mean time a move a challenger may take, where that is over its time. Honest
engines stop before it; both see the same machine."""

_LONG, _SURE = 3.0, 4.0
"""Times its time that a move counts for at most, and standard errors by which a mean must be too large: an honest
engine has late moves, where the machine is busy. Assumptions; at 1 ms a move the plain mean refused the seed itself.
"""

_PONDERED, _TICK = 0.15, 0.02
"""The share of its opponents' time that a challenger may compute in, and the seconds by which the kernel's account of a
program may be off: an honest engine waits."""

_HAD = 0.75
"""The share of its time on the move that a program must have computed in: an honest one has nine tenths on a quiet
machine, pipes and the judge between its moves included. An assumption."""


def unfair(pairs: Sequence[Pair], movetime: int, start: float) -> str:
    """How the challenger took what isn't its own; empty where it didn't. `movetime` in ms; `start`: CPU seconds that
    its program takes before a game."""
    if slower(pairs, movetime):
        return "it takes more than its time for its moves: what it wins by that is no strength"
    if ponders(pairs, start):
        return "it computes while its opponent, on the same core, has the move"
    return ""


def contaminated(game: Game) -> bool:
    """Did a program compute too little while it was its move? It had too little of a core, or waited. Its start counts
    for it; of one that lives on after the game nothing is known."""
    return any(
        0 < spent < _HAD * sum(ply.seconds for ply in plies_of(game, white)) - _TICK
        for white, spent in zip((True, False), game.processor, strict=True)
    )


def slower(pairs: Sequence[Pair], movetime: int) -> bool:
    """Does it take more than its time a move, and clearly more than its opponent beside it?"""
    taken: dict[bool, list[float]] = {True: [], False: []}
    for pair in pairs:
        for game in pair.games:
            for mine in (True, False):
                taken[mine] += [ply.seconds for ply in plies_of(game, white=mine == (game is pair.first))]
    if not taken[True] or not taken[False]:
        return False
    share = movetime / 1e3
    # A move for which the machine was away counts as a long one, not as all that it took.
    own, other = (np.minimum(taken[mine], _LONG * share) for mine in (True, False))
    doubt = _SURE * math.hypot(own.std() / math.sqrt(own.size), _MORE * other.std() / math.sqrt(other.size))
    on_most_moves = np.median(own) > max(share, _MORE * np.median(other))
    in_all = own.mean() > max(share, _MORE * other.mean()) + doubt
    return bool(on_most_moves or in_all)


def ponders(pairs: Sequence[Pair], start: float) -> bool:
    """Did it compute for more than a part of its opponents' time?"""
    own = other = spent = 0.0
    games = [(game, white) for pair in pairs for game, white in ((pair.first, True), (pair.second, False))]
    for game, white in games:
        own += sum(ply.seconds for ply in plies_of(game, white))
        other += sum(ply.seconds for ply in plies_of(game, not white))
        spent += game.processor[0 if white else 1]
    return spent - own - len(games) * (start + _TICK) > _PONDERED * other
