"""Which edits need no game: those after which an engine plays as before, no faster."""

from __future__ import annotations

import pytest

pytest.importorskip("evalica", reason="pip install -e '.[chess]'")

from chess_players import PlainBench, contestant, engine

from substrates.chess.sameness import same


def searcher(nodes: str = "N", move: str = "e2e4", score: str = "5") -> str:
    """It searches `nodes` nodes, N being what it was told or, in the time of a move, a thousand."""
    return engine(
        f"""
N = int(words[2]) if words[1] == "nodes" else 1000
timed = words[1] == "movetime"
say(f"info depth 3 nodes {{{nodes}}} score cp {{{score}}}")
say("bestmove " + {move!r})
"""
    )


PARENT = searcher()


@pytest.mark.parametrize(
    ("child", "alike"),
    [
        (PARENT + "# the same\n", True),
        (searcher(move="d2d4"), False),
        (searcher(score="6"), False),
        (searcher(score="6 if n > 90 and not timed else 5"), False),  # in a few positions only
        (searcher(nodes="N + 1"), False),
        (searcher(nodes="2 * N if timed else N"), False),  # the same search, twice as fast
        (searcher(nodes="N * 102 // 100 if timed else N"), True),
        (searcher(nodes="N // 2 if timed else N"), True),  # slower: nothing to win
        (engine("os._exit(0)"), False),  # what that is, its games tell
        (engine("say('bestmove e2e4')"), False),
    ],
)
def test_an_engine_needs_games_if_it_plays_otherwise_or_faster(child: str, alike: bool) -> None:
    bench = PlainBench()
    found = same(contestant("child", child), contestant("parent", PARENT), bench, 1)  # type: ignore[arg-type]
    assert bool(found) == alike
    assert not alike or "100 positions, and no faster" in found
    assert all(talk.stop() is None for talk in bench.started)


def test_a_parent_that_tells_no_nodes_is_met_in_games() -> None:
    silent = contestant("silent", engine("say('bestmove e2e4')"))
    assert same(silent, silent, PlainBench(), 1) == ""  # type: ignore[arg-type]
