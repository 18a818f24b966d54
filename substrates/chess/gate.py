"""What must hold before a game is played: it builds, talks, counts and moves as the rules say."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

import chess

from evolve.substrate import Bench
from substrates.chess.engine import Contestant, Wrong
from substrates.chess.game import Rules, Side, legal, play
from substrates.chess.uci import Fault, Limit, Player

__all__ = ["PERFT", "passed", "sampled", "starting"]

PERFT = (
    (chess.STARTING_FEN, 4, 197_281),
    ("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", 3, 97_862),
    ("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", 4, 43_238),
    ("r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", 3, 9_467),
    ("rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", 3, 62_379),
    ("r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10", 3, 89_890),
)
"""Position, depth, leaves: the six that engine authors test with."""

_PERFT_SECONDS = 20.0
_POSITIONS, _QUICK = 200, 5  # ms a move
_LONGEST, _SHARE = 200, 0.05  # plies of a random game, and how many of them are taken: ten a game
_FAST = Rules(plies=160)
_STARTS, _READY = 3, 2.0  # seconds; an engine in Python is ready in 0.1 s of CPU time


def passed(contestant: Contestant, bench: Bench, seed: int) -> None:
    """Raises Wrong, with the reason, at the first thing that doesn't hold. `seed` draws the positions."""
    quick = replace(contestant, limit=replace(contestant.limit, movetime=_QUICK))
    with _seated(quick, bench) as player:
        for fen, depth, leaves in PERFT:
            counted = player.perft(f"fen {fen}", depth, _PERFT_SECONDS)
            if counted != leaves:
                raise Wrong("invalid", f"go perft {depth} counts {counted:,} leaves instead of {leaves:,} in {fen}")
        for fen in sampled(seed):
            _legal(player, fen, quick.limit)
    for _ in range(2):
        with _seated(quick, bench) as white, _seated(quick, bench) as black:
            game = play(chess.STARTING_FEN, Side(white, quick.limit), Side(black, quick.limit), _FAST)
        if game.fault:
            raise Wrong("invalid", f"a fast game with itself ended after {len(game.plies)} plies: {game.reason}")


def starting(contestant: Contestant, bench: Bench) -> float:
    """CPU seconds until it is ready for a game, the least of some starts: no engine gains by a start that varies.
    Raises Wrong, also where it is never ready soon: a start isn't on an engine's clock, but on the contest's."""
    spent, took = [], []
    for _ in range(_STARTS):
        began = time.monotonic()
        with _seated(contestant, bench) as player:
            took.append(time.monotonic() - began)
            spent.append(player.close())
    if min(took) > _READY:
        raise Wrong("invalid", f"it takes {min(took):.1f} s to be ready for a game; {_READY:g} s at most")
    return min(spent)


@lru_cache(maxsize=64)
def sampled(seed: int) -> Sequence[str]:
    """Positions of random games, all with a legal move, endings among them; several a game, for the judge's time is
    the games' that run beside it."""
    rng, found = random.Random(seed), list[str]()
    while len(found) < _POSITIONS:
        board = chess.Board()
        for _ in range(_LONGEST):
            moves = list(board.generate_legal_moves())
            if not moves or board.is_insufficient_material():
                break
            if rng.random() < _SHARE:
                found.append(board.fen())
            board.push(rng.choice(moves))
    return tuple(found[:_POSITIONS])


def _legal(player: Player, fen: str, limit: Limit) -> None:
    reply = player.go(f"fen {fen}", limit)
    if legal(chess.Board(fen), reply.move) is None:
        raise Wrong("invalid", f"its best move {reply.move[:12]!r} is none in {fen}")


@contextmanager
def _seated(contestant: Contestant, bench: Bench) -> Iterator[Player]:
    """A fault becomes the reason."""
    try:
        player = contestant.seated(bench, 300.0)
        try:
            player.new_game(10.0)
            yield player
        finally:
            player.close()
    except Fault as fault:
        status = "timeout" if fault.kind == "late" else "crash" if fault.kind == "crash" else "invalid"
        raise Wrong(status, fault.reason) from None  # type: ignore[arg-type]
