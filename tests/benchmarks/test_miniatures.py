"""The benchmarks work, and what they make is what they say; no test is timed."""

from __future__ import annotations

import math
from pathlib import Path

from benchmarks.engine_speed import Shape, paces, ratio
from benchmarks.make_ledger import make_ledger
from evolve.ledger import branches, journal
from evolve.ledger.repository import Repository
from evolve.report import Story, write_report


def test_a_made_ledger_is_a_real_one(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_ledger(tmp_path / name, 300, 10, seed=3, run="big")
    one, two = tmp_path / "one", tmp_path / "two"
    assert branches(one, "big") == branches(two, "big"), "equal seeds give equal ledgers"
    assert [e.key for e in journal(one, "big")] == [e.key for e in journal(two, "big")]
    assert Repository.open(one, create=False).git("fsck", "--full", "--no-dangling").strip() == ""
    story = Story.read(one, "big")
    assert len(story.seeds) == 10
    assert len(story.tries) >= 300
    assert story.kept
    assert story.failed
    assert any(len(t.parents) == 2 for t in story.tries)


def test_its_page_holds_nothing_alive(tmp_path: Path) -> None:
    make_ledger(tmp_path / "l", 300, 10, seed=3, run="big")
    write_report(tmp_path / "l", "big", tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert text.count("<script") == 3


def test_the_engine_s_pace_is_measured_against_the_peer_s() -> None:
    found = paces(Shape(attempts=200, lineages=5, rewrite=5), stretch=100, commits=5)
    assert len(found) == 2
    assert math.isfinite(ratio(found))
    assert ratio(found) > 0
