"""Nobody wins by taking a little more time on every move."""

from __future__ import annotations

import chess
import pytest

from substrates.chess.fair import ponders, slower
from substrates.chess.game import Game, Ply, Rules, Side, play
from substrates.chess.match import Pair
from substrates.chess.uci import Fault, Info, Limit, Reply

SHUFFLE = ("g1f3", "g8f6", "f3g1", "f6g8")


class Timed:
    """Plays moves to and fro; says that each took so many seconds. Late, where that is more than it is given."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name, self._seconds = name, seconds

    def new_game(self, seconds: float) -> None:
        return None

    def go(self, position: str, limit: Limit) -> Reply:
        if self._seconds > limit.patience:
            raise Fault("late", "no bestmove in time")
        moves = position.partition(" moves")[2].split()
        return Reply(SHUFFLE[len(moves) % 4], self._seconds, Info())


def played(white: float, black: float, limit: Limit) -> Game:
    sides = [Side(Timed(n, s), limit) for n, s in (("white", white), ("black", black))]  # type: ignore[arg-type]
    rules = Rules(plies=8)  # before a third visit
    return play(chess.STARTING_FEN, sides[0], sides[1], rules)


LIMIT = Limit(movetime=10, patience=0.010 + 0.020)


@pytest.mark.parametrize(("took", "ply"), [(0.031, 0), (0.021, 2), (0.017, 4), (0.0160, 6), (0.009, None)])
def test_the_margin_is_one_for_the_whole_game(took: float, ply: int | None) -> None:
    """20 ms in all: at 7 ms too much a move the third is late."""
    game = played(took, 0.009, LIMIT)
    assert (game.end, game.result) == (("repetition", "1/2-1/2") if ply is None else ("late", "0-1"))
    assert ply is None or len(game.plies) == ply


def test_early_answers_give_back_but_save_nothing_up() -> None:
    clockless = Limit(nodes=100, patience=1.0)
    assert played(0.9, 0.9, clockless).end == "repetition"
    assert played(0.0, 0.0301, LIMIT).end == "late"


@pytest.mark.parametrize(
    ("own", "other", "refused"),
    [(9.0, 9.0, False), (12.0, 9.0, True), (12.0, 11.5, False), (9.9, 5.0, False), (25.0, 13.0, True)],
)
def test_who_takes_more_on_most_moves_isslower(own: float, other: float, refused: bool) -> None:
    """ms a move, of 10: beside its opponent on the same machine."""

    def game(white: float, black: float) -> Game:
        plies = tuple(Ply("e2e4", (black if i % 2 else white) / 1e3, Info()) for i in range(40))
        return Game(chess.STARTING_FEN, "a", "b", plies, "1-0", "checkmate")

    assert slower([Pair(chess.STARTING_FEN, game(own, other), game(other, own))], 10) == refused


@pytest.mark.parametrize(("spent", "found"), [(0.0, False), (0.6, False), (0.64, False), (0.8, True), (1.1, True)])
def test_who_computes_in_its_opponents_time_is_found_out(spent: float, found: bool) -> None:
    """CPU seconds a game, of which its start takes 0.2 and its own moves 0.4; so do its opponent's."""
    plies = tuple(Ply("e2e4", 0.01, Info()) for _ in range(80))
    first = Game(chess.STARTING_FEN, "a", "b", plies, "1-0", "checkmate", processor=(spent, 9.0))
    second = Game(chess.STARTING_FEN, "b", "a", plies, "1-0", "checkmate", processor=(9.0, spent))
    assert ponders([Pair(chess.STARTING_FEN, first, second)], 0.2) == found
