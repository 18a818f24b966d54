"""A contest as the engine sees it: its openings, its clock, and engines that take what isn't theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import chess
import pytest

from evolve.contest import Challenger, Ring
from evolve.contest import Contest as EngineContest
from evolve.genome import Genome
from evolve.memory import Memory, NoLedger
from evolve.sprt import Sprt
from evolve.substrate import Bout, Case, Outcome, Rewrite, content_key
from evolve.workers import RecordedBench
from substrates.chess import gate, substrate
from substrates.chess.engine import Contestant, Wrong
from substrates.chess.game import Game, Ply
from substrates.chess.league import league
from substrates.chess.match import Pair, Table
from substrates.chess.opponents import Rungs
from substrates.chess.rating import Rung
from substrates.chess.settings import ChessSettings, Ladder
from substrates.chess.uci import Info, Limit

PARENT, CHILD = Genome({"engine.py": "1"}), Genome({"engine.py": "2"})
START = 0.1


class NoBench:
    @contextmanager
    def lease(self) -> Iterator[NoBench]:
        yield self


class Contest:
    """Bouts of `Chess` whose games are made up: every move takes so many seconds, a program so much of a processor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **given: Any) -> None:
        pytest.importorskip("evalica", reason="pip install -e '.[chess]'")
        settings: Mapping[str, Any] = {"ladder": Ladder.none, "referee": 0, "pairs": 3, "seconds": 60.0, **given}
        self.domain = substrate.Chess(ChessSettings(**settings))
        self.workers = NoWorkers()
        self.took, self.spent, self.openings = (0.009, 0.009), (0.0, 0.0), list[str]()
        self.alike, self.compared = "", list[list[str]]()
        seat = Contestant("one", ["none"], Limit(movetime=10))
        monkeypatch.setattr(self.domain._builder, "contestant", lambda genome, bench: seat)
        monkeypatch.setattr(gate, "starting", lambda engine, bench: START)
        monkeypatch.setattr(self.domain, "_fought", self._fought)
        monkeypatch.setattr(substrate, "same", self._same)

    def _same(self, child: Contestant, parent: Contestant, bench: object, drawn: Sequence[str], seconds: float) -> str:
        self.compared.append(list(drawn))
        return self.alike

    def _fought(self, one: Case, other: Case, drawn: Sequence[str], bench: object) -> list[Pair]:
        assert (one.genome, other.genome) in [(CHILD, PARENT), (PARENT, PARENT)]
        self.openings += drawn
        return [Pair(fen, self._game(fen, True), self._game(fen, False), seconds=1.5) for fen in drawn]

    def _game(self, fen: str, challenger_white: bool) -> Game:
        turn = 0 if (fen.split()[1] == "w") == challenger_white else 1
        plies = tuple(Ply("e2e4", self.took[(i + turn) % 2], Info()) for i in range(80))
        spent = self.spent if challenger_white else self.spent[::-1]
        return Game(fen, "a", "b", plies, "1/2-1/2", "length", processor=spent)  # type: ignore[arg-type]

    def bout(self, repeat: int = 0, generation: int = 0, child: Genome = CHILD) -> Bout:
        base = Case(PARENT, "a", self.domain.conditions(generation, {}, "confirm"), "duel", repeat)
        compare = type(self.domain).compare  # an instance's may lead here
        (found,) = compare(self.domain, base, [replace(base, genome=child)], NoBench())  # type: ignore[arg-type]
        return found


def test_no_opening_comes_twice_in_a_contest_until_there_is_none_left(monkeypatch: pytest.MonkeyPatch) -> None:
    contest = Contest(monkeypatch, pairs=200)
    bouts = [contest.bout(repeat, generation=repeat) for repeat in range(9)]
    assert len(set(contest.openings)) == len(contest.openings) == 7 * 200
    assert [bout.count for bout in bouts] == [200] * 7 + [0, 0]
    assert all(bout.last for bout in bouts[7:])
    assert not set(contest.openings) & set(contest.domain._book.held_out)


def ring(contest: Contest, bouts: int) -> Ring:
    contest.workers = NoWorkers()
    bench = RecordedBench(contest.domain, contest.workers, {}, lambda key, case, outcome: None)  # type: ignore[arg-type]
    conditions = contest.domain.conditions(0, {}, "confirm")
    return Ring(contest.domain, bench, Memory(NoLedger()), Sprt(), conditions, {}, bouts)


class NoWorkers:
    slots, under = 1, 0.0

    def clocked(self, seconds: float) -> None:
        self.under += seconds

    @contextmanager
    def lease(self) -> Iterator[None]:
        yield None


def opened() -> EngineContest:
    return EngineContest("a", 0, PARENT, "segment", 0.05, (Challenger(Rewrite(CHILD, "tries"), Outcome("ok")),))


def test_a_contest_stops_at_its_clock_and_has_another_in_the_next_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pairs of 1.5 s on a slot are a bout; the third one ends a clock of 10 s."""
    contest = Contest(monkeypatch, seconds=10.0)
    monkeypatch.setattr(contest.domain, "compare", lambda base, cases, bench: [contest.bout(base.repeat)])
    fighting = ring(contest, bouts=100)
    once = fighting.fight(opened())
    assert (once.bouts, once.challengers[0].duel.count, fighting.goes_on(once)) == (3, 9, True)
    twice = fighting.fight(once)
    assert (twice.bouts, twice.challengers[0].duel.count) == (6, 18)
    assert contest.workers.under == pytest.approx(6 * 3 * 1.5, abs=0.5), "and what looking at both took"
    assert len(set(contest.openings)) == 18


def test_a_contest_whose_openings_are_used_up_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    contest = Contest(monkeypatch, pairs=500, seconds=1e6)
    monkeypatch.setattr(contest.domain, "compare", lambda base, cases, bench: [contest.bout(base.repeat)])
    monkeypatch.setattr(Sprt, "decide", lambda self, duel, alpha: "more")
    fighting = ring(contest, bouts=100)
    ended = fighting.fight(opened())
    assert (ended.challengers[0].duel.count, fighting.goes_on(ended)) == (1000, False)


@pytest.mark.parametrize(
    ("took", "spent", "refused"),
    [
        ((0.009, 0.009), (0.46, 0.46), False),  # 40 moves of 9 ms and its start: an honest engine
        ((0.013, 0.009), (0.6, 0.46), True),  # takes more than its time
        ((0.009, 0.009), (0.8, 0.3), True),  # computes in its opponent's
    ],
)
def test_a_challenger_that_takes_what_is_not_its_own_is_refused(
    took: tuple[float, float], spent: tuple[float, float], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process that has never seen it go through the gate, as in a run that is gone on with."""
    contest = Contest(monkeypatch)
    contest.took, contest.spent = took, spent
    bout = contest.bout()
    assert (bout.failed, bout.count, bool(bout.reason)) == (("refused", 0, True) if refused else (None, 3, False))
    assert sum(bout.tally) == bout.count


def test_a_child_that_plays_as_its_parent_plays_no_game(monkeypatch: pytest.MonkeyPatch) -> None:
    contest = Contest(monkeypatch)
    contest.alike = "it plays as its parent does"
    monkeypatch.setattr(contest.domain, "compare", lambda base, cases, bench: [contest.bout(base.repeat)])
    fought = ring(contest, bouts=100).fight(opened())
    (ended,) = fought.challengers
    assert (fought.bouts, ended.verdict, ended.duel.reason) == (1, "discard", contest.alike)
    assert (ended.duel.mean, ended.duel.exact, ended.duel.tally) == (0.0, True, ()), "it is worth nought, and no games"
    assert contest.openings == []
    assert contest.workers.under > 0, "looking takes of a contest's clock too"


def test_whether_it_plays_as_its_parent_is_asked_once_and_of_no_genome_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    contest = Contest(monkeypatch)
    assert [contest.bout(repeat).count for repeat in range(3)] == [3, 3, 3]
    assert len(contest.compared) == 1
    assert set(contest.compared[0]) <= set(contest.domain._book.played)
    contest.alike = "it is the same"
    assert contest.bout(child=PARENT).count == 3, "an A/A test measures the noise of games"


def test_the_seed_is_where_the_audit_starts_from(monkeypatch: pytest.MonkeyPatch) -> None:
    contest = Contest(monkeypatch)
    contest.domain._seeds = {"a": PARENT}
    state = contest.domain.advance({}, {"a": Outcome("ok", 1700.0)}, ())
    assert contest.domain.advance(state, {"a": Outcome("ok", 1900.0)}, ()) == state
    conditions = contest.domain.conditions(4, state, "audit")
    found = contest.domain._audited(Case(PARENT, "a", conditions, "audit"), None, None)  # type: ignore[arg-type]
    assert (found.score, contest.openings) == (1700.0, [])


class Audit:
    """A champion's, whose games are made up: with white it wins each, with black it draws."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.contest = Contest(monkeypatch, audits=20)
        self.domain, self.took, self.void = self.contest.domain, 0.009, False
        self.domain._seeds = {"a": PARENT}
        seat = Contestant("seat", ["none"], Limit(movetime=10))
        monkeypatch.setattr(self.domain._builder, "contestant", lambda genome, bench: (seat, genome)[1])
        monkeypatch.setattr(Table, "pairs", lambda table, *given: self._pairs(*given))
        self.drawn: list[str] = []

    def _pairs(self, bench: object, engine: Genome, others: Any, drawn: Sequence[str]) -> list[Pair]:
        assert (engine, others(0)) == (CHILD, PARENT)
        self.drawn += drawn
        moves = tuple(Ply("e2e4", (self.took, 0.009)[i % 2], Info()) for i in range(80))
        other = tuple(Ply("e2e4", (0.009, self.took)[i % 2], Info()) for i in range(80))
        won = [Game(fen.replace(" b ", " w "), "a", "b", moves, "1-0", "checkmate") for fen in drawn]
        even = [Game(fen.replace(" b ", " w "), "b", "a", other, "1/2-1/2", "length") for fen in drawn]
        return [Pair(fen, one, two, self.void) for fen, one, two in zip(drawn, won, even, strict=True)]

    def outcome(self) -> Outcome:
        conditions = self.domain.conditions(4, {"seeds": {"a": 1700.0}}, "audit")
        return self.domain._audited(Case(CHILD, "a", conditions, "audit"), CHILD, NoBench())  # type: ignore[arg-type]


def test_an_audit_is_of_the_champion_against_its_seed_on_held_out_openings(monkeypatch: pytest.MonkeyPatch) -> None:
    audit = Audit(monkeypatch)
    found = audit.outcome()
    assert len(set(audit.drawn)) == 20
    assert set(audit.drawn) <= set(audit.domain._book.held_out)
    assert found.evidence["tally"] == [0, 0, 0, 20, 0]
    assert found.metrics["gain"] == pytest.approx(190.8, abs=15), "three quarters of the points, and the prior"
    assert found.metrics["gain_low"] > 0
    assert found.score == pytest.approx(1700 + found.metrics["gain"])


def test_an_audit_of_who_takes_more_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    audit = Audit(monkeypatch)
    audit.took = 0.013
    assert audit.outcome().status == "refused"


def test_an_audit_without_a_pair_that_counts_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    audit = Audit(monkeypatch)
    audit.void = True
    with pytest.raises(RuntimeError, match="no pair of an audit"):
        audit.outcome()


def test_an_incumbent_that_cannot_be_built_any_more_is_nobodys_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    contest = Contest(monkeypatch)
    monkeypatch.undo()
    seat = Contestant("one", ["none"], Limit(movetime=10))

    def built(genome: Genome, bench: object) -> Contestant:
        if genome == PARENT:
            raise Wrong("timeout", "building took more than 60 s")
        return seat

    monkeypatch.setattr(contest.domain._builder, "contestant", built)
    monkeypatch.setattr(gate, "starting", lambda engine, bench: START)
    with pytest.raises(RuntimeError, match="is not any more: building took"):
        contest.bout()


def test_void_pairs_count_in_no_league() -> None:
    def fought(one: str, other: str) -> list[Pair]:
        games = [Game(chess.STARTING_FEN, one, other, (), result, "checkmate") for result in ("1-0", "0-1")]  # type: ignore[arg-type]
        drawn = Game(chess.STARTING_FEN, one, other, (), "1/2-1/2", "length")
        return [Pair(chess.STARTING_FEN, games[0], games[1], void=True), Pair(chess.STARTING_FEN, drawn, drawn)]

    found = league({"1": "a", "2": "b"}, fought)
    assert [outcome.score for outcome in found.values()] == [0.0, 0.0]
    assert found["1"].evidence["met"] == {"b": [0, 0, 1, 0, 0]}


def test_another_calibration_or_another_stockfish_is_another_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    contest = Contest(monkeypatch)
    rung = Rung("n1", 1500.0, 10.0)
    seen = []
    for elo, version in ((1500.0, "Stockfish 15.1"), (1800.0, "Stockfish 15.1"), (1500.0, "Stockfish 16")):
        contest.domain._ladder = Rungs({}, {"n1": replace(rung, elo=elo)}, "Stockfish 15.1")
        contest.domain._opponents.version = version
        seen.append(content_key(contest.domain.conditions(0, {}, "select")))
    assert len(set(seen)) == 3
