"""The seed engines: the rules to the last node, legal answers in time, and numbers that may be anything."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import pytest

from evolve.genome import Genome

chess = pytest.importorskip("chess", reason="pip install -e '.[chess]'")

SEEDS = Path(__file__).parents[2] / "populations" / "chess"
DEBIAN = {"PATH": "/usr/bin:/bin"}  # whose compiler is the oldest that the engine must build with
WAIT = 30.0  # seconds for an answer that takes none: the machine may be busy
MOVETIME = {"rust": 5, "python": 20}

# Where known: the number of lines of 1, 2, … plies.
PERFT = {
    chess.STARTING_FEN: [20, 400, 8902, 197281],
    "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1": [48, 2039, 97862, 4085603],
    "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1": [14, 191, 2812, 43238, 674624],
    "r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1": [6, 264, 9467, 422333],
    "rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8": [44, 1486, 62379, 2103487],
    "r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10": [46, 2079, 89890, 3894594],
}
DEEPEST = {"rust": 5, "python": 3}

MATES_IN_1 = [
    "6k1/5ppp/8/8/8/8/8/R3K3 w Q - 0 1",
    "7k/5Q2/6K1/8/8/8/8/8 w - - 0 1",
    "r1bqkb1r/pppp1ppp/2n2n2/4p2Q/2B1P3/8/PPPP1PPP/RNB1K1NR w KQkq - 4 4",
    "4k3/8/8/8/8/8/r6r/5K2 b - - 0 1",
    "k7/2P5/1K6/8/8/8/8/8 w - - 0 1",
]


class Engine:
    """A running engine and its lines, read by a thread so that waiting has an end."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={})
        self._lines: Queue[str] = Queue()
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.decode().strip())

    def send(self, *lines: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self.process.stdin.flush()

    def until(self, start: str, seconds: float = WAIT) -> list[str]:
        """All lines up to the first that starts so."""
        found = []
        while not found or not found[-1].startswith(start):
            found.append(self._lines.get(timeout=seconds))
        return found

    def silent(self, seconds: float) -> bool:
        """Has it no more to say than `info`?"""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                if not self._lines.get(timeout=left).startswith("info"):
                    return False
            except Empty:
                break
        return True

    def best(self, position: str, go: str) -> tuple[str, list[str]]:
        self.send(f"position {position}", f"go {go}")
        lines = self.until("bestmove")
        return lines[-1].split()[1], lines[:-1]

    def perft(self, position: str, depth: int) -> tuple[dict[str, int], int]:
        self.send(f"position {position}", f"go perft {depth}")
        lines = self.until("Nodes searched: ")
        moves = dict(line.split(": ") for line in lines[:-1] if line)
        return {move: int(count) for move, count in moves.items()}, int(lines[-1].split(": ")[1])

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait(WAIT)
        self.process.stdin.close()


def built(language: str, folder: Path, genome: Genome | None = None) -> list[str]:
    """The command that starts it, as its manifest says; the folder holds what that needs."""
    seed = SEEDS / language / language
    files = genome or Genome({path.name: path.read_text() for path in seed.iterdir() if path.is_file()})
    for name, text in files.items():
        (folder / name).write_text(text)
    manifest = tomllib.loads(files["engine.toml"])
    if manifest["build"]:
        if not all(Path("/usr/bin", program).exists() for program in ("rustc", "cargo")):
            pytest.skip("apt-get install cargo")
        subprocess.run(manifest["build"], cwd=folder, env=DEBIAN, check=True, timeout=300)
        assert (folder / manifest["artefact"]).is_file()
    first, *rest = manifest["run"]
    return [sys.executable, "-I", *rest] if first == "python" else [first, *rest]


@pytest.fixture(scope="module", params=["rust", "python"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str], Path]:
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, built(request.param, folder), folder


@pytest.fixture
def language(made: tuple[str, list[str], Path]) -> str:
    return made[0]


@pytest.fixture
def engine(made: tuple[str, list[str], Path]) -> Iterator[Engine]:
    running = Engine(made[1], made[2])
    yield running
    running.close()


def sampled(count: int, seed: int) -> list[chess.Board]:
    """Positions by random play, with something to play on each."""
    rng = random.Random(seed)
    found: list[chess.Board] = []
    while len(found) < count:
        board = chess.Board()
        for _ in range(rng.randint(4, 120)):
            if board.is_game_over():
                break
            board.push(rng.choice(list(board.legal_moves)))
        if any(board.legal_moves):
            found.append(board)
    return found


def divided(board: chess.Board) -> dict[str, int]:
    """Replies to each move, by python-chess."""
    found = {}
    for move in list(board.legal_moves):
        board.push(move)
        found[move.uci()] = board.legal_moves.count()
        board.pop()
    return found


def is_legal(board: chess.Board, text: str) -> bool:
    return chess.Move.from_uci(text) in board.legal_moves


# -- the rules -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fen", PERFT)
def test_perft_of_the_six_positions(engine: Engine, language: str, fen: str) -> None:
    for depth, nodes in enumerate(PERFT[fen][: DEEPEST[language]], 1):
        moves, total = engine.perft(f"fen {fen}", depth)
        assert total == nodes == sum(moves.values())
        assert set(moves) == {move.uci() for move in chess.Board(fen).legal_moves}


def test_every_move_has_as_many_replies_as_python_chess_finds(engine: Engine) -> None:
    for board in sampled(60, seed=7):
        assert engine.perft(f"fen {board.fen()}", 2)[0] == divided(board), board.fen()


def test_a_game_given_by_moves_is_the_game_given_by_fen(engine: Engine) -> None:
    for board in sampled(20, seed=8):
        moves = " ".join(move.uci() for move in board.move_stack)
        assert engine.perft(f"startpos moves {moves}", 1) == engine.perft(f"fen {board.fen()}", 1)


@pytest.mark.parametrize(
    "fen",
    [
        "8/8/8/K2pP2r/8/8/8/7k w - d6 0 2",  # taking in passing opens the rank
        "4k3/8/8/8/8/8/8/R3K2R w KQkq - 0 1",  # rights of a side without rooks
        "r3k2r/8/8/8/8/8/8/4K3 b kq - 0 1",
        "1r2k3/8/8/8/8/8/8/R3K3 w Q - 0 1",  # an attacked b1 does not matter
        "4k3/P6P/8/8/8/8/p6p/4K3 b - - 0 1",
        "8/8/8/8/8/8/8/K1k5 w - - 99 200",
        "4k3/8/8/8/4P3/8/8/4K3 b - e3 0 1",  # nobody can take there
        "R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1",  # 218 moves
    ],
)
def test_odd_positions(engine: Engine, fen: str) -> None:
    board = chess.Board(fen)
    assert engine.perft(f"fen {fen}", 2)[0] == divided(board)
    best, _ = engine.best(f"fen {fen}", "depth 2")
    assert is_legal(board, best)


# -- what it plays -------------------------------------------------------------------------------


def test_the_best_move_is_legal(engine: Engine, language: str) -> None:
    for board in sampled(60, seed=9):
        best, _ = engine.best(f"fen {board.fen()}", f"movetime {MOVETIME[language]}")
        assert is_legal(board, best), board.fen()


def test_no_time_at_all_is_enough_for_a_legal_move(engine: Engine) -> None:
    limits = ("movetime 0", "movetime 1", "nodes 0", "nodes 1", "depth 0", "wtime 1 btime 1", "wtime -5 btime -5")
    for board, go in zip(sampled(len(limits), seed=10), limits, strict=True):
        best, _ = engine.best(f"fen {board.fen()}", go)
        assert is_legal(board, best), go


@pytest.mark.parametrize("fen", MATES_IN_1)
def test_mate_in_one(engine: Engine, fen: str) -> None:
    board = chess.Board(fen)
    best, info = engine.best(f"fen {fen}", "depth 3")
    board.push_uci(best)
    assert board.is_checkmate()
    assert " score mate 1 " in info[-1]


def test_being_mated_is_said_in_moves(engine: Engine) -> None:
    _, info = engine.best("fen 7k/8/6K1/8/8/8/8/1R6 b - - 0 1", "depth 4")
    assert " score mate -1 " in info[-1]


@pytest.mark.parametrize("fen", ["R5k1/5ppp/8/8/8/8/8/4K3 b - - 0 1", "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1"])
def test_without_a_legal_move_it_answers_0000(engine: Engine, fen: str) -> None:
    assert engine.best(f"fen {fen}", "movetime 50")[0] == "0000"


def test_fifty_moves_are_a_draw(engine: Engine) -> None:
    _, info = engine.best("fen 7k/8/8/8/8/8/R7/K7 w - - 99 80", "depth 3")
    assert " score cp 0 " in info[-1]


def test_a_repetition_is_a_draw(engine: Engine) -> None:
    fen = "7k/5K2/R7/8/8/8/8/1N6 b - - 0 1"  # the black king has one move each time
    _, once = engine.best(f"fen {fen}", "depth 1")
    _, again = engine.best(f"fen {fen} moves h8h7 b1a3 h7h8 a3b1", "depth 1")
    assert " score cp 0 " not in once[-1]
    assert " score cp 0 " in again[-1]


def test_a_game_against_itself_ends(engine: Engine, language: str) -> None:
    board = chess.Board()
    while board.outcome(claim_draw=True) is None:
        moves = " ".join(move.uci() for move in board.move_stack)
        best, _ = engine.best(f"startpos moves {moves}", f"movetime {MOVETIME[language]}")
        assert is_legal(board, best), board.fen()
        board.push_uci(best)
        assert len(board.move_stack) < 600


# -- the talk ------------------------------------------------------------------------------------


def test_the_handshake(engine: Engine) -> None:
    engine.send("uci", "isready")
    assert {line.split()[0] for line in engine.until("uciok")} >= {"id", "uciok"}
    engine.until("readyok")


def test_an_iteration_is_reported_and_its_line_can_be_played(engine: Engine) -> None:
    best, info = engine.best("startpos", "depth 3")
    assert [line.split()[:3] for line in info] == [["info", "depth", str(i)] for i in (1, 2, 3)]
    words = info[-1].split()
    assert [word for word in words if word.isalpha() and word not in ("info", "cp")] == [
        "depth", "score", "nodes", "nps", "time", "pv",
    ]  # fmt: skip
    line = words[words.index("pv") + 1 :]
    board = chess.Board()
    for move in line:
        board.push_uci(move)
    assert line[0] == best


def test_the_same_nodes_give_the_same_answer(engine: Engine) -> None:
    answers = set()
    for _ in range(2):
        engine.send("ucinewgame")
        best, info = engine.best("startpos moves e2e4 c7c5", "nodes 3000")
        nodes = [int(line.split(" nodes ")[1].split()[0]) for line in info]
        assert max(nodes) <= 3000
        answers.add((best, *nodes))
    assert len(answers) == 1


@pytest.mark.parametrize("go", ["movetime 200", "wtime 1000 btime 1000", "wtime 2000 btime 2000 movestogo 10"])
def test_the_clock_is_kept(engine: Engine, go: str) -> None:
    begun = time.monotonic()
    engine.best("startpos", go)
    assert time.monotonic() - begun < 5  # the machine may be busy


def test_a_search_without_end_waits_for_stop(engine: Engine) -> None:
    for fen in (chess.STARTING_FEN, MATES_IN_1[0]):
        engine.send(f"position fen {fen}", "go infinite")
        assert engine.silent(0.5)
        engine.send("isready")
        engine.until("readyok")
        engine.send("stop")
        assert is_legal(chess.Board(fen), engine.until("bestmove")[-1].split()[1])


@pytest.mark.parametrize("said", [[], ["position startpos", "go infinite"]], ids=["idle", "busy"])
@pytest.mark.parametrize("end", ["end of input", "quit"])
def test_the_process_ends(engine: Engine, said: list[str], end: str) -> None:
    assert engine.process.stdin is not None
    engine.send("isready", *said)
    engine.until("readyok")
    if end == "quit":
        engine.send("quit")
    else:
        engine.process.stdin.close()
    assert engine.process.wait(WAIT) == 0


def test_odd_input_is_ignored(engine: Engine) -> None:
    assert engine.process.stdin is not None
    odd = [
        "", "  ", "xyzzy", "position", "position fen", "position fen 8/8/8/8/8/8/8/8 w - - 0 1", "position here",
        "position fen P6k/8/8/8/8/8/8/K7 w - - 0 1", "position fen 7k/7R/8/8/8/8/8/K7 w - - 0 1",
        "position startpos moves e2e5", "position startpos moves 0000", "position fen 9/8/8/8/8/8/8/8 w",
        "position startpos moves e2e4x", "setoption", "setoption name Hash value many", "setoption name Hash value 1",
        "stop", "ponderhit", "debug on", "register later", "go perft x", f"position fen {'k' * 5000}",
    ]  # fmt: skip
    engine.send(*odd)
    engine.process.stdin.write(b"\xff\xfe\x00 go\n")
    engine.send("isready")
    engine.until("readyok")
    best, _ = engine.best("startpos", f"depth 2 movetime {10**30} {'9' * 5000} --3 nodes")
    assert is_legal(chess.Board(), best)


# -- its numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["rust", "python"])
@pytest.mark.parametrize("wild", ["on", "huge"])
def test_any_value_of_a_marked_number_leaves_it_legal(language: str, wild: str, tmp_path: Path) -> None:
    pytest.importorskip("tree_sitter", reason="pip install -e '.[code]'")
    from evolve.mutators.genetic.marks import marks

    seed = SEEDS / language / language
    found = marks(Genome({path.name: path.read_text() for path in seed.iterdir() if path.is_file()}))
    names = [number.name for number in found.all]
    assert len(set(names)) == len(names) >= 30
    rng = random.Random(11)
    values = {
        "on": [number.value if number.whole else 1.0 for number in found.all],
        "huge": [rng.choice([-1, 1]) * 10.0 ** rng.randint(0, 9) for _ in found.all],
    }
    genome = found.put(values[wild])
    assert genome is not None
    engine = Engine(built(language, tmp_path, genome), tmp_path)
    try:
        for board in sampled(8, seed=12):
            for go in (f"movetime {MOVETIME[language]}", "depth 3 movetime 2000"):
                best, _ = engine.best(f"fen {board.fen()}", go)
                assert is_legal(board, best), board.fen()
        for fen in MATES_IN_1 if wild == "on" else ():
            best, info = engine.best(f"fen {fen}", "depth 4")
            assert " score mate 1 " in info[-1]
    finally:
        engine.close()
