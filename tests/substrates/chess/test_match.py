"""Pairs on slots: what a challenger made of them, and which of them say nothing."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import chess
import numpy as np
import pytest
from chess_players import PlainBench, alive, contestant, engine
from hypothesis import given
from hypothesis import strategies as st

from substrates.chess.analysis import play_of, slips
from substrates.chess.game import FAULTS, Game, Ply, Rules
from substrates.chess.match import Pair, Seats, Table, bout_of, tally_of
from substrates.chess.pgn import Archive
from substrates.chess.referee import Referees, version_of
from substrates.chess.uci import Fault, Info

RESULTS = st.sampled_from(["1-0", "0-1", "1/2-1/2"])
FOOLS = "rnbqkbnr/pppp1ppp/8/4p3/6P1/5P2/PPPPP2P/RNBQKBNR b KQkq - 0 2"
"""Black to move mates; white has no move to make."""


def game(result: str, end: str = "checkmate", white: str = "one", black: str = "other") -> Game:
    return Game(chess.STARTING_FEN, white, black, (), result, end)  # type: ignore[arg-type]


def pairs_of(results: list[tuple[str, str, bool]]) -> list[Pair]:
    return [
        Pair(chess.STARTING_FEN, game(first), game(second, white="other", black="one"), void, seconds=1.5)
        for first, second, void in results
    ]


@given(st.lists(st.tuples(RESULTS, RESULTS, st.booleans()), max_size=30))
def test_a_bout_and_its_tally_say_the_same(results: list[tuple[str, str, bool]]) -> None:
    pairs = pairs_of(results)
    tally, bout = tally_of(pairs), bout_of(pairs)
    counted = [pair.points for pair in pairs if not pair.void]
    halves = np.arange(5) / 4 - 0.5
    assert bout.tally == tally
    assert bout.count == sum(tally) == len(counted)
    assert bout.total == pytest.approx(halves @ np.array(tally))
    assert bout.squares == pytest.approx((halves**2) @ np.array(tally))
    assert bout.clock == 1.5 * len(pairs)
    assert all(tally[round(4 * points)] for points in counted)


@given(st.lists(st.tuples(RESULTS, RESULTS, st.just(False)), max_size=30))
def test_the_other_sides_tally_is_the_mirror(results: list[tuple[str, str, bool]]) -> None:
    swapped = [Pair(pair.opening, pair.second, pair.first) for pair in pairs_of(results)]
    assert tally_of(swapped) == tally_of(pairs_of(results))[::-1]


@given(RESULTS)
def test_both_sides_share_one_point(result: str) -> None:
    assert game(result).points(white=True) + game(result).points(white=False) == 1


def table(**given: object) -> Table:
    return Table(Rules(plies=4), **given)  # type: ignore[arg-type]


QUIET = """
black = len(position.split('moves')[1].split()) % 2 == 1
say('bestmove ' + [('g1f3', 'f3g1'), ('g8f6', 'f6g8')][black][(n - 1) % 2])
"""
HONEST = engine(QUIET)
BREAKS = engine(f"if n == 2: os._exit(1)\n{QUIET.strip()}")


def test_scripted_engines_draw_a_pair_at_its_length() -> None:
    bench = PlainBench()
    pair = table().pair(Seats(bench), contestant("a", HONEST), contestant("b", HONEST), chess.STARTING_FEN)
    assert [g.end for g in pair.games] == ["length", "length"]
    assert [(g.white, g.black) for g in pair.games] == [("a", "b"), ("b", "a")]
    assert (pair.points, pair.void) == (0.5, False)
    assert len(bench.started) == 4


def test_a_challenger_that_breaks_loses_both() -> None:
    pair = table().pair(
        Seats(PlainBench()), contestant("a", BREAKS), contestant("b", HONEST, trusted=True), chess.STARTING_FEN
    )
    assert [g.end for g in pair.games] == ["crash", "crash"]
    assert (pair.points, pair.void) == (0.0, False)
    assert tally_of([pair]) == (1, 0, 0, 0, 0)


@pytest.mark.parametrize("code", [BREAKS, engine("say('bestmove 0000')"), "print('no engine')"])
def test_an_anchors_fault_voids_the_pair(code: str) -> None:
    """And an opponent's that isn't one of ours is won."""
    for trusted in (True, False):
        pair = table().pair(
            Seats(PlainBench()), contestant("a", HONEST), contestant("b", code, trusted=trusted), chess.STARTING_FEN
        )
        assert all(g.fault for g in pair.games)
        assert (pair.points, pair.void) == (1.0, trusted)
        assert sum(tally_of([pair])) == bout_of([pair]).count == (not trusted)


def test_a_challengers_fault_beside_a_trusted_one_is_its_own() -> None:
    """The name of who lost decides, not who is in the pair."""
    pair = table().pair(
        Seats(PlainBench()), contestant("a", "", trusted=False), contestant("b", HONEST, trusted=True), FOOLS
    )
    assert [g.end for g in pair.games] == ["crash", "crash"]
    assert (pair.points, pair.void) == (0.0, False)


def test_nothing_is_left_of_a_match() -> None:
    token = f"token-{os.getpid()}-match"
    honest, breaks, stalls = (f"# {token}\n{code}" for code in (HONEST, BREAKS, engine("time.sleep(60)")))
    for code in (honest, breaks, stalls):
        table().pair(Seats(PlainBench()), contestant("a", code, 0.3), contestant("b", honest, 0.3), chess.STARTING_FEN)
    assert not alive(token)


@pytest.mark.parametrize("at_once", [1, 3])
def test_pairs_come_in_the_order_of_their_openings_and_all_are_told(at_once: int) -> None:
    told, lock = list[str](), threading.Lock()

    def tell(pair: Pair) -> None:
        with lock:
            told.append(pair.opening)

    openings = [f"7k/8/8/8/8/8/8/K6R w - - {n} 80" for n in range(4)]
    asked: list[int] = []
    lost = contestant("a", "")

    def others(k: int):  # type: ignore[no-untyped-def]
        asked.append(k)
        return lost

    pairs = table(told=tell).pairs(PlainBench(), lost, others, openings, at_once)  # type: ignore[arg-type]
    assert [pair.opening for pair in pairs] == openings
    assert sorted(told) == sorted(openings)
    assert sorted(asked) == [0, 1, 2, 3]


@pytest.mark.parametrize("at_once", [1, 2])
def test_no_openings_are_no_pairs(at_once: int) -> None:
    lost = contestant("a", "")
    assert table().pairs(PlainBench(), lost, lambda k: lost, [], at_once) == []  # type: ignore[arg-type]


# -- the referee and the analyst -------------------------------------------------------------------


def program(folder: Path, code: str) -> Path:
    """A file that can be started."""
    path = folder / "referee"
    path.write_text(f"#!{sys.executable} -IS\n{code}", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


JUDGE = engine("""
black = 'moves' in position and len(position.split('moves')[1].split()) % 2 == 1
say('info depth 1 score cp ' + str(-950 if black else 950))
say('bestmove e2e4')
""")


def test_a_referee_is_started_once_and_ends_games(tmp_path: Path) -> None:
    token = f"token-{os.getpid()}-referee"
    (tmp_path / token).mkdir()
    referees = Referees(program(tmp_path / token, JUDGE), 10)
    rules = Rules(plies=20, begin=1, every=1)
    with_judge = Table(rules, referees)
    pair = with_judge.pair(Seats(PlainBench()), contestant("a", HONEST), contestant("b", HONEST), chess.STARTING_FEN)
    assert [(g.result, g.end) for g in pair.games] == [("1-0", "referee"), ("1-0", "referee")]
    assert pair.points == 0.5
    assert len(alive_in(token)) == 1
    referees.close()
    assert not alive_in(token)


def alive_in(folder: str) -> list[str]:
    """Processes with that folder's name in a word."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"/{folder}/".encode() in entry.joinpath("cmdline").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("code", ["while True: print('no')", "print('hello')"])
def test_a_referee_that_is_no_engine_is_a_fault_and_is_ended(code: str, tmp_path: Path) -> None:
    folder = tmp_path / f"token-{os.getpid()}-no-referee"
    folder.mkdir()
    place = program(folder, code)
    with pytest.raises(Fault), Referees(place, 10).one():
        pass
    with pytest.raises(Fault):
        version_of(place)
    assert not alive_in(folder.name)


def test_a_referee_that_broke_is_not_asked_again(tmp_path: Path) -> None:
    referees = Referees(program(tmp_path, engine("if n == 2: os._exit(1)\nsay('bestmove e2e4')")), 10)
    with referees.one() as one:
        assert referees.score(one, "startpos") == 0
    with pytest.raises(Fault), referees.one() as one:
        referees.score(one, "startpos")
    with referees.one() as another:
        assert another is not one
        assert referees.score(another, "startpos") == 0
    referees.close()


def test_a_referee_that_breaks_in_a_game_voids_the_pair(tmp_path: Path) -> None:
    referees = Referees(program(tmp_path, engine("os._exit(1)")), 10)
    with_judge = Table(Rules(plies=20, begin=2, every=1), referees)
    pair = with_judge.pair(Seats(PlainBench()), contestant("a", HONEST), contestant("b", HONEST), chess.STARTING_FEN)
    assert ([game.end for game in pair.games], pair.void) == (["no referee", "no referee"], True)
    assert tally_of([pair]) == (0, 0, 0, 0, 0)
    referees.close()


def test_the_version_is_what_it_says(tmp_path: Path) -> None:
    assert version_of(program(tmp_path, engine("pass"))) == "scripted"


WORTH = engine("""
worth = {'e2e4': 0, 'e2e4 e7e5': 20, 'e2e4 e7e5 g2g4': 400, 'e2e4 e7e5 g2g4 a7a6': 0, '': 30}
line = position.split('moves')[1].strip()
say('info score cp %d' % worth.get(line, 0))
say('bestmove ' + ('e2e4' if line == '' else 'd2d4'))
""")


def lost_game(end: str = "checkmate") -> Game:
    plies = tuple(Ply(move, 0.01, Info(5, 100, 0)) for move in ("e2e4", "e7e5", "g2g4", "a7a6"))
    return Game(chess.STARTING_FEN, "one", "other", plies, "0-1", end)  # type: ignore[arg-type]


def test_a_slip_is_the_move_that_cost_the_most_of_our_own(tmp_path: Path) -> None:
    """Not e2e4, which the analyst plays itself, and not the other side's moves."""
    referees = Referees(program(tmp_path, WORTH), 10)
    (slip,) = slips([(lost_game(), True)], referees)
    assert (slip.played, slip.better, slip.lost) == ("g2g4", "d2d4", 420)
    assert chess.Board(slip.fen).is_legal(chess.Move.from_uci(slip.played))
    assert slip.to_json()["fen"] == slip.fen
    assert slips([(lost_game(), False)], referees) == []  # won by black
    referees.close()


@pytest.mark.parametrize("end", FAULTS)
def test_games_lost_by_a_fault_have_no_slips(end: str, tmp_path: Path) -> None:
    assert slips([(lost_game(end), True)], Referees(tmp_path / "nothing", 10)) == []


def test_how_it_played_counts_its_own_moves() -> None:
    plies = tuple(Ply("a1a2", 0.1 if own else 5.0, Info(4 if own else 99, 50)) for own in (True, False, True))
    won = Game(chess.STARTING_FEN, "one", "other", plies, "1-0", "checkmate")
    assert play_of([(won, True)]) == {
        "ends": {"checkmate": 1},
        "depth": 4.0,
        "nodes_per_second": 500,
        "ms_per_move": 100.0,
    }
    assert play_of([(won, False)])["depth"] == 99
    black_first = Game(FOOLS, "one", "other", plies, "0-1", "checkmate")
    assert play_of([(black_first, False)])["depth"] == 4.0


def test_no_games_are_no_figures() -> None:
    assert play_of([]) == {"ends": {}, "depth": 0.0, "nodes_per_second": 0, "ms_per_move": 0.0}


def test_an_archive_has_every_game_whole(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "new" / "games.pgn")
    threads = [threading.Thread(target=archive.add, args=(f"{k}" * 5000 + "\n",)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    lines = (tmp_path / "new" / "games.pgn").read_text(encoding="utf-8").splitlines()
    assert sorted(lines) == [f"{k}" * 5000 for k in range(8)]
