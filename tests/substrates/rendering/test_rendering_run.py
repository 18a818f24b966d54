"""A short night of an engine, as a person starts it: run, look, run a claim again, take the champion home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evolve.ledger import attempts

ROOT = Path(__file__).parents[3]
SHORT = (
    "+domain=rendering",
    "substrate.task=canvas",
    "substrate.jobs=1",
    "substrate.gate=5",
    "substrate.audits=2",
    "population.copies=2",
    "selection.rewrite=2",
    "run.generations=2",
    "run.baselines=[]",
    "run.preflight=false",
    "run.name=short",
)


def evolve(folder: Path, *args: str, code: int = 0) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "evolve", *args], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    if shutil.which("valgrind") is None:
        pytest.skip("apt-get install valgrind")
    folder = tmp_path_factory.mktemp("night")
    return folder, evolve(folder, *SHORT)


def test_it_says_how_it_is_boxed_and_what_came_of_it(night: tuple[Path, str]) -> None:
    _, said = night
    assert "sandbox: " in said
    assert "jobs that nobody saw" in said or "No evidence of a gain" in said


def test_a_recorded_trial_of_a_program_holds_when_it_is_run_again(night: tuple[Path, str]) -> None:
    folder, _ = night
    tried = [a for a in attempts(folder / "lineages.git", "short") if a.trailers["Status"] != "seed"]
    assert len(tried) >= 3
    for one in tried[:2]:
        assert "holds" in evolve(folder, "replay", one.commit)


def test_a_champion_is_taken_home(night: tuple[Path, str]) -> None:
    folder, _ = night
    evolve(folder, "export", "canvas-1", "--to", "champion")
    assert (folder / "champion" / "engine.py").exists()
    scene = '{"width": 2, "height": 1, "background": [1, 2, 3], "shapes": []}'
    drawn = f"import sys, json; sys.path.insert(0, '.'); from engine import draw; print(draw(json.loads('{scene}')))"
    done = subprocess.run([sys.executable, "-c", drawn], cwd=folder / "champion", capture_output=True, text=True)
    assert "\\x01\\x02\\x03\\x01\\x02\\x03" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("substrate.task=svg", "there is no such"),
        ("genome.include=[nothing.py]", "leave nothing"),
        ("substrate.measure=speed", "substrate.measure"),
        ("substrate.job_seconds=0", "substrate.job_seconds=0"),
    ],
)
def test_one_clear_sentence(tmp_path: Path, mistake: str, said: str) -> None:
    out = evolve(tmp_path, *SHORT, mistake, code=2)
    assert said in out
    assert "Traceback" not in out
    assert not (tmp_path / "lineages.git").exists()
