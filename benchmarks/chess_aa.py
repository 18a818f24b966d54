"""How often does the test of engine testers keep a change that changes nothing? The seed against itself, for real.

    pip install 'evolve[chess]'; apt-get install cargo stockfish bubblewrap
    python -m benchmarks.chess_aa --matches 100 --movetime 1 --most 150

Each match is a contest as a run fights it, but without referee and shorter: pairs of games in the sandbox from openings
of the book, which depend on the match's number alone; the test with the default bounds looks after each four; who is
undecided after `--most` pairs is not kept. The level of a contest is 0.05: more keeps than the upper 1 % point of the
binomial distribution at that rate allows are a failure.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import binom

from evolve.genome import Genome
from evolve.sprt import Sprt, normalised_elo
from evolve.substrate import Case, Duel
from evolve.workers import LocalWorkers, RecordedBench
from substrates.chess.settings import ChessSettings, Ladder
from substrates.chess.substrate import Chess

ALPHA, TAIL = 0.05, 0.01
TEST = Sprt(beta=0.05)


@dataclass(frozen=True)
class Ended:
    verdict: str
    duel: Duel


def match(domain: Chess, bench: RecordedBench, genome: Genome, number: int, most: int) -> Ended:
    """Number `number`, to a bound or until `most` pairs."""
    duel = Duel()
    base = Case(genome, "a", domain.conditions(0, {}, "confirm"), f"match {number}")
    for repeat in range(most // domain.settings.pairs):
        case = Case(genome, base.lineage, base.conditions, base.stream, repeat)
        (bout,) = domain.compare(case, [case], bench)
        duel = duel.fold(bout)
        verdict = TEST.decide(duel, ALPHA)
        if verdict != "more":
            return Ended(verdict, duel)
    return Ended("undecided", duel)


def seed(engine: str) -> Genome:
    folder = Path(__file__).parents[1] / "populations" / "chess" / engine / engine
    return Genome({path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()})


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--matches", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--movetime", type=int, default=1, help="ms a move")
    parser.add_argument("--most", type=int, default=150, help="pairs of a match")
    parser.add_argument("--plies", type=int, default=200, help="of a game; then it is a draw")
    parser.add_argument("--engine", default="rust")
    options = parser.parse_args(arguments)
    settings = ChessSettings(movetime=options.movetime, ladder=Ladder.none, referee=0, plies=options.plies, pairs=4)
    domain, genome = Chess(settings), seed(options.engine)
    domain.admit({"a": genome})
    workers = LocalWorkers(2)
    bench = RecordedBench(domain, workers, {}, lambda key, case, outcome: None)
    verdicts: Counter[str] = Counter()
    began, pairs = time.perf_counter(), 0
    for number in range(options.first, options.first + options.matches):
        ended = match(domain, bench, genome, number, options.most)
        verdicts[ended.duel.failed or ended.verdict] += 1
        pairs += ended.duel.count
        tally, took = "-".join(map(str, ended.duel.tally)), time.perf_counter() - began
        print(
            f"match {number}: {ended.duel.failed or ended.verdict} after {ended.duel.count} pairs {tally}, "
            f"{normalised_elo(ended.duel.tally):+.0f} normalised Elo; so far {dict(verdicts)}, {took:.0f} s",
            flush=True,
        )
    workers.close()
    allowed = int(binom.isf(TAIL, options.matches, ALPHA))
    print(
        f"kept {verdicts['keep']} of {options.matches} (at most {allowed} allowed: the {TAIL:.0%} point of the "
        f"binomial distribution at {ALPHA}); {dict(verdicts)}; {pairs} pairs in {time.perf_counter() - began:.0f} s"
    )
    return 0 if verdicts["keep"] <= allowed else 1


if __name__ == "__main__":
    sys.exit(main())
