"""A minute of evolving engines as a person starts it, and the mistakes that people make."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evolve.__main__ import main
from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.substrate import Case, Outcome
from evolve.testing.conformance import SubstrateConformance
from evolve.workers import LocalWorkers, RecordedBench
from substrates.chess.settings import ChessSettings, Ladder

chess = pytest.importorskip("chess", reason="pip install -e '.[chess]'")
pytest.importorskip("evalica", reason="pip install -e '.[chess]'")
Game = pytest.importorskip("substrates.chess.game").Game
Pair = pytest.importorskip("substrates.chess.match").Pair
opponents = pytest.importorskip("substrates.chess.opponents")
substrate = pytest.importorskip("substrates.chess.substrate")

ROOT = Path(__file__).parents[3]
SEEDS = ROOT / "populations" / "chess"
SHORT = (
    "+domain=chess",
    "substrate.engine=python",
    "substrate.movetime=5",
    "substrate.seconds=2",
    "substrate.pairs=1",
    "substrate.audits=2",
    "substrate.plies=24",
    "population.copies=1",
    "selection.rewrite=1",
    "acceptance.bouts=2",
    "run.generations=1",
    "run.preflight=false",
    "run.baselines=[]",
    "run.name=short",
)
LEAGUE = ("substrate.ladder=none", "substrate.referee=0")
TALKER = 'language = "python"\nbuild = []\nartefact = ""\nrun = ["python", "engine.py"]\n'
FOREIGN = 'language = "odd"\nbuild = ["oddc", "engine.odd"]\nartefact = "engine"\nrun = ["./engine"]\n'


def needs_stockfish() -> None:
    try:
        opponents.found()
    except UsageError:
        pytest.skip("apt-get install stockfish")


def needs_bubblewrap() -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("apt-get install bubblewrap")


def seed(language: str) -> Genome:
    folder = SEEDS / language / language
    return Genome({path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()})


def evolve(folder: Path, *args: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "evolve", *SHORT, "hydra.run.dir=out", *args],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("scale", [(), LEAGUE], ids=["ladder", "league"])
def test_it_plays_and_says_what_came_of_it(tmp_path: Path, scale: tuple[str, ...]) -> None:
    needs_bubblewrap()
    if not scale:
        needs_stockfish()
    said = evolve(tmp_path, "substrate.games=games.pgn", *scale)
    assert "openings that nobody chose by" in said or "No evidence of a gain" in said
    with open(tmp_path / "out" / "results.tsv", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file, delimiter="\t"))
    assert header == ["commit", "elo", "memory_gb", "status", "description"]
    assert len(rows) == 1
    games = 0
    with open(tmp_path / "games.pgn", encoding="utf-8") as file:
        while (game := chess.pgn.read_game(file)) is not None:
            games += 1
            assert not game.errors
            assert game.headers["Result"] in ("1-0", "0-1", "1/2-1/2")
            assert game.headers["FEN"]
            assert game.headers["TerminationDetails"]
    assert games >= 2
    assert games % 2 == 0


@pytest.fixture
def _away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


MISTAKES = [
    ("substrate.movetime=0", "substrate.movetime=0 means nothing: give 1 or more."),
    ("substrate.seconds=inf", "substrate.seconds=inf means nothing"),
    ("substrate.audits=100000", "substrate.audits=100000 is more than there are openings held out for the audit: "),
    ("substrate.pairs=100000", "substrate.pairs=100000 is more than there are openings for contests: "),
    ("substrate.openings=broken.epd", "the book broken.epd, line 2: 'rubbish' is no EPD or FEN"),
    ("substrate.openings=nowhere", "no book at nowhere: give a file of EPD or FEN lines"),
    ("substrate.games=bare", "substrate.games=bare is a folder: name a file"),
    ("acceptance.elo=[50,0]", "acceptance.elo=[50.0, 0.0] must be two numbers, the smaller first"),
    ("population.path=bare", "The seed 'one' is no engine: engine.toml is missing"),
    ("population.path=foreign", "The seed 'one' needs the program 'oddc', which is not here: install it, or"),
]


@pytest.mark.usefixtures("_away")
@pytest.mark.parametrize(("mistake", "said"), MISTAKES, ids=[mistake for mistake, _ in MISTAKES])
def test_one_clear_sentence(mistake: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.epd").write_text(f"{chess.STARTING_FEN}\nrubbish\n")
    write(Path("bare/one"), {"engine.py": "print('hello')\n"})
    write(Path("foreign/one"), {"engine.toml": FOREIGN, "engine.odd": "hello\n"})
    assert main([*SHORT, *LEAGUE, mistake]) == 2
    error = capsys.readouterr().err
    assert error.startswith("evolve: ")
    assert said in error
    assert "Traceback" not in error
    assert not Path("lineages.git").exists()
    assert not Path("games.pgn").exists()


@pytest.mark.usefixtures("_away")
def test_a_seed_that_speaks_no_uci_is_found_before_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    needs_bubblewrap()
    write(Path("mine/one"), {"engine.toml": TALKER, "engine.py": "print('hello')\n"})
    assert main([*SHORT, *LEAGUE, "population.path=mine", "run.preflight=true"]) == 2
    error = capsys.readouterr().err
    assert "the unmodified seed 'one" in error
    assert "instead of uciok" in error
    assert "Traceback" not in error
    assert not Path("lineages.git").exists()


def write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def absent() -> Path:
    raise UsageError("stockfish is not installed: apt-get install stockfish")


@pytest.mark.parametrize(
    "given", [{}, {"referee": 0}, {"ladder": Ladder.none}], ids=["both wanted", "the ladder wanted", "a referee wanted"]
)
def test_without_stockfish_it_is_said_how_to_go_on(given: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opponents, "found", absent)
    with pytest.raises(UsageError, match=r"apt-get install stockfish.*substrate\.ladder=none substrate\.referee=0"):
        substrate.Chess(ChessSettings(**given))


def test_without_stockfish_a_league_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opponents, "found", absent)
    made = substrate.Chess(ChessSettings(ladder=Ladder.none, referee=0))
    assert "league" in made.metric.unit


def test_what_is_no_stockfish_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "stockfish"
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(0o755)
    monkeypatch.setattr(opponents, "found", lambda: program)
    with pytest.raises(UsageError, match=r"does not answer as stockfish does: it (has ended|ended instead of uciok)"):
        substrate.Chess(ChessSettings()).admit({"python": seed("python")})


def test_without_a_compiler_the_other_population_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    made = substrate.Chess(ChessSettings(ladder=Ladder.none, referee=0))
    monkeypatch.setattr(substrate.shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match=r"'rustc', which is not here: apt-get install cargo; .*substrate\.engine="):
        made.admit({"rust": seed("rust")})
    assert made.admit({"python": seed("python")}) == ()


@pytest.mark.parametrize("missing", ["chess", "evalica"])
def test_without_the_extra_the_install_line_is_said(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(substrate, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(UsageError, match=r"pip install -e '\.\[chess\]'"):
        substrate.Chess(ChessSettings())


def league(**given: object) -> ChessSettings:
    small = {"engine": "python", "movetime": 3, "seconds": 1, "pairs": 1, "audits": 2, "plies": 8}
    return ChessSettings(**{**small, "ladder": Ladder.none, "referee": 0, **given})


def test_a_leagues_ratings_are_what_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all champions and anew in each generation, although what the gate says is remembered too."""
    made = substrate.Chess(league())
    lost = Game(chess.STARTING_FEN, "a", "b", (), "0-1", "checkmate")
    pairs = {"a": Pair(lost.opening, lost, replace(lost, result="1-0"))}
    pairs["b"] = Pair(lost.opening, replace(lost, result="1-0"), lost)
    monkeypatch.setattr(made, "_through", lambda genome, bench: None)
    monkeypatch.setattr(made, "_fought", lambda one, other, drawn, bench: [pairs[one.lineage]])
    outcomes: dict[str, Outcome] = {}
    workers = LocalWorkers(1)
    bench = RecordedBench(made, workers, outcomes, lambda key, case, outcome: None)
    seeds = {"a": Genome({"engine.py": "1"}), "b": Genome({"engine.py": "2"})}
    conditions = made.conditions(0, {}, "select")
    cases = [Case(genome, name, conditions, "select") for name, genome in seeds.items()]
    for case, outcome in zip(cases, made.measure(cases, bench).values(), strict=True):
        bench.remember(case, outcome)
    workers.close()
    a, b = (bench.remembered(case) for case in cases)
    assert a is not None
    assert b is not None
    assert (a.score or 0.0) < (b.score or 0.0)
    assert made.conditions(1, {}, "select") != conditions
    assert made.conditions(1, {}, "audit") == made.conditions(0, {}, "audit")


@pytest.fixture(scope="module")
def one_league() -> Any:
    needs_bubblewrap()
    return substrate.Chess(league())


class TestChess(SubstrateConformance):
    broken = Genome({"engine.toml": TALKER, "engine.py": "\x01 this is no engine"})
    generations = 1

    @pytest.fixture(autouse=True)
    def _made(self, one_league: Any) -> None:
        # One for all tests: a seed goes through the gate once, which takes most of the time.
        self.make = lambda: (one_league, {"a": seed("python")})  # type: ignore[method-assign]
