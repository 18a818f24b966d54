"""A contest as the engine sees it: its openings, its clock, and engines that take what isn't theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import chess
import pytest

from evolve.genome import Genome
from evolve.substrate import Bout, Case
from substrates.chess import gate, substrate
from substrates.chess.engine import Contestant
from substrates.chess.game import Game, Ply
from substrates.chess.match import Pair
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
        self.took, self.spent, self.openings = (0.009, 0.009), (0.0, 0.0), list[str]()
        seat = Contestant("one", ["none"], Limit(movetime=10))
        monkeypatch.setattr(self.domain._builder, "contestant", lambda genome, bench, name="": seat)
        monkeypatch.setattr(gate, "starting", lambda engine, bench: START)
        monkeypatch.setattr(self.domain, "_fought", self._fought)

    def _fought(self, one: Case, other: Case, drawn: Sequence[str], bench: object) -> list[Pair]:
        assert (one.genome, other.genome) == (CHILD, PARENT)
        self.openings += drawn
        return [Pair(fen, self._game(fen, True), self._game(fen, False)) for fen in drawn]

    def _game(self, fen: str, challenger_white: bool) -> Game:
        turn = 0 if (fen.split()[1] == "w") == challenger_white else 1
        plies = tuple(Ply("e2e4", self.took[(i + turn) % 2], Info()) for i in range(80))
        spent = self.spent if challenger_white else self.spent[::-1]
        return Game(fen, "a", "b", plies, "1/2-1/2", "length", processor=spent)  # type: ignore[arg-type]

    def bout(self, repeat: int = 0, generation: int = 0) -> Bout:
        base = Case(PARENT, "a", self.domain.conditions(generation, {}, "confirm"), "duel", repeat)
        (found,) = self.domain.compare(base, [replace(base, genome=CHILD)], NoBench())  # type: ignore[arg-type]
        return found


def test_no_opening_comes_twice_in_a_contest_until_there_is_none_left(monkeypatch: pytest.MonkeyPatch) -> None:
    contest = Contest(monkeypatch, pairs=200)
    bouts = [contest.bout(repeat, generation=repeat) for repeat in range(9)]
    assert len(set(contest.openings)) == len(contest.openings) == 7 * 200
    assert [bout.count for bout in bouts] == [200] * 7 + [0, 0]
    assert all(bout.last for bout in bouts[7:])
    assert not set(contest.openings) & set(contest.domain._book.held_out)


def test_a_bout_says_what_it_used_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    bout = Contest(monkeypatch).bout()
    assert bout.clock == pytest.approx(3 * 2 * 80 * 0.009)
    assert not bout.last


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
    assert (bout.failed, bout.count) == (("refused", 0) if refused else (None, 3))
    assert sum(bout.tally) == bout.count


def test_the_seed_is_where_the_audit_starts_from(monkeypatch: pytest.MonkeyPatch) -> None:
    contest = Contest(monkeypatch)
    contest.domain._seeds = {"a": PARENT}
    state = contest.domain.advance({}, {"a": substrate.Outcome("ok", 1700.0)}, ())
    assert contest.domain.advance(state, {"a": substrate.Outcome("ok", 1900.0)}, ()) == state
    conditions = contest.domain.conditions(4, state, "audit")
    found = contest.domain._audited(Case(PARENT, "a", conditions, "audit"), None, None)  # type: ignore[arg-type]
    assert (found.score, chess.STARTING_FEN in contest.openings) == (1700.0, False)
