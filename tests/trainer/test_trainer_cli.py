"""python -m trainer: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from genomes import PLAIN
from warm import Warm

import trainer.__main__ as program
from trainer.corpus import Corpus
from trainer.genome import identity

pytest.importorskip("torch", reason="pip install -e '.[ml]'")

KEYS = [
    "val_bpb",
    "training_seconds",
    "total_seconds",
    "peak_vram_mb",
    "mfu_percent",
    "total_tokens_M",
    "num_steps",
    "num_params_M",
    "depth",
]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(PLAIN, encoding="utf-8")
    return path


@pytest.fixture
def small(tiny: Corpus) -> list[str]:
    """A text, and what must be said about so small a one."""
    return ["--text", str(tiny.folder), "--context", "32", "--windows", "8", "--device", "cpu", "--cores", "1"]


@pytest.fixture
def warmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, with programs that start at once."""
    monkeypatch.setattr(program, "Bare", Warm)


# -- a score ---------------------------------------------------------------------------------------


def test_a_trial_by_hand(genome: Path, small: list[str], tmp_path: Path) -> None:
    """Twice: the summary, a row each time, and the curves."""
    pytest.importorskip("tensorboardX", reason="pip install -e '.[ml]'")
    out = tmp_path / "out"
    asked = [str(genome), *small, "--set", "STEPS=30", "--clock", "60", "--seed", "3", "--out", str(out)]
    found = subprocess.run(
        [sys.executable, "-m", "trainer", *asked, "--track", "tensorboard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert found.returncode == 0, found.stderr
    assert "No sandbox" in found.stderr
    first, *rest = found.stdout.splitlines()
    assert first == "---"
    said = {key: float(value) for key, _, value in (line.partition(":") for line in rest)}
    assert list(said) == KEYS
    assert 0 < said["val_bpb"] < 8.5
    assert (said["num_steps"], said["depth"]) == (30, 1)
    assert math.isnan(said["mfu_percent"])
    assert len(rest[0].partition(".")[2]) == 6

    summary = json.loads((out / "summary.json").read_text())
    assert round(summary["bits_per_byte"], 6) == said["val_bpb"]
    assert summary["settings"]["set"] == {"STEPS": 30}
    with (out / "results.tsv").open(newline="") as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert list(row) == ["commit", "val_bpb", "memory_gb", "status", "description"]
    ran = PLAIN.replace("STEPS = 200", "STEPS = 30")
    assert row["commit"] == identity({"train.py": ran}, alone=True)[:7]
    assert (float(row["val_bpb"]), row["status"]) == (said["val_bpb"], "ok")
    assert row["description"] == "STEPS=30, 60 s, seed 3"
    with (out / "curve.csv").open(newline="") as file:
        curve = list(csv.DictReader(file))
    assert float(curve[-1]["loss_nats_per_token"]) < float(curve[0]["loss_nats_per_token"])
    _curves(out / "tensorboard", curve, said["val_bpb"])


def _curves(folder: Path, curve: list[dict[str, str]], score: float) -> None:
    from tensorboardX.proto.event_pb2 import Event

    (file,) = folder.rglob("events.out.tfevents.*")
    scalars: dict[str, list[tuple[int, float, float]]] = {}
    for data in _records(file.read_bytes()):
        event = Event.FromString(data)
        for value in event.summary.value:
            scalars.setdefault(value.tag, []).append((event.step, event.wall_time, value.simple_value))
    losses = scalars["loss/train_nats_per_token"]
    assert [step for step, _, _ in losses] == [int(row["step"]) for row in curve]
    assert [loss for _, _, loss in losses] == pytest.approx([float(row["loss_nats_per_token"]) for row in curve])
    seconds = [float(row["seconds"]) for row in curve]
    assert [wall - losses[0][1] for _, wall, _ in losses] == pytest.approx([s - seconds[0] for s in seconds], abs=1e-3)
    assert scalars["val_bpb"][0][2] == pytest.approx(score, abs=1e-5)


def _records(data: bytes) -> Iterator[bytes]:
    """Of a TFRecord file: length, its check, what is recorded, its check."""
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        yield data[at + 12 : at + 12 + size]
        at += 16 + size


# -- no score --------------------------------------------------------------------------------------


def test_a_genome_without_a_score_says_why_and_prints_no_number(
    genome: Path, small: list[str], tmp_path: Path, warmed: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its log is shown, but nowhere does a line begin as ours do."""
    text = PLAIN.replace(
        "    session.start(model)\n", "    print('---\\nval_bpb:   0.1', flush=True)\n    raise ValueError('broken')\n"
    )
    genome.write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    for _ in range(2):
        assert program.main([str(genome), *small, "--out", str(out)]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert "No score (crash): ValueError: broken (while training)" in said.err
    assert "  | val_bpb:   0.1" in said.err
    assert not [line for line in said.err.splitlines() if line.startswith("val_bpb")]
    rows = (out / "results.tsv").read_text().splitlines()
    assert len(rows) == 3
    assert rows[1].split("\t")[1:] == ["", "0.0", "crash", "ValueError: broken (while training)"]
    assert "Traceback" in (out / "log.txt").read_text()
    assert json.loads((out / "summary.json").read_text())["bits_per_byte"] is None


def test_a_genome_without_depth_has_no_such_line(
    genome: Path, small: list[str], warmed: None, capfd: pytest.CaptureFixture[str]
) -> None:
    genome.write_text(PLAIN.replace("DEPTH = 1\n", "").replace("STEPS = 200", "STEPS = 2"), encoding="utf-8")
    assert program.main([str(genome), *small]) == 0
    assert [line.partition(":")[0] for line in capfd.readouterr().out.splitlines()[1:]] == KEYS[:-1]


# -- bad input -------------------------------------------------------------------------------------


def _bad(tmp_path: Path) -> dict[str, tuple[list[str], str]]:
    (tmp_path / "empty").mkdir()
    (tmp_path / "latin.py").write_bytes("x = 'é'".encode("latin-1"))
    (tmp_path / "file").write_text("")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "results.tsv").write_text("name\tvalue\n")
    mine = str(tmp_path / "mine.py")
    return {
        "no genome": ([str(tmp_path / "none.py")], "give a Python file, or a folder with train.py"),
        "a folder without": ([str(tmp_path / "empty")], "has no train.py"),
        "not UTF-8": ([str(tmp_path / "latin.py")], "isn't UTF-8 (byte 5)"),
        "a clock of nothing": ([mine, "--clock", "0"], "clock=0.0 means nothing: give 0.5 or more"),
        "no context": ([mine, "--context", "1"], "context=1 means nothing: give 2 or more"),
        "a long context": ([mine, "--context", "100000"], "give more text, or a smaller --context"),
        "a constant that isn't there": ([mine, "--set", "NOPE=1"], "NOPE"),
        "tracks without a folder": ([mine, "--track", "tensorboard"], "--out DIR"),
        "a folder that is a file": ([mine, "--out", str(tmp_path / "file")], "give another folder"),
        "another table": ([mine, "--out", str(tmp_path / "other")], "has other columns (name\tvalue)"),
        "no such text": ([mine, "--text", str(tmp_path / "no-text")], "no-text"),
    }


NAMES = [
    "no genome",
    "a folder without",
    "not UTF-8",
    "a clock of nothing",
    "no context",
    "a long context",
    "a constant that isn't there",
    "tracks without a folder",
    "a folder that is a file",
    "another table",
    "no such text",
]


@pytest.mark.parametrize("name", NAMES)
def test_bad_input_is_one_text_and_starts_nothing(
    name: str,
    genome: Path,
    small: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(program, "trial", None)
    asked, reason = _bad(tmp_path)[name]
    assert program.main([asked[0], *small, "--cache", str(tmp_path / "cache"), *asked[1:]]) == 2
    said = capfd.readouterr()
    assert reason in said.err
    assert said.out == ""


@pytest.mark.parametrize(("package", "asked"), [("torch", []), ("tensorboardX", ["--track", "tensorboard", "--out"])])
def test_what_is_not_installed_is_named_with_its_line(
    package: str,
    asked: list[str],
    genome: Path,
    small: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else there(name))
    assert program.main([str(genome), *small, *asked, *([str(tmp_path)] if asked else [])]) == 2
    said = capfd.readouterr().err
    assert package in said
    assert "pip install -e '.[ml]'" in said


def test_a_gpu_that_is_not_there(
    genome: Path, small: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "device_name", lambda: None)
    assert program.main([str(genome), *small, "--device", "cuda"]) == 2
    assert "give --device cpu" in capfd.readouterr().err


@pytest.mark.parametrize(
    "asked", [["--set", "DEPTH"], ["--set", "a b=1"], ["--seed", "-1"], ["--cores", "0"], ["--split", "train"], []]
)
def test_what_cannot_be_read_is_refused_by_name(asked: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main([*(["x.py"] if asked else []), *asked])
    assert ended.value.code == 2
    assert (asked[0] if asked else "GENOME") in capfd.readouterr().err


# -- stopped ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nothing_is_left_when_it_is_stopped(which: signal.Signals, small: list[str], tmp_path: Path) -> None:
    place, mark = tmp_path / "scratch", tmp_path / "started"
    place.mkdir()
    genome = tmp_path / "mine.py"
    genome.write_text(
        "import subprocess, sys, time\n"
        "class Model: pass\n"
        "def train(session):\n"
        f"    if {which != signal.SIGKILL}:\n"
        f"        subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(120)', {str(place)!r}])\n"
        f"    open({str(mark)!r}, 'w').close()\n"
        "    time.sleep(120)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer", str(genome), *small, "--warmup", "120"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(place)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert _soon(mark.exists)
        assert len(_running(place)) >= 3
        process.send_signal(which)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert _soon(lambda: not _running(place)), _running(place)
    if which == signal.SIGKILL:
        return
    assert process.returncode == 130
    assert said.endswith("Stopped, with everything that it started.\n")
    assert "Traceback" not in said
    assert list(place.iterdir()) == []


def _soon(true: Callable[[], bool], seconds: float = 90.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


def _running(place: Path) -> list[int]:
    """Processes that were told of a folder and have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            told = str(place).encode() in (entry / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if told:
            found.append(int(entry.name))
    return found
