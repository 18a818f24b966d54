"""The summary's form, a genome's name in git, and the accelerator's name and peak."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.errors import BadInput
from trainer.genome import identity, read
from trainer.outputs import Told, summary
from trainer.result import Result
from trainer.utilisation import device_name, mfu, peak_flops

# -- the summary -----------------------------------------------------------------------------------


@given(
    st.floats(0, 1e3),
    st.floats(0, 1e6),
    st.integers(0, 2**53),
    st.none() | st.floats(0, 1),
    st.none() | st.integers(-(2**31), 2**31),
)
def test_each_line_of_a_summary_is_a_key_and_a_number(
    score: float, seconds: float, count: int, used: float | None, depth: int | None
) -> None:
    result = Result("ok", bits_per_byte=score, training=seconds, tokens=count, steps=count, parameters=count)
    first, *lines = summary(Told(result, "a" * 40, depth, used)).splitlines()
    found = {key: float(value) for key, value in (line.split(":") for line in lines)}
    assert first == "---"
    assert found["val_bpb"] == pytest.approx(score, abs=1e-6)
    assert found["num_steps"] == count
    assert found["total_tokens_M"] == pytest.approx(count / 1e6, abs=1e-3)
    assert (
        math.isnan(found["mfu_percent"])
        if used is None
        else found["mfu_percent"] == pytest.approx(100 * used, abs=0.01)
    )
    assert found.get("depth") == depth


# -- a genome --------------------------------------------------------------------------------------


NAMES = st.sampled_from(["a.py", "b.py", "a/b.py", "a-b/c.py", "a/b/c.py", "ab/c.py", "z.py", "é.py"])


@settings(max_examples=12)
@given(st.dictionaries(NAMES, st.text(max_size=20), max_size=8))
def test_its_name_is_the_one_that_git_gives(tmp_path_factory: pytest.TempPathFactory, more: dict[str, str]) -> None:
    files = {"train.py": "x = 1\n", **more}
    folder = tmp_path_factory.mktemp("genome")
    git = ["git", "-C", str(folder), "-c", "core.autocrlf=false", "-c", "core.safecrlf=false"]
    subprocess.run([*git, "init", "-q"], check=True)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
    subprocess.run([*git, "add", "-A"], check=True)

    def said(*asked: str) -> str:
        return subprocess.run([*git, *asked], check=True, capture_output=True, text=True).stdout.strip()

    assert identity(files, alone=False) == said("write-tree")
    assert identity(files, alone=True) == said("hash-object", "train.py")


def test_a_folder_is_its_python_files(tmp_path: Path) -> None:
    for path in ("train.py", "parts/model.py", "notes.md", ".hidden/x.py", "parts/__pycache__/model.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path, encoding="utf-8")
    assert read(tmp_path) == {"train.py": "train.py", "parts/model.py": "parts/model.py"}
    assert read(tmp_path / "parts" / "model.py") == {"train.py": "parts/model.py"}
    with pytest.raises(BadInput, match=r"has no train\.py"):
        read(tmp_path / "parts")


# -- the accelerator -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H100 NVL", 836e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA A100 80GB PCIe", 312e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA GeForce RTX 4090", 165.2e12),
        ("NVIDIA GeForce RTX 4090 D", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA GeForce GTX 1080", None),
        ("Intel(R) Xeon(R) Processor", None),
        ("cpu", None),
        ("", None),
    ],
)
def test_peaks(name: str, peak: float | None) -> None:
    assert peak_flops(name) == peak


def test_utilisation_is_what_was_needed_over_what_there_was() -> None:
    result = Result("ok", training=10.0, tokens=1_000_000, flops_per_token=989e6)
    assert mfu(result, "NVIDIA H200") == pytest.approx(0.1)
    assert mfu(result, None) is None
    assert mfu(result, "cpu") is None
    assert mfu(Result("ok", training=10.0, tokens=5), "NVIDIA H200") is None
    assert mfu(Result("crash"), "NVIDIA H200") is None


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that stands for the driver's own, and says what it was asked."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\necho "NVIDIA H200"\necho "NVIDIA L4"\necho "$@" >"$0.asked"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tool


def test_the_driver_says_the_name(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_name() == "NVIDIA H200"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    assert device_name() == "NVIDIA H200"
    assert "--id=3" in Path(f"{driver}.asked").read_text()


@pytest.mark.parametrize("none", ["", "-1"])
def test_an_accelerator_that_may_not_be_used_is_none(driver: Path, none: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
    assert device_name() is None


def test_no_driver_is_no_accelerator(driver: Path) -> None:
    driver.write_text("#!/bin/sh\nexit 9\n")
    assert device_name() is None
    driver.unlink()
    assert device_name() is None
