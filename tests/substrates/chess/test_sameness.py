"""Which edits need no game: those after which an engine plays as before, no faster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import chess
import pytest

pytest.importorskip("evalica", reason="pip install -e '.[chess]'")

from chess_players import PlainBench, argv_of, engine

from evolve.substrate import Limits
from substrates.chess.engine import Contestant
from substrates.chess.sameness import _differs_in_time, same
from substrates.chess.uci import Info, Limit, Reply, Talk

OPENINGS = [chess.STARTING_FEN] * 12
MOVE = 0.03  # seconds, some more than the engines below take
LOOK = 7.2  # enough for forty positions


def searcher(nodes: str = "N", score: str = "5", shuffle: str = "g1f3 g8f6 f3g1 f6g8") -> str:
    """It moves knights to and fro. `nodes`: those it claims, N being what it was told or, in the time of a move, 1000;
    `k`: moves that were played before."""
    return engine(
        f"""
k = len(position.partition(" moves ")[2].split())
timed = words[1] == "movetime"
N = 1000 if timed else int(words[2])
time.sleep(0.025 if timed else 0.003 if N < 1024 else 0.035)
say(f"info depth 3 nodes {{{nodes}}} score cp {{{score}}}")
say("bestmove " + {shuffle!r}.split()[k % 4])
"""
    )


def seat(code: str) -> Contestant:
    return Contestant("one", argv_of(code), Limit(movetime=round(1e3 * MOVE), patience=10.0))


PARENT = searcher()


@pytest.mark.parametrize(
    ("child", "alike"),
    [
        (PARENT + "# the same\n", True),
        (searcher(nodes="N // 2 if timed else N"), True),
        (searcher(shuffle="b1c3 g8f6 c3b1 f6g8"), False),
        (searcher(score="6"), False),
        (searcher(score="6 if k == 9 else 5"), False),  # late in a game
        (searcher(score="6 if position.count('g1f3') > 2 else 5"), False),  # by what was there before
        (searcher(nodes="N + 1"), False),
        (engine("os._exit(0)"), False),  # what that is, its games tell
        (engine("say('bestmove 0000')"), False),
    ],
)
def test_an_engine_that_plays_otherwise_needs_games(child: str, alike: bool) -> None:
    bench = PlainBench()
    found = same(seat(child), seat(PARENT), bench, OPENINGS, LOOK)  # type: ignore[arg-type]
    assert bool(found) == alike
    assert not alike or "40 positions, and no faster" in found
    assert all(talk._process.poll() is not None for talk in bench.started), "nobody is left"  # type: ignore[attr-defined]


def test_a_parent_without_legal_moves_is_met_in_games() -> None:
    odd = seat(searcher(shuffle="e1e2 e1e2 e1e2 e1e2"))
    assert same(odd, odd, PlainBench(), OPENINGS, LOOK) == ""  # type: ignore[arg-type]


def test_a_program_that_stalls_is_given_a_few_times_what_looking_takes() -> None:
    class Watched(PlainBench):
        lives: list[float]

        def start(self, argv: Sequence[str], limits: Limits, **more: Any) -> Talk:
            self.lives = [*getattr(self, "lives", []), limits.seconds]
            return super().start(argv, limits, **more)

    bench = Watched()
    same(seat(searcher(score="6")), seat(PARENT), bench, OPENINGS, LOOK)  # type: ignore[arg-type]
    assert bench.lives
    assert max(bench.lives) <= 4 * LOOK


def test_too_few_positions_tell_nothing() -> None:
    assert same(seat(PARENT), seat(PARENT), PlainBench(), OPENINGS, LOOK - 0.2) == ""  # type: ignore[arg-type]


def replies(seconds: float, depth: int = 8) -> list[Reply]:
    """Answers after about so long, in some moves a little deeper."""
    return [Reply("e2e4", seconds * (1 + 0.02 * (k % 5 - 2)), Info(depth + k % 2, 1000, 5)) for k in range(100)]


def in_time(
    nodes: tuple[list[Reply], list[Reply]] | None = None, time: tuple[list[Reply], list[Reply]] | None = None
) -> bool:
    """Of child and parent, who are the same where nothing is said."""
    pairs = [list(zip(*(given or (replies(0.008), replies(0.008))), strict=True)) for given in (nodes, time)]
    return _differs_in_time(*pairs, move=0.010)


def test_who_differs_in_time_only_needs_games() -> None:
    usual = replies(0.008)
    assert not in_time()
    assert in_time(nodes=(replies(0.007), usual)), "the same search, an eighth faster"
    assert not in_time(nodes=(replies(0.0095), usual)), "slower: nothing to win"
    assert in_time(time=(replies(0.0095), usual)), "it uses more of its time"
    assert in_time(time=(replies(0.0065), usual)), "and less: which mends who comes late"
    assert in_time(time=(replies(0.008, 9), usual)), "deeper by the clock"


def test_a_parent_whose_answers_come_late_may_have_been_mended() -> None:
    late = [replace(reply, seconds=0.02) if k % 6 == 0 else reply for k, reply in enumerate(replies(0.008))]
    assert in_time(time=(replies(0.008), late))


def test_nodes_that_are_none_tell_nothing() -> None:
    """Searches that end early whatever they are told are the same for every edit that shows deeper."""
    assert in_time(nodes=(replies(0.001, 3), replies(0.001, 3)))


def test_a_hiccup_of_the_machine_is_no_difference() -> None:
    hiccup = [replace(reply, seconds=0.05) if k == 7 else reply for k, reply in enumerate(replies(0.008))]
    for one, other in ((hiccup, replies(0.008)), (replies(0.008), hiccup)):
        assert not in_time(time=(one, other))
        assert not in_time(nodes=(one, other))
