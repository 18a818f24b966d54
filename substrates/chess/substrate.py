"""The chess domain: engines over UCI, measured by games that the judge runs.

A genome owns its moves and nothing else: the clock, the rules, the openings, the referee and the opponents are outside
the sandbox that it plays in, and what it claims of itself decides nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from evolve.errors import UsageError
from evolve.genome import Genome, foreign_imports, unreadable
from evolve.substrate import (
    Bench,
    Bout,
    Case,
    Clock,
    Conditions,
    Control,
    Findings,
    Metric,
    Outcome,
    Purpose,
    Record,
    Substrate,
    content_key,
    processor_name,
)
from substrates.chess import gate, openings
from substrates.chess.analysis import play_of, slips
from substrates.chess.controls import controls
from substrates.chess.engine import Builder, Contestant, Wrong
from substrates.chess.fair import contaminated, unfair
from substrates.chess.findings import findings_of
from substrates.chess.game import Game, Rules
from substrates.chess.league import PAIRS, league
from substrates.chess.manifest import MANIFEST, manifest_of
from substrates.chess.match import Pair, Seats, Table, bout_of, tally_of
from substrates.chess.opponents import Opponents, Rungs
from substrates.chess.pgn import Archive, pgn_of
from substrates.chess.rating import head_to_head, next_rung, rated
from substrates.chess.sameness import OPENINGS, same
from substrates.chess.settings import ChessSettings, check
from substrates.chess.uci import Fault, Limit

__all__ = ["Chess"]

_LOOK = 0.1
"""The share of a contest's clock that may go into looking whether there is anything to contest."""


class Chess(Substrate):
    """Elo on the ladder; contests by pairs of games between parent and child."""

    schema = ChessSettings
    sandboxed = True
    paired = True

    def __init__(self, settings: ChessSettings) -> None:
        if find_spec("chess") is None or find_spec("evalica") is None:
            raise UsageError("+domain=chess needs chess and evalica, which aren't installed: pip install -e '.[chess]'")
        check(settings)
        self.settings = settings
        self._book = openings.load(None if settings.openings is None else Path(settings.openings))
        _check_book(self._book, settings)
        self._opponents = Opponents(settings)
        self._ladder = self._opponents.ladder
        self.relative = self._ladder is None
        self._table = Table(Rules(plies=settings.plies), self._opponents.referees, self._tell)
        scale = "on the ladder of node-limited Stockfish" if self._ladder else "within this run's league"
        self.metric = Metric(
            "elo",
            f"Elo {scale}, {settings.movetime} ms a move",
            "higher",
            "It is won in games: an engine could be late, break, claim a won game, or ask a stronger one. The judge "
            "runs the clock and the rules, a referee decides what is not played out, and no other engine is in its "
            "sandbox.",
            effect="points of a pair above a half",
        )
        self.clock = Clock(
            settings.seconds, "seconds", f"of play on a slot, at {settings.movetime} ms a move for both sides", 600.0
        )
        limit = Limit(movetime=settings.movetime, patience=(settings.movetime + settings.margin) / 1e3)
        self._builder = Builder(limit, settings.build, settings.memory_mb, self._unseen())
        self._archive = None if settings.games is None else Archive(Path(settings.games))
        self._gated: dict[str, Wrong | None] = {}
        self._starts: dict[str, float] = {}
        self._lock = threading.Lock()
        self._seeds: Mapping[str, Genome] = {}

    # -- before a run --------------------------------------------------------------------------

    def admit(self, seeds: Mapping[str, Genome]) -> Sequence[str]:
        for name, genome in seeds.items():
            try:
                manifest = manifest_of(genome)
            except ValueError as error:
                raise UsageError(f"The seed {name!r} is no engine: {error}.") from None
            for command in filter(None, (manifest.build[:1], manifest.run[:1])):
                self._there(name, command[0], genome, manifest.artefact)
        self._seeds = seeds
        return tuple(filter(None, [self._opponents.remark()]))

    def _there(self, name: str, program: str, genome: Genome, artefact: str) -> None:
        own = program.removeprefix("./")
        if program == "python" or own == artefact or own in genome or shutil.which(program):
            return
        how = "apt-get install cargo; or evolve engines in Python: substrate.engine=python"
        raise UsageError(
            f"The seed {name!r} needs the program {program!r}, which is not here"
            + (f": {how}." if program in ("rustc", "cargo") else ": install it, or change its engine.toml.")
        )

    def brief(self) -> str:
        s = self.settings
        return (
            f"Make this chess engine stronger. It speaks UCI and has {s.movetime} ms for a move ({s.margin} ms more in "
            "a whole game, then it is lost; who takes more on most moves is refused) on one core, with "
            f"{s.memory_mb} MB, no network, no files, no other program. It must keep `go perft`, `go movetime`, "
            "`ucinewgame` and the rest of the protocol right, build, and never play an illegal move: all that is "
            f"tested before a game. {MANIFEST} may not change. It is kept where it beats its parent in pairs of games "
            "from balanced openings; the evidence has moves that lost games, with a better one."
        )

    def objections(self, genome: Genome) -> Sequence[str]:
        said = [problem for path, text in genome.items() if (problem := unreadable(path, text)) is not None]
        for path, line, name in foreign_imports(genome):
            if find_spec(name.partition(".")[0]) is None:
                said.append(f"{path} line {line} imports {name}, which isn't there")
        return said[:8]

    def _unseen(self) -> Sequence[Path]:
        """Other engines: one that a genome could start would be the winning change."""
        program = shutil.which("stockfish")
        return [Path("/usr/games"), *([Path(program).resolve()] if program else [])]

    def controls(self) -> Iterable[Control]:
        if not self._seeds:
            return ()
        name = min(self._seeds)
        return controls(name, self._seeds[name])

    def conditions(self, generation: int, state: Mapping[str, Any], purpose: Purpose) -> Conditions:
        s = self.settings
        audit = purpose == "audit"
        return {
            "play": [s.movetime, s.margin, s.seconds, s.plies, s.referee, s.memory_mb],
            "openings": [openings.digest(self._book), "held out" if audit else "played"],
            # A league is played anew; ratings on the ladder are comparable over all generations.
            "generation": generation if self._ladder is None and purpose == "select" else None,
            "pairs": s.audits if audit else s.pairs,
            "scale": state.get("seeds", {}) if audit else None,
            "ladder": None if self._ladder is None else content_key(self._ladder.version, _places(self._ladder)),
            "stockfish": self._opponents.version,
            "evaluator": _evaluator(),
            "hardware": processor_name(),
        }

    def advance(self, state: Mapping[str, Any], outcomes: Mapping[str, Outcome], attempts: Any) -> dict[str, Any]:
        """The seeds' Elo, which the audit's differences are added to."""
        if "seeds" in state:
            return dict(state)
        return {**state, "seeds": {name: o.score for name, o in outcomes.items() if o.score is not None}}

    # -- a trial -------------------------------------------------------------------------------

    def trial(self, case: Case, bench: Bench) -> Outcome:
        """Built, and through the gate: ok without a score. A champion that is measured plays its gauntlet, one that is
        audited its seed."""
        try:
            engine = self._through(case.genome, bench)
            if case.stream == "audit":
                return self._audited(case, engine, bench)
        except Wrong as wrong:
            return Outcome(wrong.status, evidence={"reason": wrong.reason, **wrong.said})
        if case.stream == "select" and self._ladder is not None:
            return self._gauntlet(case, engine, bench)
        return Outcome("ok")

    def _through(self, genome: Genome, bench: Bench) -> Contestant:
        """Raises Wrong; the gate is passed once, while this lives."""
        engine = self._builder.contestant(genome, bench)
        with self._lock:
            known = genome.digest in self._gated
        if not known:
            verdict: Wrong | None = None
            try:
                gate.passed(engine, bench, int(content_key("gate", genome.digest)[:8], 16))
                self._start(engine, genome, bench)
            except Wrong as wrong:
                verdict = wrong
            with self._lock:
                self._gated[genome.digest] = verdict
        if (failed := self._gated[genome.digest]) is not None:
            raise failed
        return engine

    def _sound(self, genome: Genome, bench: Bench) -> Contestant:
        """Of a genome that has passed before: where it cannot be built any more, the machine is broken."""
        try:
            return self._builder.contestant(genome, bench)
        except Wrong as wrong:
            raise RuntimeError(f"an engine that was built before is not any more: {wrong.reason}") from None

    def _gauntlet(self, case: Case, engine: Contestant, bench: Bench) -> Outcome:
        """Against the rung where half the points are expected, one pair after another, until its clock ends."""
        assert self._ladder is not None
        rungs = self._ladder.rungs
        pairs: list[Pair] = []
        results: list[tuple[str, float]] = []
        until = time.monotonic() + self.settings.seconds
        with Seats(bench) as held:
            for opening in openings.drawn(self._book.played, case.seed, len(self._book.played)):
                rung = next_rung(results, rungs)
                pair = self._table.pair(held, engine, self._ladder.contestants[rung], opening)
                self._table.told(pair)
                if not pair.void:
                    pairs.append(pair)
                    results.append((rung, pair.points))
                if time.monotonic() >= until:
                    break
        rating = rated(results, rungs, np.random.default_rng(case.seed))
        if rating is None:
            raise RuntimeError("stockfish broke in every game of a gauntlet")
        metrics = {"elo_low": rating.low, "elo_high": rating.high, "pairs": float(rating.pairs)}
        met: dict[str, list[Pair]] = {}
        for pair, (rung, _) in zip(pairs, results, strict=True):
            met.setdefault(rung, []).append(pair)
        evidence = self._evidence(pairs) | {"met": {rung: list(tally_of(of)) for rung, of in met.items()}}
        return Outcome("ok", rating.elo, metrics | _timed(pairs), evidence)

    def _audited(self, case: Case, engine: Contestant, bench: Bench) -> Outcome:
        """Against its seed on held-out openings; the seed itself stands where it was measured."""
        base = case.conditions["scale"].get(case.lineage) or 0.0
        seed = self._seeds.get(case.lineage)
        if seed is None or seed == case.genome:
            return Outcome("ok", base, {"elo_low": base, "elo_high": base, "pairs": 0.0})
        drawn = openings.drawn(self._book.held_out, case.seed, case.conditions["pairs"])
        other = self._sound(seed, bench)
        pairs = self._table.pairs(bench, engine, lambda k: other, drawn)
        if why := unfair(pairs, self.settings.movetime, self._start(engine, case.genome, bench)):
            return Outcome("refused", evidence={"reason": why})
        rating = head_to_head(tally_of(pairs), np.random.default_rng(case.seed))
        if rating is None:
            raise RuntimeError("no pair of an audit could be counted")
        metrics = {
            "elo_low": base + rating.low,
            "elo_high": base + rating.high,
            "pairs": float(rating.pairs),
            "gain": rating.elo,
            "gain_low": rating.low,
            "gain_high": rating.high,
        }
        return Outcome("ok", base + rating.elo, metrics | _timed(pairs), {"tally": list(tally_of(pairs))})

    def _evidence(self, pairs: Sequence[Pair]) -> dict[str, Any]:
        games = [(game, game is pair.first) for pair in pairs for game in pair.games]
        said = {"play": play_of(games)}
        referees = self._table.referees
        if referees is not None:
            with suppress(Fault):  # Stockfish's own; a rating needs no slips
                said["slips"] = [slip.to_json() for slip in slips(games, referees)]  # type: ignore[assignment]
        return said

    # -- between champions ---------------------------------------------------------------------

    def measure(self, cases: Sequence[Case], bench: Bench) -> dict[str, Outcome]:
        """Each by its gauntlet; without a ladder all in a league, each two of them over the same openings."""
        if self._ladder is not None or any(case.stream != "select" for case in cases):
            return super().measure(cases, bench)
        # A stream of its own: what the gate says is remembered, and would be taken for the rating.
        outcomes = super().measure([replace(case, stream="gate") for case in cases], bench)
        playing = [case for case in cases if outcomes[case.lineage].ok]
        if not playing:
            return outcomes
        drawn = openings.drawn(self._book.played, playing[0].seed, PAIRS)
        engines = {case.genome.digest: case for case in playing}
        names = {digest: case.lineage for digest, case in engines.items()}
        found = league(names, lambda a, b: self._fought(engines[a], engines[b], drawn, bench))
        return {**outcomes, **{case.lineage: found[case.genome.digest] for case in playing}}

    def compare(self, incumbent: Case, challengers: Sequence[Case], bench: Bench) -> list[Bout]:
        """Some pairs each, over openings that these two have not met on before."""
        return [self._bout(incumbent, challenger, bench) for challenger in challengers]

    def _bout(self, incumbent: Case, challenger: Case, bench: Bench) -> Bout:
        s, pairs = self.settings, incumbent.conditions["pairs"]
        first = incumbent.repeat * pairs
        if first + pairs > len(self._book.played):
            return Bout(last=True)  # each opening once a matchup
        met = int(content_key(incumbent.genome.digest, challenger.genome.digest, incumbent.stream)[:8], 16)
        drawn = openings.drawn(self._book.played, met, first + pairs)[first:]
        try:
            with bench.lease() as held:
                began = time.monotonic()
                engine = self._builder.contestant(challenger.genome, held)
                start = self._start(engine, challenger.genome, held)
                if incumbent.repeat == 0 and (alike := self._same(challenger, incumbent, held)):
                    return Bout(1, last=True, exact=True, reason=alike, clock=time.monotonic() - began)
                looked = time.monotonic() - began
        except Wrong as wrong:
            return Bout(last=True, failed=wrong.status, reason=wrong.reason)
        played = self._fought(challenger, incumbent, drawn, bench)
        if why := unfair(played, s.movetime, start):
            return Bout(last=True, failed="refused", reason=why)
        bout = bout_of(played)
        return replace(bout, clock=bout.clock + looked)

    def _same(self, challenger: Case, incumbent: Case, held: Bench) -> str:
        """How it plays as its parent does; empty where it doesn't, or only games can tell."""
        child, parent = challenger.genome, incumbent.genome
        if child == parent:
            return ""  # a genome against itself is there to be measured: the noise of games
        # Of these two alone, so that a replay looks at the same.
        seed = int(content_key(parent.digest, child.digest)[:8], 16)
        drawn = openings.drawn(self._book.played, seed, min(OPENINGS, len(self._book.played)))
        new, old = (self._sound(genome, held) for genome in (child, parent))
        return same(new, old, held, drawn, _LOOK * self.settings.seconds)

    def _fought(self, one: Case, other: Case, drawn: Sequence[str], bench: Bench) -> list[Pair]:
        with bench.lease() as held:
            engine, opponent = (self._sound(case.genome, held) for case in (one, other))
        return self._table.pairs(bench, engine, lambda k: opponent, drawn, at_once=_slots())

    def _start(self, engine: Contestant, genome: Genome, bench: Bench) -> float:
        """CPU seconds of its program before a game, measured once while this lives: at the gate, or now, in a run that
        is gone on with. Raises Wrong."""
        with self._lock:
            known = self._starts.get(genome.digest)
        if known is None:
            known = gate.starting(engine, bench)
            with self._lock:
                self._starts[genome.digest] = known
        return known

    def _tell(self, pair: Pair) -> None:
        if self._archive is not None:
            self._archive.add(
                "".join(pgn_of(game, "evolve", f"1/{self.settings.movetime / 1e3:g}") for game in pair.games)
            )

    def findings(self, record: Record) -> Findings:
        return findings_of(record, None if self._ladder is None else self._ladder.rungs)


def _places(ladder: Rungs) -> list[tuple[str, float, float]]:
    """Where the rungs stand."""
    return [(rung.name, rung.elo, rung.error) for rung in ladder.rungs.values()]


def _timed(pairs: Sequence[Pair]) -> dict[str, float]:
    games: list[Game] = [game for pair in pairs for game in pair.games]
    return {
        "clock_seconds": sum(game.seconds for game in games),
        "games": float(len(games)),
        "contaminated": float(sum(contaminated(game) for game in games)),
    }


def _check_book(book: openings.Book, settings: ChessSettings) -> None:
    """Each opening serves a matchup once."""
    parts = (
        ("audits", settings.audits, book.held_out, "held out for the audit"),
        ("pairs", settings.pairs, book.played, "for contests"),
    )
    for key, wanted, part, what in parts:
        if wanted > len(part):
            raise UsageError(
                f"substrate.{key}={wanted} is more than there are openings {what}: {len(part)}. Give at most so many, "
                "or a larger book (substrate.openings)."
            )


def _slots() -> int:
    """As many games at once as could be played; the bench says how many slots there are."""
    return max(2, len(os.sched_getaffinity(0)))


def _evaluator() -> str:
    """What decides a game: where this package's text changes, a new segment opens."""
    texts = [path.read_bytes() for path in sorted(Path(str(files("substrates.chess"))).glob("*.py"))]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]
