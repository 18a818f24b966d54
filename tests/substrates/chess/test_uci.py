"""A talk with engines that don't keep to it: each ends by its fault, soon, and leaves no process."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from chess_players import alive, engine, player, scripted
from hypothesis import given
from hypothesis import strategies as st

from substrates.chess import uci
from substrates.chess.uci import Fault, Info, Limit, Reply

SOON = Limit(movetime=1, patience=0.4)
LONG = Limit(movetime=1, patience=30.0)
"""For faults that need no deadline to be seen: were one waited for, the test's own would be missed."""

START = "startpos"
HOSTILE = {
    "never answers": (engine("pass"), SOON, "late"),
    "answers too late": (engine("time.sleep(3)\nsay('bestmove e2e4')"), SOON, "late"),
    "ends in mid-move": (engine("os._exit(0)"), LONG, "crash"),
    "ends in mid-word": (engine("out.write(b'bestmo')\nout.flush()\nos._exit(1)"), LONG, "crash"),
    "closes its stdout": (engine("os.close(1)\ntime.sleep(60)"), LONG, "crash"),
    "floods, lines": (engine("while True: out.write(b'info depth 1 score cp 5\\n' * 2000)"), LONG, "flood"),
    "floods, empty lines": (engine("while True: out.write(b'\\n' * 65536)"), LONG, "flood"),
    "floods, no line": (engine("while True: out.write(b'info string ' + b'x' * 65536)"), LONG, "flood"),
    "floods what is no text": (engine("while True: out.write(b'\\xff\\x00' * 65536)"), LONG, "flood"),
    "drips": (engine("while True:\n    out.write(b'.')\n    out.flush()\n    time.sleep(0.05)"), SOON, "late"),
    "says it in a comment": (engine("say('info string bestmove e2e4')"), SOON, "late"),
}


def taken(go: str, limit: Limit = LONG) -> Reply:
    with player(engine(go)) as one:
        return one.go(START, limit)


@pytest.mark.parametrize("how", HOSTILE)
def test_it_ends_by_its_fault_and_soon(how: str) -> None:
    code, limit, kind = HOSTILE[how]
    token = f"token-{os.getpid()}-{abs(hash(how))}"
    with player(f"# {token}\n{code}") as one:
        began = time.monotonic()
        with pytest.raises(Fault) as caught:
            one.go(START, limit)
        assert time.monotonic() - began < 15.0
        assert caught.value.kind == kind
        assert caught.value.reason
    assert not alive(token)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("", "crash"),
        ("import time; time.sleep(60)", "late"),
        ("print('hello, I play chess'); import time; time.sleep(60)", "late"),
        ("while True: print('uci ok')", "flood"),
        ("import sys\nfor line in sys.stdin: print('uciok' if line == 'uci\\n' else 'no', flush=True)", "late"),
        ("import os, time; os.close(0); time.sleep(60)", "crash"),
    ],
)
def test_what_is_no_engine_is_known_by_its_handshake(code: str, kind: str) -> None:
    with player(code, shake=False) as one:
        if "close(0)" in code:
            time.sleep(1.0)  # else it may still be listening
        with pytest.raises(Fault) as caught:
            one.handshake({}, 20.0 if kind == "flood" else 1.5)
    assert caught.value.kind == kind


def test_one_that_does_not_read_is_late_where_its_pipe_is_full() -> None:
    with player(engine("time.sleep(60)")) as one:
        with pytest.raises(Fault):
            one.go(START, SOON)
        with pytest.raises(Fault, match="does not read") as caught:
            one.go("startpos moves " + "e2e4 " * 50_000, SOON)
    assert caught.value.kind == "late"


def test_one_that_has_ended_is_said() -> None:
    with player(engine("say('bestmove e2e4')\nos._exit(0)")) as one:
        assert one.go(START, LONG).move == "e2e4"
        time.sleep(0.5)
        with pytest.raises(Fault) as caught:
            one.go(START, LONG)
    assert caught.value.kind == "crash"


def test_one_that_stays_after_quit_is_ended() -> None:
    token = f"token-{os.getpid()}-stays"
    code = f"# {token}\nimport signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + engine("pass")
    with player(code + "while True: time.sleep(1)\n") as one:
        assert alive(token)
        one._say("quit", time.monotonic() + 5)
    assert not alive(token)


@pytest.mark.parametrize(
    ("said", "move"),
    [
        ("bestmove e2e4 ponder e7e5", "e2e4"),
        ("bestmove", ""),
        ("bestmove 0000", "0000"),
        ("bestmove (none)", "(none)"),
        ("  bestmove   e2e4\\r", "e2e4"),
        ("bestmovee2e4", ""),
    ],
)
def test_the_word_after_bestmove_is_the_move(said: str, move: str) -> None:
    assert taken(f"say('{said}')").move == move


def test_what_is_no_text_is_a_move_that_is_none() -> None:
    assert taken("out.write(b'\\xffinfo \\x00\\nbestmove \\xfe\\xff\\n')\nout.flush()").move == "\ufffd\ufffd"


def test_a_claim_is_read_and_believed_by_nobody_here() -> None:
    said = "say('info depth 9 seldepth 12 score mate -3 nodes 4567 pv e2e4')\nsay('info string depth 99 score cp 7')"
    assert taken(f"{said}\nsay('bestmove e2e4')").info == Info(9, 4567, -99_997)


@pytest.mark.parametrize("number", ["9" * 5000, "\u00b2", "\u0664", "-", "", "1e5"])
def test_a_count_that_is_no_number_is_passed_over(number: str) -> None:
    go = f"say('Nodes searched: ' + {number!a})\nsay('nodes searched : 20')"
    with player(engine(go)) as one:
        assert one.perft(START, 1, 30.0) == 20


def test_huge_numbers_in_what_it_claims_change_nothing() -> None:
    go = f"say('info depth {'9' * 4400} nodes {'9' * 4400} score cp {'9' * 4400}')\nsay('bestmove e2e4')"
    assert taken(go).info == Info()


WORDS = st.sampled_from(["info", "depth", "nodes", "score", "cp", "mate", "string", "lowerbound", "-3", "17", "\u00b2"])


@given(st.one_of(st.text(), st.lists(st.one_of(WORDS, st.text(max_size=5), st.integers().map(str))).map(" ".join)))
def test_no_line_breaks_the_reader(line: str) -> None:
    info = uci._read(line, Info(3, 5, 7))
    assert all(isinstance(value, int) for value in (info.depth, info.nodes, info.score))


@given(st.integers(-(10**14), 10**14))
def test_a_claimed_mate_is_worth_no_more_than_a_mate_and_goes_to_who_mates(n: int) -> None:
    score = uci._read(f"info score mate {n}", Info()).score
    assert score is not None
    assert abs(score) <= 100_000
    assert score * n >= 0


def test_moves_already_said_are_not_lost_between_commands() -> None:
    """Two answers in one breath: the second is for the second question."""
    with player(engine("if n == 1: say('bestmove e2e4\\nbestmove e7e5')")) as one:
        assert [one.go(START, LONG).move for _ in range(2)] == ["e2e4", "e7e5"]


def test_the_clock_counts_from_go() -> None:
    reply = taken("time.sleep(0.3)\nsay('bestmove e2e4')")
    assert 0.3 <= reply.seconds < 15.0


def test_the_command_says_what_a_move_may_take() -> None:
    assert (Limit(movetime=5).command, Limit(nodes=7).command) == ("go movetime 5", "go nodes 7")


def test_a_program_without_pipes_is_refused() -> None:
    class Silent:
        talk = None

        def stop(self) -> None: ...

    with pytest.raises(ValueError, match="talks=True"):
        uci.Player(Silent())


def test_scripted_engines_are_plain_programs() -> None:
    """What the other tests rest on."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", scripted("e2e4")], input=b"uci\ngo\ngo\n", capture_output=True, timeout=30
    )
    assert done.stdout.split(b"\n")[-3:-1] == [b"bestmove e2e4", b"bestmove 0000"]
