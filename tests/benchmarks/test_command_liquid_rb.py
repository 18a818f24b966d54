"""The repository of Ruby's liquid: it measures, its check and its hidden check know right from wrong."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from substrates.command.parsers import read

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "command_liquid_rb"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("ruby") is None:
        pytest.skip("Ruby's liquid is not installed: apt-get install ruby ruby-liquid")
    folder = tmp_path_factory.mktemp("liquid_rb")
    done = subprocess.run(["bash", SCRIPTS / "make_repository.sh", folder], capture_output=True, text=True)
    if done.returncode == 2:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return folder


def ran(place: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([script], cwd=place / "liquid", capture_output=True, text=True, timeout=60)


def test_the_unmodified_gem_measures_and_is_right(place: Path) -> None:
    assert read("metric", "render_ms", ran(place, "./measure.sh").stdout).primary > 0
    assert ran(place, "./check.sh").returncode == 0
    hidden = ran(place, str(place / "hidden" / "audit.sh"))
    assert hidden.returncode == 0, hidden.stderr
    assert read("metric", "render_ms", hidden.stdout).primary > 0
    status = subprocess.run(["git", "status", "--porcelain"], cwd=place / "liquid", capture_output=True, check=True)
    assert status.stdout == b""


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("lib/liquid/standardfilters.rb", "input.to_s.upcase", "input.to_s"),
        ("lib/liquid/condition.rb", "left.include?(right)", "!left.include?(right)"),
    ],
)
def test_a_wrong_gem_is_found(place: Path, file: str, before: str, after: str) -> None:
    path = place / "liquid" / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    try:
        checked, measured = ran(place, "./check.sh"), ran(place, "./measure.sh")
    finally:
        path.write_text(text, encoding="utf-8")
    assert checked.returncode == 1
    assert "differ" in checked.stderr
    assert (measured.returncode, measured.stdout) == (1, "")
