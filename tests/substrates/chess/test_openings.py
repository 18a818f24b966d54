"""The book: balanced, legal, apart from what is held out; a broken one is one sentence that names the line."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import chess
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import UsageError
from substrates.chess import openings
from substrates.chess.openings import PACKAGED, Book, digest, drawn, load, made
from substrates.chess.stockfish import found

START = chess.STARTING_BOARD_FEN + " w KQkq -"


@pytest.fixture(scope="module")
def book() -> Book:
    return load()


def test_the_packaged_book_says_how_it_was_made_and_is_large_enough(book: Book) -> None:
    header = gzip.decompress(PACKAGED.read_bytes()).decode().splitlines()[:3]
    for fact in ("--make 2000 --seed 7", "Stockfish 15.1", "20000 nodes", "50 centipawns"):
        assert fact in "\n".join(header)
    assert len(book.played) + len(book.held_out) == 2000
    assert 0.2 < len(book.held_out) / 2000 < 0.3
    assert not set(book.played) & set(book.held_out)


def test_games_can_start_from_every_packaged_position(book: Book) -> None:
    for fen in (*book.played, *book.held_out):
        board = chess.Board(fen)
        assert board.is_valid()
        assert not board.is_check()
        assert board.has_castling_rights(chess.WHITE)
        assert board.has_castling_rights(chess.BLACK)


def test_what_is_held_out_depends_on_the_position_alone(book: Book, tmp_path: Path) -> None:
    some = [*book.played[:60], *book.held_out[:20]]
    one, other = tmp_path / "one.fen", tmp_path / "other.epd.gz"
    one.write_text("\n".join(some))
    shuffled = "\n".join(["# a comment", "", *(" ".join(fen.split()[:4]) + ' id "x";' for fen in reversed(some))])
    other.write_bytes(gzip.compress(shuffled.encode()))
    assert set(load(one).held_out) == set(load(other).held_out) == set(book.held_out[:20])
    assert set(load(one).played) == set(load(other).played)
    assert digest(load(one)) == digest(load(other)) != digest(book)


@given(st.integers(-(2**40), 2**40), st.integers(0, 50), st.randoms(use_true_random=False))
def test_a_draw_is_distinct_and_depends_on_the_seed_alone(seed: int, count: int, shuffle: random.Random) -> None:
    names = [f"opening {i}" for i in range(50)]
    first = drawn(names, seed, count)
    assert len(set(first)) == len(first) == count
    shuffle.shuffle(names)
    assert drawn(names, seed, count) == first
    assert drawn(names, seed, 50)[:count] == first


def test_another_seed_is_another_order(book: Book) -> None:
    assert drawn(book.played, 1, 100) != drawn(book.played, 2, 100)
    assert len(set(drawn(book.played, 1, 100)) & set(drawn(book.played, 2, 100))) < 30


def test_fewer_openings_than_games() -> None:
    with pytest.raises(UsageError, match=r"fewer openings than games: 4 pairs of games need 4 openings.* has 3"):
        drawn(["a", "b", "c", "a"], 0, 4)


BROKEN = {
    "not chess": ("hello there", r"line 2.*no EPD or FEN"),
    "seven files": ("7/8/8/8/8/8/8/8 w - -", r"line 2.*no EPD or FEN"),
    "no kings": ("8/8/8/8/8/8/8/8 w - -", r"line 2.*no legal position.*no white king"),
    "the side that moved is in check": ("4k3/8/8/8/8/8/4R3/4K3 w - -", r"line 2.*no legal position.*opposite check"),
    "castling without a rook": ("4k3/8/8/8/8/8/8/4K2P w K -", r"line 2.*no legal position"),
    "checkmate": ("7k/5KQ1/8/8/8/8/8/8 b - -", r"line 2.*ends the game at once \(checkmate\)"),
    "stalemate": ("7k/5Q2/6K1/8/8/8/8/8 b - -", r"line 2.*\(stalemate\)"),
    "bare kings": ("7k/8/8/8/8/8/8/K7 w - -", r"line 2.*\(insufficient material\)"),
    "a draw by fifty moves": ("4k3/8/8/8/8/8/4P3/4K3 w - - 100 90", r"line 2.*\(fifty moves\)"),
    "twice": (START, r"line 2.*position of line 1 again"),
    "twice, by other counters": (START + " 3 7", r"line 2.*position of line 1 again"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_line_is_named(what: str, tmp_path: Path) -> None:
    line, said = BROKEN[what]
    place = tmp_path / "book.epd"
    place.write_text(f"{START}\n{line}\n")
    with pytest.raises(UsageError, match=said) as error:
        load(place)
    assert "\n" not in str(error.value)


def test_a_book_that_cannot_serve_is_one_sentence(tmp_path: Path) -> None:
    missing, empty, single, packed, binary = (tmp_path / name for name in ("no", "empty", "one", "a.gz", "b.epd"))
    empty.write_text("# nothing\n\n")
    single.write_text(START)
    packed.write_text(START)
    binary.write_bytes(b"\xff\xfe\x00")
    for place, said in (
        (missing, "no book at"),
        (tmp_path, "cannot be read"),
        (empty, "has 0 positions"),
        (single, "both parts need some"),
        (packed, "cannot be read"),
        (binary, "cannot be read"),
    ):
        with pytest.raises(UsageError, match=said) as error:
            load(place)
        assert "\n" not in str(error.value)


def test_a_truncated_book_is_one_sentence(tmp_path: Path) -> None:
    place = tmp_path / "book.epd.gz"
    place.write_bytes(PACKAGED.read_bytes()[:5000])
    with pytest.raises(UsageError, match="cannot be read"):
        load(place)


def test_making_keeps_what_the_judge_calls_even() -> None:
    said = [0, 51, -51, None, 50, -50, 3]
    values: dict[str, int | None] = {}

    def judge(fen: str) -> int | None:
        assert fen not in values
        values[fen] = said[len(values) % len(said)]
        return values[fen]

    names = list(made(8, 5, judge))
    assert names == [chess.Board(fen).epd() for fen, value in values.items() if value in (0, 50, -50, 3)]
    assert len(names) == 8
    assert names == list(made(8, 5, values.__getitem__))


def test_the_packaged_book_comes_out_of_its_program_again(tmp_path: Path) -> None:
    try:
        found()
    except UsageError as error:
        pytest.skip(str(error))
    place = tmp_path / "again.epd"
    openings.main(["--make", "12", "--seed", "7", "--out", str(place)])
    header, again = place.read_text().splitlines()[1:3], place.read_text().splitlines()[3:]
    there = gzip.decompress(PACKAGED.read_bytes()).decode().splitlines()
    if header == there[1:3]:
        assert again == there[3:15]
    else:  # another Stockfish judges otherwise, of the same positions in the same order
        assert len(set(again) & set(there[3:40])) >= 4
        assert header[0] == there[1]
