"""The benchmarks in miniature: they run, and what they say means something. Nothing is timed against a promise."""

from __future__ import annotations

import math
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.engine_speed import Pace, Shape, flatness, paces, ratio
from benchmarks.finance_speed import agreement, ours
from benchmarks.make_ledger import ANSI, MARKUP, main, make_ledger
from benchmarks.profile_run import table
from evolve.ledger import attempts, branches, genome_of, journal, runs
from evolve.ledger.repository import Repository
from evolve.population import read_seeds
from evolve.report import Story
from substrates.finance.desk import text_of
from substrates.finance.market import load_panel

ATTEMPTS, LINEAGES = 300, 10


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "made.git"
    make_ledger(path, ATTEMPTS, LINEAGES, 0, "one")
    return path


def test_a_made_ledger_reads_like_a_run(ledger: Path) -> None:
    story = Story.read(ledger, "one")
    verdicts = Counter(t.verdict for t in story.tries)
    assert len(story.tries) == ATTEMPTS
    assert set(verdicts) == {"keep", "discard", "undecided", "crash", "timeout", "refused", "invalid"}
    assert len(branches(ledger, "one")) == len(story.seeds) == LINEAGES
    assert any(len(t.parents) == 2 for t in story.tries), "no crossover"
    assert len({t.hypothesis for t in story.tries}) > ATTEMPTS / 2
    assert story.findings is not None
    assert set(story.baselines) == {"frozen"}
    assert story.seconds > 0
    assert len(story.best) == story.generations


def test_git_finds_no_fault_with_it(ledger: Path) -> None:
    done = subprocess.run(["git", "fsck", "--full", "--strict"], cwd=ledger, capture_output=True, text=True)
    assert done.returncode == 0
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith(("notice: ", "dangling "))]
    assert said == []


def test_it_holds_what_is_hostile(ledger: Path) -> None:
    kept = [r for r in attempts(ledger, "one") if r.trailers["Status"] == "keep"]
    texts = ["".join(genome_of(ledger, r.commit).values()) for r in kept]
    for hostile in (MARKUP, ANSI):
        assert any(hostile in text for text in texts), repr(hostile)
    assert any(MARKUP in r.subject for r in kept)
    assert any(ANSI in e.value["rewrite"]["hypothesis"] for e in journal(ledger, "one") if e.kind == "verdict")


def test_it_has_the_kinds_of_entries_that_a_run_has(ledger: Path) -> None:
    kinds = Counter(e.kind for e in journal(ledger, "one"))
    assert set(kinds) == {"run", "seed", "rewrite", "outcome", "bout", "verdict", "checkpoint", "ending", "findings"}


def test_equal_seeds_make_equal_ledgers_and_others_do_not(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shape = ["--attempts", str(ATTEMPTS), "--lineages", str(LINEAGES), "--run", "one"]
    refs = Repository.open(ledger, create=False).refs("refs/")
    main([str(tmp_path / "same.git"), *shape])
    assert f"{ATTEMPTS} attempts of {LINEAGES} lineages" in capsys.readouterr().out
    assert Repository.open(tmp_path / "same.git", create=False).refs("refs/") == refs
    main([str(tmp_path / "other.git"), *shape, "--seed", "1"])
    others = Repository.open(tmp_path / "other.git", create=False).refs("refs/")
    assert set(others) == set(refs)
    assert not set(others.values()) & set(refs.values())


def test_two_runs_share_a_ledger(tmp_path: Path) -> None:
    for seed, run in enumerate(("first", "second")):
        make_ledger(tmp_path / "l.git", 20, 4, seed, run)
    assert set(runs(tmp_path / "l.git")) == {"first", "second"}


@pytest.mark.parametrize("durable", [False, True])
def test_the_engine_is_timed_beside_its_peer(durable: bool) -> None:
    found = paces(Shape(200, 20, 20, durable), 60, 2)
    assert sum(p.attempts for p in found) <= 200
    assert len(found) == 3
    figures = [*ratio(found), *flatness(found), *(p.rate for p in found), *(p.cost for p in found)]
    assert all(math.isfinite(figure) and figure > 0 for figure in figures)


def test_ratios_are_of_pairs() -> None:
    found = [Pace(100, 1.0, 0.5, 0.1, 0.05), Pace(100, 2.0, 1.0, 0.4, 0.1), Pace(100, 4.0, 1.0, 0.1, 0.1)]
    assert ratio(found) == (10.0, 10.0)
    assert flatness(found) == (0.5, 1.0)


def test_the_finance_way_is_walked_anew_each_time() -> None:
    text = text_of(read_seeds("pkg://populations.finance")["momentum"]) or ""
    one, two = (ours(load_panel(), text) for _ in range(2))
    assert np.array_equal(one.net, two.net)
    assert one.weights.shape == load_panel().prices.shape
    assert not np.shares_memory(one.weights, two.weights)
    alike = agreement(one.net, two.net)
    assert alike.holds
    assert alike.ours == alike.theirs
    assert not agreement(one.net, one.net + 1e-5).holds


def test_a_profile_names_the_two_largest() -> None:
    said = table({("signals", "walk"): 3.0, ("ledger", "walk"): 1.0, ("imports", "start"): 2.0})
    assert [line.split()[0] for line in said[1:5]] == ["signals", "imports", "ledger", "all"]
    assert said[-1] == "the two largest: signals (50 %), imports (33 %)"
