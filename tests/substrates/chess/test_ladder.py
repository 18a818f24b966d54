"""The ladder: frozen with its conditions, and its program: games by the rules, a fit that finds what was planted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import chess
import numpy as np
import pytest

from evolve.errors import UsageError
from substrates.chess import ladder
from substrates.chess.ladder import (
    FIXED,
    FIXED_ELO,
    PACKAGED,
    RUNGS,
    Anchor,
    load_ladder,
    matchups,
    played,
    standing,
)
from substrates.chess.openings import digest, load
from substrates.chess.rating import expected
from substrates.chess.stockfish import PLAIN, Stockfish, found


def test_the_packaged_ladder_stands_on_the_packaged_book() -> None:
    anchors, rungs, facts = load_ladder()
    assert list(anchors) == list(rungs) == [rung.name for rung in RUNGS]
    assert [(each.name, dict(each.options), each.nodes) for each in RUNGS] == [
        (each.name, dict(each.options), each.nodes) for each in anchors.values()
    ]
    assert facts.stockfish == "Stockfish 15.1"
    assert facts.openings == digest(load())
    assert facts.command.startswith("python -m substrates.chess.ladder")
    assert rungs[FIXED].elo == FIXED_ELO
    assert rungs[FIXED].error == 0
    assert all(0 < rung.error < 60 for name, rung in rungs.items() if name != FIXED)
    elos = [rung.elo for rung in rungs.values()]
    assert elos == sorted(elos)
    assert max(np.diff(elos)) < 300


def test_the_packaged_elos_follow_from_the_packaged_tallies() -> None:
    record = json.loads(PACKAGED.read_text())
    index = {rung.name: i for i, rung in enumerate(RUNGS)}
    tallies = {
        (index[one], index[other]): tally
        for (one, other), tally in ((names.split(), tally) for names, tally in record["tallies"].items())
    }
    elos, errors = standing(tallies, 0, len(RUNGS))
    assert [each["elo"] for each in record["rungs"]] == pytest.approx(list(FIXED_ELO + elos), abs=0.06)
    assert [each["error"] for each in record["rungs"]] == pytest.approx(list(errors), abs=0.06)
    assert record["games"] == 2 * sum(map(sum, tallies.values()))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rungs": [{"name": "a"}]}', '{"rungs": 3}'])
def test_a_broken_ladder_is_one_sentence(text: str, tmp_path: Path) -> None:
    place = tmp_path / "ladder.json"
    place.write_text(text)
    with pytest.raises(UsageError, match="cannot be read") as error:
        load_ladder(place)
    assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="cannot be read"):
        load_ladder(tmp_path / "none.json")


def test_planted_elos_are_found_within_their_errors() -> None:
    rng = np.random.default_rng(5)
    planted = np.array([0.0, 90.0, 210.0, 350.0, 420.0, 700.0])
    rungs = [Anchor(str(i), PLAIN, 1) for i in range(6)]
    tallies = {}
    for one, other in matchups(rungs):
        hope = float(expected(planted[one] - planted[other]))
        points = rng.binomial(2, hope, size=150)
        tallies[one, other] = [int((points == score).sum()) for score in (0, 0.5, 1, 1.5, 2)]
    elos, errors = standing(tallies, 0, 6)
    assert elos[0] == errors[0] == 0
    assert (np.abs(elos - planted)[1:] < 3.5 * errors[1:]).all()
    assert (errors[1:] > 8).all()
    assert (errors[1:] < 60).all()


def _script(*moves: str) -> Callable[[list[str]], str]:
    return lambda so_far: moves[len(so_far) // 2 % len(moves)]


def test_games_end_by_the_rules() -> None:
    start = chess.STARTING_FEN
    mate = played(start, _script("f2f3", "g2g4"), _script("e7e5", "d8h4"))
    assert mate == 0.0
    assert played("6k1/5ppp/8/8/8/8/8/R3K3 w - - 0 1", _script("a1a8"), _script("none")) == 1.0
    asked: list[int] = []

    def knight(so_far: list[str]) -> str:
        asked.append(len(so_far))
        return ("g1f3", "f3g1")[len(so_far) // 2 % 2]

    assert played(start, knight, _script("g8f6", "f6g8")) == 0.5
    assert asked == [0, 2, 4, 6]
    assert played("7k/5Q2/8/6K1/8/8/8/8 w - - 0 1", _script("g5g6"), _script("none")) == 0.5
    assert played("7k/8/8/8/8/8/4P3/4K3 w - - 99 90", _script("e1d1"), _script("none")) == 0.5
    assert played("7k/8/6K1/8/8/8/8/5Q2 w - - 99 90", _script("f1f8"), _script("none")) == 1.0


def test_a_game_that_goes_on_is_drawn_after_the_most_plies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "MOST_PLIES", 5)
    asked: list[int] = []

    def pawn(so_far: list[str]) -> str:
        asked.append(len(so_far))
        return ("a2a3", "b2b3", "c2c3")[len(so_far) // 2]

    assert played(chess.STARTING_FEN, pawn, _script("a7a6", "b7b6")) == 0.5
    assert asked == [0, 2, 4]


@pytest.fixture(scope="module")
def program() -> Path:
    try:
        return found()
    except UsageError as error:
        pytest.skip(str(error))


def test_a_calibration_goes_on_where_it_was(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "_SHARE", 600)  # of 500 and 200 nodes a ply, more than that: every second round
    rungs = [RUNGS[0], Anchor("n1", PLAIN, 1), Anchor("n200", PLAIN, 200)]
    out = tmp_path / "ladder.json"

    def after(some: list[Anchor], pairs: int, minutes: float) -> dict[str, list[int]]:
        ladder.calibrate(some, pairs, minutes, out, "test")
        return json.loads(out.read_text())["tallies"]  # type: ignore[no-any-return]

    first = after(rungs[:2], 1, 5)
    assert sum(first["elo1350-n500 n1"]) == 1
    assert after(rungs[:2], 4, 0) == first
    second = after(rungs, 2, 5)
    assert {names: sum(tally) for names, tally in second.items()} == {
        "elo1350-n500 n1": 2,
        "elo1350-n500 n200": 1,
        "n1 n200": 2,
    }
    assert np.subtract(second["elo1350-n500 n1"], first["elo1350-n500 n1"]).min() == 0
    record = json.loads(out.read_text()) | {"openings": "of another book"}
    out.write_text(json.dumps(record))
    with pytest.raises(UsageError, match="give another --out"):
        after(rungs, 3, 5)


def test_plain_stockfish_is_deterministic_and_sees_mates(program: Path) -> None:
    with Stockfish(place=program) as one, Stockfish(place=program) as other:
        fen = load().played[0]
        assert one.move(fen, [], 500) == other.move(fen, [], 500)
        assert one.centipawns(fen, 2000) == other.centipawns(fen, 2000)
        assert one.centipawns("6k1/5ppp/8/8/8/8/8/R3K3 w - - 0 1", 2000) is None
        assert one.move("7k/5Q2/6K1/8/8/8/8/8 b - - 0 1", [], 10) == "(none)"


def test_a_stockfish_that_ends_is_said(tmp_path: Path) -> None:
    place = tmp_path / "stockfish"
    place.write_text(
        "#!/bin/sh\nwhile read line; do case $line in uci) echo uciok;;"
        " isready) echo readyok;; go*) exit 3;; esac; done"
    )
    place.chmod(0o755)
    with Stockfish(place=place) as engine, pytest.raises(RuntimeError, match=r"ended \(exit status 3\)"):
        engine.move(chess.STARTING_FEN, [], 10)


def test_without_stockfish_the_install_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UsageError, match="apt-get install stockfish"):
        found()
