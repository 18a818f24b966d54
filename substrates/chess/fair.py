"""Did an engine win by what isn't its own: time beyond its share, or its opponent's? And had it what is?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from substrates.chess.analysis import plies_of
from substrates.chess.game import Game
from substrates.chess.match import Pair

__all__ = ["contaminated", "ponders", "slower", "unfair"]

_MORE = 1.15
"""How many times its opponent's median or mean time a move a challenger may take, where that is over its time. Honest
engines stop before it; both see the same machine."""

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
            for own in (True, False):
                taken[own] += [ply.seconds for ply in plies_of(game, white=own == (game is pair.first))]
    for middle in (np.median, np.mean):  # most moves a little, or some of them much
        own_middle, other = (float(middle(seconds)) if seconds else 0.0 for seconds in (taken[True], taken[False]))
        if own_middle > movetime / 1e3 and own_middle > _MORE * other:
            return True
    return False


def ponders(pairs: Sequence[Pair], start: float) -> bool:
    """Did it compute for more than a part of its opponents' time?"""
    own = other = spent = 0.0
    games = [(game, white) for pair in pairs for game, white in ((pair.first, True), (pair.second, False))]
    for game, white in games:
        own += sum(ply.seconds for ply in plies_of(game, white))
        other += sum(ply.seconds for ply in plies_of(game, not white))
        spent += game.processor[0 if white else 1]
    return spent - own - len(games) * (start + _TICK) > _PONDERED * other
