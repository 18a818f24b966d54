"""Does a child play otherwise than its parent at all?

Many edits change nothing that an engine does. Engine testers see that by a signature: the nodes that searches of fixed
size visit. Games would tell it too, by never deciding: equal engines cost a contest the most.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import chess
import numpy as np

from evolve.substrate import Bench
from substrates.chess.engine import Contestant
from substrates.chess.game import legal
from substrates.chess.uci import Fault, Limit, Player, Reply

__all__ = ["OPENINGS", "same"]

OPENINGS = 12
"""As many as are given; games of the same two from them are thought through until there are enough positions."""

_MOST, _LEAST, _PLIES = 120, 40, 80
"""Positions at most and at least, and of one game: from an opening to deep in an ending."""

_LIFE = 4
"""Times what looking may take that a program lives: one that stalls takes so much of its own contest, and no more."""

_NODES = 1 << 24
"""More than that in the time of a move are none."""

_FASTER, _TIME, _LATE, _SURE, _REACHED = 1.1, 0.05, 0.1, 3.0, 0.8
"""Beyond these only games tell: how many times faster the same search is; what part of a move an answer comes sooner or
later; what share of late answers fewer; by how many standard errors it is deeper in a move's time. And below the last,
of that depth, which a search by nodes has: then nodes are not what it says. A tenth in speed is some ten Elo, less than
a contest finds. All are assumptions."""


def same(child: Contestant, parent: Contestant, bench: Bench, openings: Sequence[str], seconds: float) -> str:
    """What is the same, in words; empty where only games can tell. `seconds`: what looking may take; too few are none.

    Both think through games of the parent's moves, as many nodes a move as it reaches in its time. What an engine
    claims here can win it nothing but its games, so whatever goes wrong is for them too.
    """
    move = (parent.limit.movetime or 0) / 1e3
    count = min(_MOST, int(seconds / (6 * max(move, 1e-3))))  # two engines, by time and by up to twice the nodes
    if count < _LEAST:
        return ""
    try:
        with _seated(bench, _LIFE * seconds, parent) as (player,):
            fixed = Limit(nodes=_nodes(player, f"fen {openings[0]}", move, seconds), patience=seconds)
        with _seated(bench, _LIFE * seconds, child, parent) as (new, old):
            told, by_nodes = list[str](), list[tuple[Reply, Reply]]()
            for position, one, other in _games(new, old, openings, fixed, count):
                if replace(one, seconds=0.0) != replace(other, seconds=0.0):
                    return ""
                told.append(position)
                by_nodes.append((one, other))
            timed = Limit(movetime=parent.limit.movetime, patience=seconds)
            by_time = [_both(new, old, position, timed, k) for k, position in enumerate(told)]
    except Fault:
        return ""
    if len(told) < _LEAST or _differs_in_time(by_nodes, by_time, move):
        return ""
    return f"it plays as its parent does: the same move, score, depth and nodes in {len(told)} positions, and no faster"


def _differs_in_time(
    by_nodes: Sequence[tuple[Reply, Reply]], by_time: Sequence[tuple[Reply, Reply]], move: float
) -> bool:
    faster = np.median([other.seconds / max(one.seconds, 1e-6) for one, other in by_nodes])
    new, old = (np.array([pair[k].seconds for pair in by_time]) for k in (0, 1))
    deeper = np.array([one.info.depth - other.info.depth for one, other in by_time])
    reached, usual = (sum(other.info.depth for _, other in replies) for replies in (by_nodes, by_time))
    return bool(
        faster > _FASTER
        or abs(np.median(new) - np.median(old)) > _TIME * move
        or np.mean(old > move) - np.mean(new > move) > _LATE
        or deeper.mean() > _SURE * deeper.std() / math.sqrt(deeper.size)
        or reached < _REACHED * usual
    )


def _nodes(player: Player, position: str, move: float, seconds: float) -> int:
    """That take the time of a move, up to twice as many. By them both searches end at the same one, and by time they
    would not. Raises Fault."""

    def took(nodes: int) -> float:
        player.new_game(10.0)  # what it remembers would spare it some
        return player.go(position, Limit(nodes=nodes, patience=seconds)).seconds

    nodes = 16
    while min(took(nodes), took(nodes)) < move:  # twice: the machine may have been away
        nodes *= 2
        if nodes > _NODES:
            raise Fault("protocol", "its nodes take no time")
    return nodes


def _games(
    new: Player, old: Player, openings: Sequence[str], limit: Limit, count: int
) -> Iterator[tuple[str, Reply, Reply]]:
    """Positions with what both say of them, lazily; they are told as in a game, with all moves before. Raises Fault."""
    for opening in openings:
        for player in (new, old):
            player.new_game(10.0)
        board, moves = chess.Board(opening), list[str]()
        while count > 0 and len(moves) < _PLIES and not board.is_game_over():
            position = " ".join([f"fen {opening}", *(["moves", *moves] if moves else [])])
            one, other = _both(new, old, position, limit, len(moves))
            yield position, one, other
            found = legal(board, other.move)
            if found is None:
                raise Fault("protocol", f"{other.move[:12]!r} is no move")
            board.push(found)
            moves.append(found.uci())
            count -= 1


def _both(new: Player, old: Player, position: str, limit: Limit, turn: int) -> tuple[Reply, Reply]:
    """Turn by turn, who begins too, so that both have the same machine."""
    if turn % 2:
        other = old.go(position, limit)
        return new.go(position, limit), other
    one = new.go(position, limit)
    return one, old.go(position, limit)


@contextmanager
def _seated(bench: Bench, seconds: float, *contestants: Contestant) -> Iterator[list[Player]]:
    """Ready for a game. Raises Fault."""
    with ExitStack() as seats:
        players = []
        for contestant in contestants:
            players.append(contestant.seated(bench, seconds))
            seats.callback(players[-1].close)
            players[-1].new_game(10.0)
        yield players
