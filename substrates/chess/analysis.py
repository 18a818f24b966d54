"""Where lost games were lost: what a mutator may read of an engine's play."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import chess

from substrates.chess.game import Game, Ply
from substrates.chess.referee import Referees

__all__ = ["Slip", "play_of", "plies_of", "slips"]

_GAMES, _SLIPS, _CAP = 4, 6, 1500
"""Lost games that are looked through, moves that are told, and centipawns beyond which a game is decided anyway."""


@dataclass(frozen=True)
class Slip:
    """A move that cost the most: in `fen` it `played` this; the referee thinks `better` is worth so many `lost`
    centipawns more."""

    fen: str
    played: str
    better: str
    lost: int

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def slips(games: Iterable[tuple[Game, bool]], referees: Referees) -> list[Slip]:
    """The worst moves of the lost games, one or two a game; each game with whether the loser, ours, had white."""
    lost = [(game, white) for game, white in games if game.points(white) == 0.0 and not game.fault][:_GAMES]
    found = [slip for game, white in lost for slip in _of(game, white, referees)]
    return sorted(found, key=lambda slip: -slip.lost)[:_SLIPS]


def _of(game: Game, white: bool, referees: Referees) -> list[Slip]:
    board, position, found = chess.Board(game.opening), f"fen {game.opening} moves", []
    with referees.one() as judge:
        for ply in game.plies:
            if board.turn == white:
                reply = referees.reply(judge, position)
                best, after = reply.info.score or 0, referees.score(judge, f"{position} {ply.move}")
                lost = min(best, _CAP) - max(-after, -_CAP)
                if lost > 0 and reply.move != ply.move:
                    found.append(Slip(board.fen(), ply.move, reply.move, lost))
            board.push_uci(ply.move)
            position += f" {ply.move}"
    return sorted(found, key=lambda slip: -slip.lost)[:2]


def play_of(games: Sequence[tuple[Game, bool]]) -> dict[str, Any]:
    """How it played, by what it claims and by our clock: depth, nodes a second, time a move, how games ended."""
    own = [ply for game, white in games for ply in plies_of(game, white)]
    seconds = math.fsum(ply.seconds for ply in own)
    return {
        "ends": dict(Counter(game.end for game, _ in games)),
        "depth": round(sum(ply.info.depth for ply in own) / max(1, len(own)), 1),
        "nodes_per_second": round(sum(ply.info.nodes for ply in own) / seconds) if seconds else 0,
        "ms_per_move": round(1e3 * seconds / max(1, len(own)), 1),
    }


def plies_of(game: Game, white: bool) -> Sequence[Ply]:
    """That side's moves."""
    return game.plies[0 if (game.opening.split()[1] == "w") == white else 1 :: 2]
