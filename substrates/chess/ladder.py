"""The ladder: Stockfish at fixed nodes, calibrated once, frozen with its own errors.

Calibrated by `python -m substrates.chess.ladder --pairs N`: each rung plays the next three over the book's openings,
both colours, and Bradley and Terry's model is fitted to all of it, the lowest rung being 1350 by definition. Which is
what "Elo on this ladder" means. A stopped calibration goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chess
import numpy as np

from evolve.errors import UsageError
from substrates.chess.openings import digest, drawn, load
from substrates.chess.rating import Rung, fitted
from substrates.chess.stockfish import PLAIN, Stockfish

__all__ = ["PACKAGED", "Anchor", "Facts", "load_ladder"]

PACKAGED = Path(__file__).parent / "data" / "ladder.json"


@dataclass(frozen=True)
class Anchor:
    """A rung's engine: Stockfish with these options and nodes, which belong together. Of an engine whose strength is
    limited, more nodes are more Elo, and its moves are drawn by the clock; the others are deterministic."""

    name: str
    options: Mapping[str, str | int]
    nodes: int


@dataclass(frozen=True)
class Facts:
    """What a ladder holds for: Stockfish's version, the book's digest, how many games it stands on, made how."""

    stockfish: str
    openings: str
    games: int
    command: str


def load_ladder(path: Path | None = None) -> tuple[dict[str, Anchor], dict[str, Rung], Facts]:
    """Both by name, weakest first. None is the packaged ladder."""
    place = path or PACKAGED
    try:
        record = json.loads(place.read_text())
        anchors = {each["name"]: Anchor(each["name"], each["options"], each["nodes"]) for each in record["rungs"]}
        rungs = {each["name"]: Rung(each["name"], each["elo"], each["error"]) for each in record["rungs"]}
        return anchors, rungs, Facts(**{name: record[name] for name in Facts.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"the ladder {place} cannot be read ({type(error).__name__}: {error}): give one that "
            "python -m substrates.chess.ladder made, or none for the packaged one"
        ) from None


def _limited(elo: int) -> dict[str, str | int]:
    return {**PLAIN, "UCI_LimitStrength": "true", "UCI_Elo": elo}


RUNGS = (
    *(Anchor(f"elo{elo}-n500", _limited(elo), 500) for elo in (1350, 1500, 1600, 1700)),
    *(Anchor(f"n{nodes}", PLAIN, nodes) for nodes in (1, 200, 300, 500, 700, 1000, 1400, 2000, 3000, 5000)),
)
"""Weakest first. Nodes alone go no weaker than one node, a search of the first moves; below it, Stockfish's own levels,
which pick among its best moves at random; level 0 at one node is no weaker than the first here (7.5 : 8.5). The
packaged ladder stands on 23 to 101 pairs a matchup, as its tallies say; those of 101 were played among fewer rungs."""

FIXED, FIXED_ELO = "elo1350-n500", 1350.0
"""Stockfish's lowest level is 1350 by its authors' word; here, at these nodes, by definition."""

NEIGHBOURS = 3
"""How far up the ladder each rung plays: errors add up from rung to rung, and longer steps add fewer."""

MOST_PLIES = 300
"""A game that long is drawn: 150 moves a side hold all but the shuffling of the weakest."""

_SEED = 1350
_DRAWS = 1000
_SHARE = 5000
"""Nodes a ply, both engines together, that a matchup may cost in every round; dearer ones sit out rounds."""


def matchups(rungs: Sequence[Anchor]) -> list[tuple[int, int]]:
    """Of whom with whom, by index, the weaker first."""
    return [(i, j) for i in range(len(rungs)) for j in range(i + 1, min(i + 1 + NEIGHBOURS, len(rungs)))]


def standing(tallies: Mapping[tuple[int, int], Sequence[int]], fixed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Elos above the fixed rung and their standard errors, by how often the weaker's pairs had each score, worst first.

    Errors by bootstrap over pairs, one lost and one won with the weight of half a pair each among those drawn from.
    """
    rng = np.random.default_rng(_SEED)
    points, games = (np.zeros((_DRAWS + 1, count, count)) for _ in range(2))
    for (one, other), tally in sorted(tallies.items()):
        pairs = sum(tally)
        if not pairs:
            continue
        share = np.add(tally, (0.5, 0, 0, 0, 0.5)) / (pairs + 1)
        drawn_tallies = np.vstack([tally, rng.multinomial(pairs, share, size=_DRAWS)])
        made = drawn_tallies @ np.array([0, 0.5, 1, 1.5, 2])
        points[:, one, other], points[:, other, one] = made, 2 * pairs - made
        games[:, one, other] = games[:, other, one] = 2 * pairs
    elos = fitted(points, games, fixed)
    return elos[0], elos[1:].std(axis=0, ddof=1)


def played(fen: str, white: Callable[[list[str]], str], black: Callable[[list[str]], str]) -> float:
    """White's points. Each side: from the moves so far (UCI) to the next one."""
    board = chess.Board(fen)
    moves: list[str] = []
    while len(moves) < MOST_PLIES:
        if outcome := board.outcome():
            return {True: 1.0, False: 0.0, None: 0.5}[outcome.winner]
        if board.halfmove_clock >= 100 or board.is_repetition(3):
            return 0.5
        moves.append((white if board.turn else black)(moves))
        board.push_uci(moves[-1])
    return 0.5


def _points(fen: str, white: tuple[Stockfish, int], black: tuple[Stockfish, int]) -> float:
    """White's, each side being an engine and its nodes."""

    def side(engine: Stockfish, nodes: int) -> Callable[[list[str]], str]:
        engine.new_game()
        return lambda moves: engine.move(fen, moves, nodes)

    return played(fen, side(*white), side(*black))


def calibrate(rungs: Sequence[Anchor], pairs: int, minutes: float, out: Path, command: str) -> None:
    """Play until each matchup has its pairs (dearer ones fewer) or the time is over; write the ladder as it goes.

    A matchup's n-th pair is from the n-th opening, whenever it is played: deterministic engines repeat none.
    """
    book = load()
    openings = drawn(book.played, _SEED, pairs)
    until = time.monotonic() + minutes * 60
    with ExitStack() as stack:
        engines = [stack.enter_context(Stockfish(rung.options)) for rung in rungs]
        about = {"command": command, "stockfish": engines[0].version, "openings": digest(book)}
        tallies = _resumed(out, rungs, about)
        for turn in range(pairs):
            due = [pair for pair in matchups(rungs) if sum(tallies[pair]) * _every(rungs, pair) <= turn]
            if time.monotonic() > until:
                break
            for one, other in due:
                fen = openings[sum(tallies[one, other])]
                weak, strong = ((engines[i], rungs[i].nodes) for i in (one, other))
                made = _points(fen, weak, strong) + 1 - _points(fen, strong, weak)
                tallies[one, other][int(2 * made)] += 1
            if due:
                out.write_text(json.dumps(_record(rungs, tallies, about), indent=1) + "\n")
                print(f"round {turn + 1} of {pairs}", file=sys.stderr, flush=True)


def _every(rungs: Sequence[Anchor], pair: tuple[int, int]) -> int:
    """In one of so many rounds this matchup plays."""
    return -(-sum(rungs[i].nodes for i in pair) // _SHARE)


Tallies = dict[tuple[int, int], list[int]]


def _record(rungs: Sequence[Anchor], tallies: Tallies, about: Mapping[str, str]) -> dict[str, Any]:
    names = [rung.name for rung in rungs]
    elos, errors = standing(tallies, names.index(FIXED), len(rungs))
    return {
        **about,
        "games": 2 * sum(map(sum, tallies.values())),
        "fixed": FIXED,
        "most_plies": MOST_PLIES,
        "rungs": [
            {
                "name": rung.name,
                "options": dict(rung.options),
                "nodes": rung.nodes,
                "elo": round(FIXED_ELO + float(elo), 1),
                "error": round(float(error), 1),
            }
            for rung, elo, error in zip(rungs, elos, errors, strict=True)
        ],
        "tallies": {f"{names[one]} {names[other]}": tally for (one, other), tally in sorted(tallies.items())},
    }


def _resumed(out: Path, rungs: Sequence[Anchor], about: Mapping[str, str]) -> Tallies:
    """What an earlier calibration under the same conditions played among these rungs; no pairs where it didn't."""
    tallies: Tallies = {pair: [0] * 5 for pair in matchups(rungs)}
    if not out.exists():
        return tallies
    record = json.loads(out.read_text())
    if any(record[name] != about[name] for name in ("stockfish", "openings")):
        raise UsageError(f"{out} holds a ladder of another Stockfish or another book: give another --out")
    there = {(each["name"], each["nodes"], *sorted(each["options"].items())) for each in record["rungs"]}
    index = {
        rung.name: i for i, rung in enumerate(rungs) if (rung.name, rung.nodes, *sorted(rung.options.items())) in there
    }
    for names, tally in record["tallies"].items():
        one, other = names.split()
        if one in index and other in index:
            tallies[index[one], index[other]] = list(tally)
    return tallies


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m substrates.chess.ladder", description="Calibrate the ladder.")
    parser.add_argument("--pairs", type=int, required=True, metavar="N", help="of games, of each matchup")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no new round is begun")
    parser.add_argument("--out", type=Path, default=PACKAGED, metavar="FILE", help="the ladder; gone on with if there")
    asked = parser.parse_args(argv)
    command = f"python -m substrates.chess.ladder --pairs {asked.pairs}"
    calibrate(RUNGS, asked.pairs, asked.minutes, asked.out, command)


if __name__ == "__main__":
    try:
        main()
    except UsageError as error:
        sys.exit(str(error))
