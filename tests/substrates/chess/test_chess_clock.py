"""Nobody wins by taking a little more time on every move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import chess
import numpy as np
import pytest

from substrates.chess.fair import contaminated, ponders, slower
from substrates.chess.game import Game, Ply, Rules, Side, play
from substrates.chess.match import Pair
from substrates.chess.pgn import pgn_of
from substrates.chess.uci import Fault, Info, Limit, Reply

SHUFFLE = ("g1f3", "g8f6", "f3g1", "f6g8")


class Timed:
    """Plays moves to and fro; says that they took so many seconds, the last of them for all that follow. Late, where
    that is more than it is given."""

    def __init__(self, name: str, seconds: Sequence[float]) -> None:
        self.name, self._seconds = name, list(seconds)

    def new_game(self, seconds: float) -> None:
        return None

    def go(self, position: str, limit: Limit) -> Reply:
        seconds = self._seconds.pop(0) if len(self._seconds) > 1 else self._seconds[0]
        if seconds > limit.patience:
            raise Fault("late", "no bestmove in time")
        moves = position.partition(" moves")[2].split()
        return Reply(SHUFFLE[len(moves) % 4], seconds, Info())


def played(white: float | Sequence[float], black: float, limit: Limit) -> Game:
    times = (("white", [white] if isinstance(white, float) else white), ("black", [black]))
    sides = [Side(Timed(name, seconds), limit) for name, seconds in times]  # type: ignore[arg-type]
    rules = Rules(plies=8)  # before a third visit
    return play(chess.STARTING_FEN, sides[0], sides[1], rules)


LIMIT = Limit(movetime=10, patience=0.010 + 0.020)


@pytest.mark.parametrize(("took", "ply"), [(0.031, 0), (0.021, 2), (0.017, 4), (0.0160, 6), (0.009, None)])
def test_the_margin_is_one_for_the_whole_game(took: float, ply: int | None) -> None:
    """20 ms in all: at 7 ms too much a move the third is late."""
    game = played(took, 0.009, LIMIT)
    assert (game.end, game.result) == (("repetition", "1/2-1/2") if ply is None else ("late", "0-1"))
    assert ply is None or len(game.plies) == ply


@pytest.mark.parametrize(
    ("took", "end"),
    [
        ((0.0, 0.0, 0.0, 0.0301), "late"),  # saved up: it may never have more than there was
        ((0.0, 0.0, 0.0, 0.0299), "repetition"),
        ((0.0299, 0.0299), "late"),  # nothing left
        ((0.0299, 0.0, 0.0, 0.0299), "repetition"),  # given back
        ((0.0299, 0.009, 0.009, 0.0299), "late"),  # not that much
    ],
)
def test_early_answers_give_back_but_save_nothing_up(took: Sequence[float], end: str) -> None:
    assert played(took, 0.009, LIMIT).end == end


def test_who_has_nodes_has_no_clock_for_the_game() -> None:
    assert played(0.9, 0.9, Limit(nodes=100, patience=1.0)).end == "repetition"


@pytest.mark.parametrize(
    ("own", "other", "refused"),
    [(9.0, 9.0, False), (12.0, 9.0, True), (12.0, 11.5, False), (9.9, 5.0, False), (25.0, 13.0, True)],
)
def test_who_takes_more_on_most_moves_is_slower(own: float, other: float, refused: bool) -> None:
    """ms a move, of 10: beside its opponent on the same machine."""

    def game(white: float, black: float) -> Game:
        plies = tuple(Ply("e2e4", (black if i % 2 else white) / 1e3, Info()) for i in range(40))
        return Game(chess.STARTING_FEN, "a", "b", plies, "1-0", "checkmate")

    assert slower([Pair(chess.STARTING_FEN, game(own, other), game(other, own))], 10) == refused


def test_who_takes_much_more_on_half_of_its_moves_is_slower() -> None:
    """31 moves of 9.9 ms and 29 of 15 are within a margin of 150 ms, and a quarter more time than 10 ms a move."""
    own = [0.0099, 0.015] * 29 + [0.0099] * 2
    plies = tuple(Ply("e2e4", seconds, Info()) for mine in own for seconds in (mine, 0.009))
    game = Game(chess.STARTING_FEN, "a", "b", plies, "1-0", "checkmate")
    assert slower([Pair(chess.STARTING_FEN, game, replace(game, plies=()))], 10)
    assert not slower([Pair(chess.STARTING_FEN, replace(game, plies=()), game)], 10)


def test_moves_for_which_the_machine_was_away_are_nobodys_theft() -> None:
    """Three moves of 300 that took 140 ms, all of them the challenger's."""
    own = [0.009] * 297 + [0.140] * 3
    plies = tuple(Ply("e2e4", seconds, Info()) for mine in own for seconds in (mine, 0.009))
    game = Game(chess.STARTING_FEN, "a", "b", plies, "1-0", "checkmate")
    assert not slower([Pair(chess.STARTING_FEN, game, replace(game, plies=()))], 10)


@pytest.mark.parametrize("seed", range(20))
def test_an_engine_is_not_slower_than_itself_on_a_restless_machine(seed: int) -> None:
    """1 ms a move, of which one in fifty takes up to 30, in eight games: a plain mean refuses some of these."""
    rng = np.random.default_rng(seed)
    took = np.where(
        rng.random((8, 100)) < 0.02, rng.uniform(0.001, 0.03, (8, 100)), rng.normal(0.00105, 0.0001, (8, 100))
    )
    games = [
        Game(chess.STARTING_FEN, "a", "b", tuple(Ply("e2e4", s, Info()) for s in one), "1-0", "checkmate")
        for one in took
    ]
    assert not slower([Pair(chess.STARTING_FEN, *games[k : k + 2]) for k in (0, 2, 4, 6)], 1)


@pytest.mark.parametrize(("spent", "flagged"), [(0.0, False), (0.2, True), (0.27, True), (0.29, False), (0.5, False)])
def test_a_game_is_contaminated_where_a_program_had_too_little_of_a_core(spent: float, flagged: bool) -> None:
    """CPU seconds, where its moves took 0.4."""
    plies = tuple(Ply("e2e4", 0.01, Info()) for _ in range(80))
    for processor in ((spent, 0.4), (0.4, spent)):
        game = Game(chess.STARTING_FEN, "a", "b", plies, "1-0", "checkmate", processor=processor)
        assert contaminated(game) == flagged
        assert ("Contaminated" in pgn_of(game, "e", "1/0.01")) == flagged


@pytest.mark.parametrize(("spent", "found"), [(0.0, False), (0.6, False), (0.64, False), (0.8, True), (1.1, True)])
def test_who_computes_in_its_opponents_time_is_found_out(spent: float, found: bool) -> None:
    """CPU seconds a game, of which its start takes 0.2 and its own moves 0.4; so do its opponent's."""
    plies = tuple(Ply("e2e4", 0.01, Info()) for _ in range(80))
    first = Game(chess.STARTING_FEN, "a", "b", plies, "1-0", "checkmate", processor=(spent, 9.0))
    second = Game(chess.STARTING_FEN, "b", "a", plies, "1-0", "checkmate", processor=(9.0, spent))
    assert ponders([Pair(chess.STARTING_FEN, first, second)], 0.2) == found
