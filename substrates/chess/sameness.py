"""Does a child play otherwise than its parent at all?

Many edits change nothing that an engine does. Engine testers see that by a signature: the nodes that searches of fixed
size visit. Games would tell it too, by never deciding: equal engines cost a contest the most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from evolve.substrate import Bench
from substrates.chess.engine import Contestant
from substrates.chess.gate import sampled
from substrates.chess.uci import Fault, Limit, Player, Reply

__all__ = ["same"]

_MOST, _LEAST, _SECONDS = 100, 20, 1.0
"""Positions that both search: as many as can be in so many seconds of an engine's time."""

_LOOKS = 8
"""Before those, by which it is known how far the parent comes in its time."""

_FASTER = 1.1
"""Times as many nodes in the time of a move: that may win games, though the search is the same. A tenth is some ten
Elo, less than a contest finds. An assumption."""


def same(child: Contestant, parent: Contestant, bench: Bench, seed: int) -> str:
    """What is the same, in words; empty where only games can tell. What an engine claims here cannot win it anything
    but its games: so whatever goes wrong is for them too. `seed` draws the positions."""
    move = (parent.limit.movetime or 0) / 1e3
    positions = sampled(seed)[: max(_LEAST, min(_MOST, round(_SECONDS / max(move, 1e-3))))]
    life = 60.0 + 5 * move * len(positions)
    try:
        with _seated(bench, life, parent) as (player,):
            nodes = max(reply.info.nodes for reply in _searched(player, positions[:_LOOKS], parent.limit))
        if nodes < 1:
            return ""
        # As far as it comes in a move, but by nodes: so that both searches end at the same one.
        fixed = Limit(nodes=nodes, patience=max(1.0, 10 * parent.limit.patience))
        with _seated(bench, life, child, parent) as (new, old):
            for one, other in zip(_searched(new, positions, fixed), _searched(old, positions, fixed), strict=True):
                if replace(one, seconds=0.0) != replace(other, seconds=0.0):
                    return ""
            # Turn by turn, so that both have the same machine.
            timed = zip(_searched(new, positions, child.limit), _searched(old, positions, parent.limit), strict=True)
            reached = [(one.info.nodes, other.info.nodes) for one, other in timed]
    except Fault:
        return ""
    if sum(one for one, _ in reached) > _FASTER * sum(other for _, other in reached):
        return ""
    return f"it plays as its parent does: the same move, score and depth in {len(positions)} positions, and no faster"


def _searched(player: Player, positions: Sequence[str], limit: Limit) -> Iterator[Reply]:
    """One after the other, lazily; several are of one game, so that what an engine remembers between moves counts."""
    for fen in positions:
        yield player.go(f"fen {fen}", limit)


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
