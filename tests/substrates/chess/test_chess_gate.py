"""What says no before a game is played: the manifest, the build, the gate; each with its reason."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import chess
import pytest
from chess_players import PlainBench, argv_of, contestant, engine
from hypothesis import given
from hypothesis import strategies as st

from evolve.genome import Genome
from evolve.jobs import Ran
from substrates.chess import gate
from substrates.chess.engine import Builder, Contestant, Wrong
from substrates.chess.gate import PERFT, passed, sampled
from substrates.chess.manifest import MANIFEST, Manifest, manifest_of
from substrates.chess.uci import Limit, Player

LIMIT = Limit(movetime=1, patience=10.0)
HIDDEN = Path("/usr/local/bin/stockfish")
GOOD = 'language = "python"\nbuild = []\nartefact = ""\nrun = ["python", "engine.py"]\n'
BUILT = 'language = "rust"\nbuild = ["rustc", "engine.rs"]\nartefact = "engine"\nrun = ["./engine"]\n'


def genome(manifest: str = GOOD, **files: str) -> Genome:
    return Genome({MANIFEST: manifest, **{name.replace("_", "."): text for name, text in files.items()}})


# -- the manifest ----------------------------------------------------------------------------------


def test_a_manifest_is_read() -> None:
    assert manifest_of(genome()) == Manifest("python", (), "", ("python", "engine.py"))
    assert manifest_of(genome()).command == [sys.executable, "-I", "-B", "engine.py"]
    built = manifest_of(genome(BUILT))
    assert (built.building, built.command, built.artefact) == (["rustc", "engine.rs"], ["./engine"], "engine")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run = [", "no TOML"),
        ("", "run is missing"),
        ("run = []", "run is missing"),
        ('run = "./engine"', "lists of words"),
        ("run = [1]", "lists of words"),
        ('run = ["./engine"]\nbuild = {}', "lists of words"),
        ('run = ["./engine"]\nlanguage = 3', "are text"),
        ('run = ["./engine"]\nartefact = "engine"', "both or neither"),
        ('run = ["./engine"]\nbuild = ["make"]', "both or neither"),
        ('run = ["./engine"]\nbuild = ["make"]\nartefact = "../engine"', "in the engine's own folder"),
        ('run = ["./engine"]\nbuild = ["make"]\nartefact = "/bin/sh"', "in the engine's own folder"),
    ],
)
def test_a_broken_manifest_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        manifest_of(genome(text))
    assert MANIFEST in str(caught.value)
    with pytest.raises(Wrong, match=said) as wrong:
        Builder(LIMIT, 10.0, 256, []).contestant(genome(text), Compiler())
    assert wrong.value.status == "invalid"


def test_no_manifest_is_said() -> None:
    with pytest.raises(ValueError, match="is missing"):
        manifest_of(Genome({"engine.py": "pass"}))


VALUES = st.one_of(st.text(max_size=5), st.integers(), st.lists(st.text(max_size=5), max_size=3))


@given(st.dictionaries(st.sampled_from(["run", "build", "artefact", "language"]), VALUES), st.text(max_size=20))
def test_any_text_is_a_manifest_or_a_sentence(given: dict[str, Any], more: str) -> None:
    text = "\n".join(f"{key} = {value!a}" for key, value in given.items()) + more
    try:
        manifest = manifest_of(genome(text))
    except ValueError as error:
        said = str(error)
    else:
        said = MANIFEST if manifest.command and bool(manifest.building) == bool(manifest.artefact) else ""
    assert MANIFEST in said


# -- building --------------------------------------------------------------------------------------


class Compiler:
    """A bench whose programs end as they are told to."""

    def __init__(self, **ends: Any) -> None:
        self.ends: Mapping[str, Any] = {"status": "ok", "code": 0, "files": {"engine": b"\x7fELF"}, **ends}
        self.asked: list[tuple[Sequence[str], Mapping[str, Any]]] = []

    def run(self, argv: Sequence[str], limits: Any, **given: Any) -> Ran:
        self.asked.append((argv, given))
        return Ran(**self.ends)


def builder() -> Builder:
    return Builder(LIMIT, 10.0, 256, [HIDDEN])


def test_a_program_that_no_folder_would_hold_is_refused() -> None:
    compiler = Compiler(files={"engine": bytes(17 << 20)})
    with pytest.raises(Wrong, match=r"it has 17,825,792 bytes; 16,777,216 at most"):
        builder().contestant(genome(BUILT, engine_rs="fn main() {}"), compiler)


def test_what_is_built_is_built_once_and_its_sources_stay_away() -> None:
    made, compiler = builder(), Compiler()
    one, again = (made.contestant(genome(BUILT, engine_rs="fn main() {}"), compiler) for _ in range(2))
    assert one is again
    (asked,) = compiler.asked
    given = {"files": {"engine.rs": "fn main() {}"}, "keep": ["engine"], "hidden": (HIDDEN,)}
    assert asked == (["rustc", "engine.rs"], given), "what is hidden when it plays is hidden from its compiler"
    assert (one.argv, one.files, one.trusted) == (["./engine"], {"engine": b"\x7fELF"}, False)
    made.contestant(genome(BUILT, engine_rs="fn main() { }"), compiler)
    assert len(compiler.asked) == 2


def test_where_nothing_is_built_the_sources_are_the_program() -> None:
    compiler = Compiler()
    made = builder().contestant(genome(engine_py="pass"), compiler)
    assert (made.files, compiler.asked) == ({"engine.py": "pass"}, [])


@pytest.mark.parametrize(
    ("ends", "status", "said"),
    [
        ({"status": "timeout", "code": None}, "timeout", "more than 10 s"),
        (
            {"status": "crash", "code": 1, "stderr": b"warning: x\nerror[E0425]: no `y`\n\xff", "files": {}},
            "invalid",
            "no `y`",
        ),
        (
            {"status": "crash", "code": None, "reason": "it took too much memory", "files": {}},
            "invalid",
            "too much memory",
        ),
        ({"files": {}}, "invalid", "does not build"),
    ],
)
def test_what_does_not_build_has_its_reason(ends: Mapping[str, Any], status: str, said: str) -> None:
    compiler = Compiler(**ends)
    with pytest.raises(Wrong, match=said) as caught:
        builder().contestant(genome(BUILT, engine_rs=""), compiler)
    assert caught.value.status == status


# -- the gate --------------------------------------------------------------------------------------

COUNTS = {f"position fen {fen}": leaves for fen, _, leaves in PERFT}
KNOWS = f"import chess\nCOUNTS = {COUNTS!r}\n"
"""It has learnt the six counts by heart; what follows finds the others out."""


def learnt(best: str) -> Contestant:
    """It counts right, and does `best` with the `board` and whether it is in a game (`playing`)."""
    code = engine(
        f"""
if words[1] == 'perft':
    say('Nodes searched: %d' % COUNTS[position.strip()])
    continue
_, _, fen = position.strip().partition('fen ')
fen, playing, moves = fen.partition(' moves')
board = chess.Board(fen)
for move in moves.split():
    board.push_uci(move)
legal = [move.uci() for move in board.legal_moves]
{best}
""",
        KNOWS,
    )
    return Contestant("learnt", [sys.executable, "-I", "-c", code], LIMIT)


def refused(one: Contestant) -> Wrong:
    bench = PlainBench()
    with pytest.raises(Wrong) as caught:
        passed(one, bench, 3)  # type: ignore[arg-type]
    assert all(talk._process.poll() is not None for talk in bench.started)  # type: ignore[attr-defined]
    return caught.value


def test_one_that_plays_legal_moves_and_counts_right_passes() -> None:
    passed(learnt("say('bestmove ' + legal[0])"), PlainBench(), 3)  # type: ignore[arg-type]


def test_one_that_is_never_ready_soon_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_READY", 0.3)
    slow = contestant("a", engine("say('bestmove e2e4')", before="import time\ntime.sleep(0.4)\n"))
    with pytest.raises(Wrong, match=r"it takes 0\.[4-9] s to be ready for a game; 0\.3 s at most|it takes [1-9]"):
        gate.starting(slow, PlainBench())  # type: ignore[arg-type]


def test_its_start_is_the_least_of_some(monkeypatch: pytest.MonkeyPatch) -> None:
    spent, close = iter([1.0, 1.0, 0.25, 0.25, 0.5, 0.5]), Player.close  # each is closed twice
    monkeypatch.setattr(Player, "close", lambda self: (close(self), next(spent))[1])
    starting = gate.starting(contestant("a", engine("say('bestmove e2e4')")), PlainBench())  # type: ignore[arg-type]
    assert starting == 0.25


def test_a_wrong_count_is_refused_with_the_right_one() -> None:
    wrong = refused(contestant("a", engine("say('Nodes searched: 197282')")))
    assert wrong.status == "invalid"
    assert "197,282" in wrong.reason
    assert "197,281" in wrong.reason


def test_counts_that_never_come_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_PERFT_SECONDS", 0.3)
    wrong = refused(contestant("a", engine("say('bestmove e2e4')")))
    assert (wrong.status, "go perft" in wrong.reason) == ("timeout", True)


@pytest.mark.parametrize(
    ("best", "status", "said"),
    [
        ("say('bestmove e2e4')", "invalid", "'e2e4' is none in"),
        ("say('bestmove 0000')", "invalid", "'0000' is none in"),
        ("say('bestmove')", "invalid", "'' is none in"),
        ("os._exit(3)", "crash", "it ended instead of bestmove"),
        ("while True: out.write(b'x' * 65536)", "invalid", "more than"),
        (
            "say('bestmove ' + (legal[0] if not playing or len(moves) < 20 else 'a1a1'))",
            "invalid",
            "after 5 plies: 'a1a1'",
        ),
        ("say('bestmove ' + legal[0])\nif len(moves) > 20: os._exit(1)", "invalid", "it "),
    ],
)
def test_wrong_moves_are_refused_with_the_reason(best: str, status: str, said: str) -> None:
    wrong = refused(learnt(best))
    assert wrong.status == status
    assert said in wrong.reason


def test_one_that_is_late_is_refused() -> None:
    late = learnt("time.sleep(5)")
    one = Contestant("late", late.argv, Limit(movetime=1, patience=0.3))
    assert refused(one).status == "timeout"


@pytest.mark.parametrize("code", ["print('I am a chess engine')", "import sys; sys.exit(1)", "syntax error"])
def test_what_is_no_uci_engine_is_refused(code: str) -> None:
    wrong = refused(contestant("a", code))
    assert (wrong.status, "uciok" in wrong.reason or "ended" in wrong.reason) == ("crash", True)


def test_a_program_that_is_not_there_is_no_engine() -> None:
    assert "uciok" in refused(Contestant("a", argv_of("import os; os.execv('/bin/true', ['true'])"), LIMIT)).reason


def test_the_sample_is_large_legal_and_its_seeds_own() -> None:
    found = sampled(1)
    boards = [chess.Board(fen) for fen in found]
    assert len(found) == 200
    assert all(board.is_valid() and any(board.legal_moves) for board in boards)
    assert any(len(board.piece_map()) < 8 for board in boards)
    assert any(board.is_check() for board in boards)
    assert {board.turn for board in boards} == {chess.WHITE, chess.BLACK}
    assert found != sampled(2)
