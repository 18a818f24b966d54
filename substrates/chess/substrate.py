"""The chess domain: engines over UCI, measured by games that the judge runs.

A genome owns its moves and nothing else: the clock, the rules, the openings, the referee and the opponents are outside
the sandbox that it plays in, and what it claims of itself decides nothing.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from importlib.resources import files
from importlib.util import find_spec
from itertools import combinations
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
from substrates.chess.analysis import play_of, plies_of, slips
from substrates.chess.controls import controls
from substrates.chess.engine import Builder, Contestant, Wrong
from substrates.chess.findings import findings_of
from substrates.chess.game import Game, Rules
from substrates.chess.ladder import load_ladder
from substrates.chess.manifest import MANIFEST, manifest_of
from substrates.chess.match import Pair, Seats, Table, bout_of, tally_of
from substrates.chess.pgn import Archive, pgn_of
from substrates.chess.rating import bradley_terry, head_to_head, next_rung, rated
from substrates.chess.referee import Referees, version_of
from substrates.chess.settings import ChessSettings, Ladder
from substrates.chess.stockfish import found
from substrates.chess.uci import Fault, Limit

__all__ = ["Chess"]

_PATIENCE = 60.0
"""Seconds for a move of a rung, whose strength is in its nodes: it is only late where the machine is broken."""

_MORE = 1.15
"""How many times its opponent's median time a move a challenger may take, where that is over its time. Honest engines
stop before it; both see the same machine."""

_PONDERED, _TICK = 0.15, 0.02
"""The share of its opponents' time that a challenger may compute in, and the seconds by which the kernel's account of a
program may be off: an honest engine waits."""

_LEAGUE = 4
"""Pairs that each two champions play, where there is no ladder."""


class Chess(Substrate):
    """Elo on the ladder; contests by pairs of games between parent and child."""

    schema = ChessSettings
    sandboxed = True
    paired = True

    def __init__(self, settings: ChessSettings) -> None:
        if find_spec("chess") is None or find_spec("evalica") is None:
            raise UsageError("+domain=chess needs chess and evalica, which aren't installed: pip install -e '.[chess]'")
        _check(settings)
        self.settings = settings
        self._own = tempfile.TemporaryDirectory(prefix="evolve-chess-")
        Path(self._own.name).chmod(0o755)
        self._book = openings.load(None if settings.openings is None else Path(settings.openings))
        _check_book(self._book, settings)
        _ = self._stockfish  # asked for now: that it is missing is said before anything is spent
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
        self._spent: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._seeds: Mapping[str, Genome] = {}

    @cached_property
    def _stockfish(self) -> Path | None:
        """None where neither ladder nor referee is wanted."""
        if self.settings.ladder is Ladder.none and not self.settings.referee:
            return None
        try:
            return found()
        except UsageError as error:
            raise UsageError(
                f"{error}. Without it: substrate.ladder=none substrate.referee=0 rates champions in a league."
            ) from None

    @cached_property
    def _ladder(self) -> tuple[Mapping[str, Contestant], Mapping[str, Any], str] | None:
        """Contestants and rungs by name, and for which Stockfish; None where there is none."""
        if self.settings.ladder is Ladder.none:
            return None
        program = self._stockfish
        if program is None:
            raise UsageError("substrate.ladder=stockfish needs stockfish")
        anchors, rungs, facts = load_ladder()
        # The sandbox shows no games: a copy is shown to whom it is for.
        copy = Path(self._own.name, "stockfish")
        shutil.copyfile(program, copy)
        copy.chmod(0o755)
        make = partial(Contestant, argv=[str(copy)], visible=[copy], trusted=True)
        seats = {
            a.name: make(name=a.name, limit=Limit(nodes=a.nodes, patience=_PATIENCE), options={"Hash": 16, **a.options})
            for a in anchors.values()
        }
        return seats, rungs, facts.stockfish

    @cached_property
    def _table(self) -> Table:
        s = self.settings
        referees = Referees(self._stockfish, s.referee) if s.referee and self._stockfish is not None else None
        return Table(Rules(plies=s.plies), referees, self._tell)

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
        return self._remarks()

    def _there(self, name: str, program: str, genome: Genome, artefact: str) -> None:
        own = program.removeprefix("./")
        if program == "python" or own == artefact or own in genome or shutil.which(program):
            return
        how = "apt-get install cargo; or evolve engines in Python: substrate.engine=python"
        raise UsageError(
            f"The seed {name!r} needs the program {program!r}, which is not here"
            + (f": {how}." if program in ("rustc", "cargo") else ": install it, or change its engine.toml.")
        )

    def _remarks(self) -> Sequence[str]:
        if self._ladder is None or self._stockfish is None:
            return ()
        try:
            wanted, here = self._ladder[2], version_of(self._stockfish)
        except Fault as fault:
            raise UsageError(f"{self._stockfish} does not answer as stockfish does: {fault.reason}.") from None
        if wanted == here:
            return ()
        return (
            f"The ladder was calibrated with {wanted}; here is {here}: Elo on it is shifted by what they differ in.",
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
            # Contests of a generation have a clock of their own, and a league is played anew; ratings on the ladder
            # are comparable over all.
            "generation": generation if purpose == "confirm" or (self._ladder is None and not audit) else None,
            "pairs": s.audits if audit else s.pairs,
            "scale": state.get("seeds", {}) if audit else None,
            "ladder": None if self._ladder is None else self._ladder[2],
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
        except Wrong as wrong:
            return Outcome(wrong.status, evidence={"reason": wrong.reason, **wrong.said})
        if case.stream == "select" and self._ladder is not None:
            return self._gauntlet(case, engine, bench)
        if case.stream == "audit":
            return self._audited(case, engine, bench)
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
                self._starts[genome.digest] = gate.starting(engine, bench)
            except Wrong as wrong:
                verdict = wrong
            with self._lock:
                self._gated[genome.digest] = verdict
        if (verdict := self._gated[genome.digest]) is not None:
            raise verdict
        return engine

    def _gauntlet(self, case: Case, engine: Contestant, bench: Bench) -> Outcome:
        """Against the rung where half the points are expected, one pair after another, until its clock ends."""
        assert self._ladder is not None
        seats, rungs, _ = self._ladder
        pairs: list[Pair] = []
        results: list[tuple[str, float]] = []
        until = time.monotonic() + self.settings.seconds
        with Seats(bench) as held:
            for opening in openings.drawn(self._book.played, case.seed, len(self._book.played)):
                rung = next_rung(results, rungs)
                pair = self._table.pair(held, engine, seats[rung], opening)
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
        return Outcome("ok", rating.elo, metrics | _timed(pairs), self._evidence(pairs))

    def _audited(self, case: Case, engine: Contestant, bench: Bench) -> Outcome:
        """Against its seed on held-out openings; the seed itself stands where it was measured."""
        base = case.conditions["scale"].get(case.lineage) or 0.0
        seed = self._seeds.get(case.lineage)
        if seed is None or seed == case.genome:
            return Outcome("ok", base, {"elo_low": base, "elo_high": base, "pairs": 0.0})
        drawn = openings.drawn(self._book.held_out, case.seed, case.conditions["pairs"])
        other = self._builder.contestant(seed, bench)
        pairs = self._table.pairs(bench, engine, lambda k: other, drawn)
        if why := self._unfair(pairs, case.genome):
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
        drawn = openings.drawn(self._book.played, playing[0].seed, _LEAGUE)
        engines = {case.genome.digest: case for case in playing}  # copies of one are one
        won: dict[tuple[str, str], float] = {}
        games: dict[str, list[tuple[Game, bool]]] = {digest: [] for digest in engines}
        for one, other in combinations(sorted(engines), 2):
            for pair in self._fought(engines[one], engines[other], drawn, bench):
                won[one, other] = won.get((one, other), 0.0) + pair.points
                won[other, one] = won.get((other, one), 0.0) + 1 - pair.points
                games[one] += [(pair.first, True), (pair.second, False)]
                games[other] += [(pair.first, False), (pair.second, True)]
        elos = bradley_terry(won) if won else {}
        for case in playing:
            digest = case.genome.digest
            outcomes[case.lineage] = Outcome("ok", elos.get(digest, 0.0), evidence={"play": play_of(games[digest])})
        return outcomes

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
            played = self._fought(challenger, incumbent, drawn, bench)
        except Wrong as wrong:
            return Bout(last=True, failed=wrong.status)
        if self._unfair(played, challenger.genome):
            return Bout(last=True, failed="refused")
        clock = content_key(incumbent.genome.digest, challenger.genome.digest, incumbent.stream, incumbent.conditions)
        with self._lock:
            self._spent[clock] += sum(g.seconds for pair in played for g in pair.games)  # type: ignore[assignment]
            up = self._spent[clock] >= s.seconds
        return bout_of(played, last=up)

    def _fought(self, one: Case, other: Case, drawn: Sequence[str], bench: Bench) -> list[Pair]:
        """Raises Wrong where one cannot be built (any more)."""
        with bench.lease() as held:
            engine, opponent = (self._builder.contestant(case.genome, held) for case in (one, other))
        return self._table.pairs(bench, engine, lambda k: opponent, drawn, at_once=_slots())

    def _unfair(self, pairs: Sequence[Pair], genome: Genome) -> str:
        """How the challenger took what isn't its own; empty where it didn't."""
        if _slower(pairs, self.settings.movetime):
            return "it takes more than its time on most moves: what it wins by that is no strength"
        start = self._starts.get(genome.digest)
        if start is not None and ponders(pairs, start):
            return "it computes while its opponent, on the same core, has the move"
        return ""

    def _tell(self, pair: Pair) -> None:
        if self._archive is not None:
            self._archive.add(
                "".join(pgn_of(game, "evolve", f"1/{self.settings.movetime / 1e3:g}") for game in pair.games)
            )

    def findings(self, record: Record) -> Findings:
        return findings_of(record)


def _slower(pairs: Sequence[Pair], movetime: int) -> bool:
    """Does the challenger take more than its time a move, and clearly more than its opponent beside it? What it wins
    by that is no strength."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    for pair in pairs:
        for game in pair.games:
            for side in (True, False):
                taken[side] += [ply.seconds for ply in plies_of(game, white=side == (game is pair.first))]
    own, other = (float(np.median(seconds)) if seconds else 0.0 for seconds in (taken[True], taken[False]))
    return own > movetime / 1e3 and own > _MORE * other


def ponders(pairs: Sequence[Pair], start: float) -> bool:
    """Did the challenger compute for more than a part of its opponents' time? `start`: CPU seconds of its start."""
    own = other = spent = 0.0
    games = [(game, white) for pair in pairs for game, white in ((pair.first, True), (pair.second, False))]
    for game, white in games:
        own += sum(ply.seconds for ply in plies_of(game, white))
        other += sum(ply.seconds for ply in plies_of(game, not white))
        spent += game.processor[0 if white else 1]
    return spent - own - len(games) * (start + _TICK) > _PONDERED * other


def _timed(pairs: Sequence[Pair]) -> dict[str, float]:
    games: list[Game] = [game for pair in pairs for game in pair.games]
    return {"clock_seconds": sum(game.seconds for game in games), "games": float(len(games))}


def _check(settings: ChessSettings) -> None:
    least = {
        "movetime": 1,
        "margin": 1,
        "seconds": 1,
        "pairs": 1,
        "audits": 2,
        "plies": 2,
        "referee": 0,
        "build": 1,
        "memory_mb": 16,
    }
    for key, floor in least.items():
        if not floor <= getattr(settings, key) < math.inf:
            raise UsageError(f"substrate.{key}={getattr(settings, key)} means nothing: give {floor:g} or more.")
    if settings.games is not None and Path(settings.games).is_dir():
        raise UsageError(f"substrate.games={settings.games} is a folder: name a file, as {settings.games}/games.pgn.")


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
