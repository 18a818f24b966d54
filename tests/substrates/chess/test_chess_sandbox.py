"""Engines in the sandbox that a run uses: the seed passes, faults end soon, and the dishonest ones gain nothing."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import chess
import pytest
from chess_players import alive, engine

from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.substrate import Bench, Limits
from evolve.workers import LocalWorkers, RecordedBench
from substrates.chess import openings
from substrates.chess.engine import Builder, Contestant
from substrates.chess.game import Rules
from substrates.chess.gate import passed, starting
from substrates.chess.manifest import MANIFEST
from substrates.chess.match import Seats, Table
from substrates.chess.opponents import Opponents
from substrates.chess.sameness import OPENINGS, same
from substrates.chess.settings import ChessSettings, Ladder
from substrates.chess.substrate import Chess
from substrates.chess.uci import Fault, Limit, Player, plain

SEED = Path(__file__).parents[3] / "populations" / "chess" / "python" / "python"
LIMIT = Limit(movetime=5, patience=20.0)


@pytest.fixture(scope="module")
def domain() -> Chess:
    pytest.importorskip("evalica", reason="pip install -e '.[chess]'")
    chosen = Chess(ChessSettings(engine="python", ladder=Ladder.none, referee=0, movetime=5, audits=2))
    chosen.admit({"python": Genome({p.name: p.read_text(encoding="utf-8") for p in SEED.glob("engine.*")})})
    return chosen


@pytest.fixture(scope="module")
def held(domain: Chess) -> Iterator[Bench]:
    """A slot in the sandbox."""
    if shutil.which("bwrap") is None:
        pytest.skip("apt-get install bubblewrap")
    workers = LocalWorkers(1, sandbox="bwrap")
    with RecordedBench(domain, workers, {}, lambda key, case, outcome: None).lease() as bench:
        yield bench
    workers.close()


@pytest.fixture(scope="module")
def dishonest(domain: Chess, held: Bench) -> Mapping[str, Contestant]:
    """The controls by name, as the domain would seat them, with time enough for a busy machine."""
    return {
        c.name: replace(domain._builder.contestant(c.genome, held), limit=LIMIT)
        for c in domain.controls()
        if c.genome is not None
    }


def sandboxed(code: str, patience: float = 20.0, token: str = "") -> Contestant:
    argv = [sys.executable, "-I", "-S", "-B", "engine.py", *([token] if token else [])]
    return Contestant("hostile", argv, Limit(movetime=1, patience=patience), files={"engine.py": code})


def moves_of(bench: Bench, one: Contestant, count: int = 6) -> list[str]:
    return moves_by(one.seated(bench, 120.0), count)


def moves_by(player: Player, count: int = 6) -> list[str]:
    """Of both sides; then it is ended."""
    try:
        player.new_game(20.0)
        board, said = chess.Board(), list[str]()
        for _ in range(count):
            said.append(player.go(f"fen {chess.STARTING_FEN} moves {' '.join(said)}".strip(), LIMIT).move)
            board.push_uci(said[-1])
        return said
    finally:
        player.close()


def test_the_seed_in_python_passes_the_gate(domain: Chess, held: Bench) -> None:
    seed = domain._seeds["python"]
    passed(replace(domain._builder.contestant(seed, held), limit=LIMIT), held, 1)


HOSTILE = {
    "never answers": ("time.sleep(600)", 0.5, "late"),
    "ends": ("os._exit(0)", 20.0, "crash"),
    "floods": ("while True: out.write(b'x' * 65536)", 20.0, "flood"),
    "starts others and ends": (
        "if os.fork():\n    os._exit(0)\nos.setsid()\nos.close(0)\nos.close(1)\nos.close(2)\ntime.sleep(600)",
        20.0,
        "crash",
    ),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_fault_in_the_sandbox_ends_soon_and_leaves_no_process(how: str, held: Bench) -> None:
    go, patience, kind = HOSTILE[how]
    token = f"token-{os.getpid()}-{kind}-{len(go)}"
    player = sandboxed(engine(go), patience, token).seated(held, 120.0)
    try:
        assert alive(token)
        began = time.monotonic()
        with pytest.raises(Fault) as caught:
            player.go("startpos", Limit(movetime=1, patience=patience))
        assert (caught.value.kind, time.monotonic() - began < 15.0) == (kind, True)
    finally:
        player.close()
    assert not alive(token)


def test_what_is_no_engine_leaves_no_process_either(held: Bench) -> None:
    token = f"token-{os.getpid()}-none"
    with pytest.raises(Fault) as caught:
        sandboxed("while True: print('I am a chess engine')", token=token).seated(held, 120.0)
    assert caught.value.kind == "flood"
    assert not alive(token)


def test_a_program_that_is_not_there_is_a_fault(held: Bench) -> None:
    with pytest.raises(Fault) as caught:
        Contestant("none", ["./engine"], LIMIT).seated(held, 60.0)
    assert caught.value.kind == "crash"


def test_a_pair_of_hostile_engines_is_decided(held: Bench) -> None:
    """White's crash comes first in both games: a point each."""
    one, other = sandboxed(engine("os._exit(1)")), replace(sandboxed(engine("os._exit(1)")), name="another")
    pair = Table(Rules()).pair(Seats(held), one, other, chess.STARTING_FEN)
    assert [(g.result, g.end) for g in pair.games] == [("0-1", "crash"), ("0-1", "crash")]
    assert (pair.points, pair.void) == (0.5, False)


def test_an_engine_is_built_there_and_its_sources_are_gone(held: Bench) -> None:
    """By a compiler of three lines, into a program that says in its name what lies beside it."""
    code = engine("say('bestmove e2e4')").replace('"id name scripted"', '"id name " + " ".join(sorted(os.listdir()))')
    manifest = 'build = ["python", "make.py"]\nartefact = "engine"\nrun = ["./engine"]\n'
    make = f"open('engine', 'w').write({f'#!{sys.executable}{chr(10)}{code}'!r})"
    made = Builder(LIMIT, 30.0, 256, []).contestant(Genome({MANIFEST: manifest, "make.py": make}), held)
    player = made.seated(held, 60.0)
    try:
        assert player.handshake({}, 20.0) == "engine"
        assert player.go("startpos", LIMIT).move == "e2e4"
    finally:
        player.close()


def test_the_seed_in_rust_is_built_and_passes_the_gate(held: Bench) -> None:
    if shutil.which("rustc") is None:
        pytest.skip("apt-get install cargo")
    folder = SEED.parents[1] / "rust" / "rust"
    genome = Genome({p.name: p.read_text(encoding="utf-8") for p in folder.glob("engine.*")})
    passed(Builder(LIMIT, 120.0, 512, []).contestant(genome, held), held, 1)


@pytest.mark.parametrize(
    ("name", "needs", "remark", "tempo"),
    [
        ("python", "python3", "# no more\n", ("TEMPO = 10", "TEMPO = 11")),
        ("rust", "rustc", "// no more\n", ("TEMPO: i32 = 10", "TEMPO: i32 = 11")),
    ],
)
def test_a_remark_changes_nothing_that_a_seed_plays_and_a_point_for_the_move_does(
    name: str, needs: str, remark: str, tempo: tuple[str, str], held: Bench
) -> None:
    if shutil.which(needs) is None:
        pytest.skip("apt-get install cargo")
    folder = SEED.parents[1] / name / name
    seed = Genome({p.name: p.read_text(encoding="utf-8") for p in folder.glob("engine.*")})
    source = next(path for path in seed if path != MANIFEST)
    twin, other = (Genome({**seed, source: text}) for text in (seed[source] + remark, seed[source].replace(*tempo)))
    builder = Builder(Limit(movetime=10, patience=1.0), 120.0, 512, [])
    parent, same_one, other_one = (builder.contestant(genome, held) for genome in (seed, twin, other))
    drawn = openings.drawn(openings.load(None).played, 1, OPENINGS)
    assert any(same(same_one, parent, held, drawn, 6.0) for _ in range(4)), "a busy machine may hide it now and then"
    assert not any(same(other_one, parent, held, drawn, 6.0) for _ in range(2))


def test_a_built_program_is_kept_until_newer_ones_need_its_place(held: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("substrates.chess.engine._KEPT", 2)
    builder = Builder(LIMIT, 30.0, 256, [])
    manifest = 'build = ["python", "make.py"]\nartefact = "engine"\nrun = ["./engine"]\n'
    one, two, three = (Genome({MANIFEST: manifest, "make.py": f"open('engine', 'w').write('{n}')"}) for n in range(3))
    first = builder.contestant(one, held)
    builder.contestant(two, held)
    assert builder.contestant(one, held) is first
    assert builder.contestant(three, held).files == {"engine": b"2"}
    assert builder.contestant(one, held) is not first
    assert builder.contestant(one, held).files == first.files


TOO_MUCH = {
    "memory": "held = bytearray(400 << 20); held[::4096] = b'x' * len(held[::4096]); say('bestmove e2e4')",
    "threads": "[threading.Thread(target=time.sleep, args=(600,), daemon=True).start() for _ in range(64)]",
    "another process": "os.fork() or time.sleep(600)",
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_an_engine_that_takes_too_much_of_the_machine_has_crashed(what: str, held: Bench) -> None:
    """256 MB, one process and 8 threads are its own: CPU time of a child could be hidden from the kernel's account."""
    token = f"token-{os.getpid()}-{what.replace(' ', '-')}"
    one = replace(sandboxed(engine(TOO_MUCH[what], before="import threading\n"), token=token), memory_mb=256)
    player = one.seated(held, 120.0)
    try:
        with pytest.raises(Fault) as caught:
            player.go("startpos", replace(LIMIT, patience=60.0))
        assert caught.value.kind == "crash"
    finally:
        player.close()
    assert not alive(token)


def test_stockfish_on_a_rung_meets_the_seed_and_stockfish_judges(held: Bench, domain: Chess) -> None:
    try:
        ours = Opponents(ChessSettings(referee=500))
    except UsageError:
        pytest.skip("apt-get install stockfish")
    assert ours.ladder is not None
    seed = replace(domain._builder.contestant(domain._seeds["python"], held), limit=LIMIT)
    weakest = min(ours.ladder.rungs.values(), key=lambda rung: rung.elo).name
    table = Table(Rules(begin=20, every=2), ours.referees)
    with Seats(held) as seats:
        pair = table.pair(seats, seed, ours.ladder.contestants[weakest], chess.STARTING_FEN)
        again = table.pair(seats, seed, ours.ladder.contestants["n5000"], chess.STARTING_FEN)
    for game in (*pair.games, *again.games):
        assert not game.fault, game.reason
        assert game.end in ("checkmate", "stalemate", "material", "repetition", "fifty moves", "length", "referee")
    assert (pair.first.white, pair.second.black) == (seed.name, seed.name)
    assert pair.first.processor[1] == 0.0, "a rung lives on for the next game"
    assert pair.first.processor[0] > 0.0
    assert again.points == 0.0, "the strongest rung beats a small engine in Python at 5 ms a move"
    assert again.first.end in ("referee", "checkmate")


def test_pairs_are_played_on_two_slots_at_once(domain: Chess) -> None:
    """Each engine waits for a while on every move, so that one slot alone would have all the pairs to itself."""
    if shutil.which("bwrap") is None:
        pytest.skip("apt-get install bubblewrap")
    one, other = (replace(sandboxed(SHUFFLES.replace("BURNS", "False")), name=name) for name in ("one", "other"))
    openings = [chess.STARTING_FEN, *(chess.STARTING_FEN.replace("0 1", f"{n} 1") for n in (1, 2, 3))]
    threads: list[int] = []
    workers = LocalWorkers(2, sandbox="bwrap")
    bench = RecordedBench(domain, workers, {}, lambda key, case, outcome: None)
    table = Table(Rules(), told=lambda pair: threads.append(threading.get_ident()))
    pairs = table.pairs(bench, one, lambda k: other, openings, at_once=2)
    workers.close()
    assert [pair.opening for pair in pairs] == openings
    assert {game.end for pair in pairs for game in pair.games} == {"repetition"}
    assert (len(threads), len(set(threads))) == (4, 2)


# -- the controls ----------------------------------------------------------------------------------


def test_one_that_looks_for_stockfish_finds_nothing(held: Bench, dishonest: Mapping[str, Contestant]) -> None:
    """It plays what the random one plays, move for move; outside the sandbox it does find one, where there is one."""
    seeker = dishonest["cheat: looks for stockfish on this machine"]
    random = moves_of(held, dishonest["worse: plays at random"])
    assert moves_of(held, seeker) == random
    if shutil.which("/usr/games/stockfish"):
        assert moves_by(Player(plain([sys.executable, "-I", "-c", str(seeker.files["engine.py"])]))) != random


NEIGHBOUR = """
import os, sys
for folder in (".", "/tmp", "/dev/shm"):
    open(os.path.join(folder, "mine"), "w").write("x" * 1000)
for line in sys.stdin:
    print(*(os.path.getsize(os.path.join(folder, "mine")) for folder in (".", "/tmp", "/dev/shm")), flush=True)
"""


BRUTAL = """
import glob
others = os.path.join('/proc', '[0-9]*')
seen = [os.path.join(others, 'cwd', '*'), os.path.join(others, 'root', 'tmp', '*'), os.path.join('/tmp', '*')]
for place in [place for pattern in seen for place in glob.glob(pattern)]:
    try:
        os.truncate(place, 0)
    except OSError:
        pass
say('bestmove e2e4')
"""


def test_one_that_spoils_its_neighbours_scratch_reaches_none_of_it(
    held: Bench, dishonest: Mapping[str, Contestant]
) -> None:
    """On the same slot, by the same user, at the same time; nor does one that tries every file it can name."""
    brutal = sandboxed(engine(BRUTAL))
    limits = Limits(120.0, memory_mb=256, processes=8, file_mb=16, scratch_mb=32)
    running = held.start(
        [sys.executable, "-I", "-S", "-B", "neighbour.py"], limits, files={"neighbour.py": NEIGHBOUR}, talks=True
    )
    neighbour = Player(running)
    try:
        for _ in range(2):
            neighbour._say("sizes?", time.monotonic() + 20)
            assert next(neighbour._lines(time.monotonic() + 20, "sizes")) == "1000 1000 1000"
            assert len(moves_of(held, dishonest["cheat: writes into its neighbour's scratch"], 3)) == 3
            assert len(moves_of(held, brutal, 1)) == 1
    finally:
        neighbour.close()


DESKS = """
import os, subprocess, sys
for name in ("evolve-trial-own", "evolve-trial-other", "desk"):
    os.mkdir("/tmp/" + name)
    open(f"/tmp/{name}/file", "w").write("x" * 1000)
open("/tmp/file", "w").write("x" * 1000)
near = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd="/tmp/desk")
engine = [sys.executable, "-I", os.path.abspath("engine.py")]
subprocess.run(engine, input=b"go\\n", cwd="/tmp/evolve-trial-own", check=True)
near.kill()
print(*(os.path.getsize(f"/tmp/{name}file") for name in ("", "desk/", "evolve-trial-own/", "evolve-trial-other/")))
"""


def test_without_a_sandbox_only_trials_are_spoiled(held: Bench, dishonest: Mapping[str, Contestant]) -> None:
    """Such a machine is played here inside one: its other files, and where its people work, stay as they are."""
    files = {**dishonest["cheat: writes into its neighbour's scratch"].files, "desks.py": DESKS}
    limits = Limits(60.0, memory_mb=512, processes=16)
    ran = held.run([sys.executable, "-I", "-B", "desks.py"], limits, files=files)
    assert ran.ok, ran.stderr
    assert ran.stdout.split()[-4:] == [b"1000", b"1000", b"1000", b"0"]


BARE = "rnbqkbnr/pppppppp/8/8/8/8/8/4K3 w kq - 0 20"
"""White has lost all, late in a game: who stalls then, stalls; who crashes when it loses, crashes."""


@pytest.mark.parametrize(
    ("name", "end"), [("cheat: stalls to the flag", "late"), ("cheat: crashes when it loses", "crash")]
)
def test_who_stalls_or_crashes_has_lost(name: str, end: str, held: Bench, dishonest: Mapping[str, Contestant]) -> None:
    one = dishonest[name]
    if end == "late":
        one = replace(one, limit=replace(LIMIT, patience=1.0))
    game = Table(Rules()).pair(Seats(held), one, dishonest["worse: plays at random"], BARE).first
    assert (game.result, game.end) == ("0-1", end)


def test_who_claims_a_mate_gets_none(held: Bench, dishonest: Mapping[str, Contestant]) -> None:
    one, other = dishonest["cheat: claims a mate"], dishonest["worse: plays at random"]
    pair = Table(Rules(plies=6, begin=0, every=1)).pair(
        Seats(held), one, replace(other, name="other"), chess.STARTING_FEN
    )
    assert [g.end for g in pair.games] == ["length", "length"]
    assert pair.first.plies[0].info.score == 99_999


SHUFFLES = """
import sys, threading, time
def burn():
    while True: pass
for line in sys.stdin:
    words = line.split()
    if words[0] == "uci": print("uciok")
    elif words[0] == "isready": print("readyok")
    elif words[0] == "position": played = len(words) - words.index("moves") - 1
    elif words[0] == "go":
        if BURNS and threading.active_count() == 1: threading.Thread(target=burn, daemon=True).start()
        time.sleep(0.2)
        print("bestmove", ("g1f3", "g8f6", "f3g1", "f6g8")[played % 4])
    sys.stdout.flush()
"""


def test_what_an_engine_computes_while_the_other_has_the_move_is_seen(held: Bench) -> None:
    """By the kernel's account of its program; how much of that is too much is tested by figures."""
    spent = {}
    for burns in (False, True):
        one, other = (sandboxed(SHUFFLES.replace("BURNS", str(burning))) for burning in (burns, False))
        other = replace(other, name="other")
        (pair,) = Table(Rules()).pairs(held, one, lambda k, other=other: other, [chess.STARTING_FEN])
        assert [game.end for game in pair.games] == ["repetition", "repetition"]
        assert pair.first.processor[1] + pair.second.processor[0] < 0.3
        spent[burns] = pair.first.processor[0] + pair.second.processor[1]
    assert spent[False] < 0.3
    assert spent[True] > 2 * spent[False] + 0.1
    assert starting(one, held) < 0.3
