"""How many games a minute does our match runner play? Beside plain asynchronous python-chess, in one run.

    pip install 'evolve[chess]'; apt-get install stockfish
    python -m benchmarks.chess_speed --games 40

Stockfish against itself at `nodes=2000`, two games at once, no referee, the same openings. Ours plays in the sandbox,
with its deadlines; the peer is what one writes with `chess.engine`'s async API. By turns, in rounds; the median ratio
counts. The promise is 70 % of fastchess: 346 games a minute where it was measured, beside 239 of plain python-chess, so
that the ratio that is wanted is 1.013. fastchess itself isn't installed by this.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import chess
import chess.engine

from evolve.workers import LocalWorkers, RecordedBench
from substrates.chess import openings
from substrates.chess.engine import Contestant
from substrates.chess.game import Rules
from substrates.chess.match import Table
from substrates.chess.settings import ChessSettings
from substrates.chess.stockfish import found
from substrates.chess.substrate import Chess
from substrates.chess.uci import Limit

NODES, PLIES, AT_ONCE, PROMISED = 2000, 400, 2, 0.7 * 346 / 239


def ours(program: Path, bench: RecordedBench, fens: Sequence[str]) -> float:
    """Games a minute."""
    one, other = (
        Contestant(name, [str(program)], Limit(nodes=NODES, patience=60.0), visible=[program], trusted=True)
        for name in ("one", "other")
    )
    began = time.perf_counter()
    pairs = Table(Rules(plies=PLIES)).pairs(bench, one, lambda k: other, fens, AT_ONCE)
    took = time.perf_counter() - began
    return 60 * sum(len(pair.games) for pair in pairs) / took


async def _played(engines: Sequence[chess.engine.UciProtocol], fen: str, game: int) -> int:
    board, limit = chess.Board(fen), chess.engine.Limit(nodes=NODES)
    while board.ply() < PLIES and not (board.is_game_over() or board.is_repetition(3) or board.is_fifty_moves()):
        result = await engines[board.turn].play(board, limit, game=game)
        if result.move is None:
            break
        board.push(result.move)
    return board.ply()


async def _theirs(fens: Sequence[str]) -> float:
    queue = [(fen, turn) for fen in fens for turn in (0, 1)]
    seats = [[(await chess.engine.popen_uci(str(found())))[1] for _ in range(2)] for _ in range(AT_ONCE)]

    async def work(engines: list[chess.engine.UciProtocol]) -> None:
        while queue:
            fen, turn = queue.pop()
            await _played(engines if turn else engines[::-1], fen, len(queue))

    began = time.perf_counter()
    await asyncio.gather(*(work(engines) for engines in seats))
    took = time.perf_counter() - began
    for engine in (engine for pair in seats for engine in pair):
        await engine.quit()
    return 60 * 2 * len(fens) / took


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--games", type=int, default=40, help="of each side in each round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    domain = Chess(ChessSettings(referee=0))
    book = openings.load().played
    workers = LocalWorkers(AT_ONCE)
    bench = RecordedBench(domain, workers, {}, lambda key, case, outcome: None)
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        program = Path(folder, "stockfish")  # the sandbox shows no games
        shutil.copyfile(found(), program)
        program.chmod(0o755)
        for number in range(options.rounds):
            fens = openings.drawn(book, number, max(1, options.games // 2))
            rounds.append((ours(program, bench, fens), asyncio.run(_theirs(fens))))
            print("ours {:.0f}, python-chess {:.0f} games a minute".format(*rounds[-1]), flush=True)
    workers.close()
    ratio = statistics.median(our / their for our, their in rounds)
    print(f"ratio {ratio:.2f} (promised: {PROMISED:.2f})")
    return 0 if ratio >= PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
