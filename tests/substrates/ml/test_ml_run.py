"""A short night of training as a person starts it, and the mistakes that people make."""

from __future__ import annotations

import csv
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from evolve.errors import UsageError
from substrates.ml import substrate
from substrates.ml.settings import MLSettings

ROOT = Path(__file__).parents[3]
SHORT = (
    "+domain=ml",
    "substrate.seconds=4",
    "substrate.windows=12",
    "substrate.context=64",
    "substrate.audits=2",
    "substrate.device=cpu",
    "substrate.constants={CONTEXT: 64}",
    "population.copies=2",
    "selection.rewrite=2",
    "acceptance.bouts=2",
    "run.generations=1",
    "run.preflight=false",
    "run.name=short",
    "hydra.run.dir=out",
)


def evolve(folder: Path, *args: str, code: int = 0) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "evolve", *args], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def write_text(folder: Path) -> Path:
    """Sentences with a pattern that is learnt within a second."""
    words = random.Random(0)
    folder.mkdir()
    for number in range(40):
        lines = [f"the {words.choice('abcdef')} sat on the {words.choice('uvwxyz')}\n" for _ in range(400)]
        (folder / f"{number}.txt").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    pytest.importorskip("torch", reason="pip install -e '.[ml]'")
    folder = tmp_path_factory.mktemp("night")
    write_text(folder / "text")
    return folder, evolve(folder, *SHORT, "substrate.text=text", "tracker=tensorboard")


def test_it_says_what_came_of_it(night: tuple[Path, str]) -> None:
    _, said = night
    assert "sandbox: " in said
    assert "text that nobody chose by" in said or "No evidence of a gain" in said


def test_the_columns_are_those_that_people_know(night: tuple[Path, str]) -> None:
    folder, _ = night
    with open(folder / "out" / "results.tsv", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file, delimiter="\t"))
    assert header == ["commit", "val_bpb", "memory_gb", "status", "description"]
    assert len(rows) == 2
    scored = [row for row in rows if row[1]]
    assert all(0 < float(row[1]) < 8 and float(row[2]) > 0 for row in scored)


def test_trainings_leave_curves(night: tuple[Path, str]) -> None:
    folder, _ = night
    assert list((folder / "out" / "tensorboard").rglob("events.out.tfevents.*"))


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("substrate.text=nowhere", "text='nowhere' isn't there"),
        ("substrate.text=empty", "empty"),
        ("substrate.text=latin", "UTF-8"),
        ("substrate.text=tiny", "bytes"),
        ("substrate.tokens=words", "words"),
        ("substrate.seconds=0", "seconds=0"),
        ("substrate.constants={DEEP: 3}", "DEEP"),
        ("substrate.device=cuda", "no GPU"),
        ("population.path=untrained ~substrate.constants.CONTEXT", "does not define train"),
        ("clock=cpu_5min", "cpu_5min"),
        ("substrate.audits=1", "substrate.audits=1 means nothing: give 2 or more"),  # an interval needs two
        ("clock=gpu_5min substrate.device=cuda", "no GPU here. Train on the CPU: clock=cpu_30s"),
    ],
)
def test_one_clear_sentence(tmp_path: Path, mistake: str, said: str) -> None:
    pytest.importorskip("torch", reason="pip install -e '.[ml]'")
    (tmp_path / "empty").mkdir()
    (tmp_path / "latin").mkdir()
    (tmp_path / "latin" / "a.txt").write_bytes("Stra\xdfe".encode("latin-1") * 1000)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "a.txt").write_text("hello")
    (tmp_path / "untrained" / "one").mkdir(parents=True)
    (tmp_path / "untrained" / "one" / "train.py").write_text("class Model: ...\n")
    out = evolve(tmp_path, *SHORT, *mistake.split(), code=2)
    assert said in out
    assert "Traceback" not in out
    assert not (tmp_path / "lineages.git").exists()


def test_without_torch_the_install_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(substrate.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install -e '\.\[ml\]'"):
        substrate.ML(MLSettings())
