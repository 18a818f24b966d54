"""A miniature of the record in `benchmarks`: the seed against itself, in real games."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_the_seed_against_itself_is_not_kept_more_often_than_allowed_nor_refused() -> None:
    pytest.importorskip("evalica", reason="pip install -e '.[chess]'")
    for program, package in (("rustc", "cargo"), ("bwrap", "bubblewrap")):
        if shutil.which(program) is None:
            pytest.skip(f"apt-get install {package}")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chess_aa", "--matches", "3", "--most", "16", "--plies", "60"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    said = re.findall(r"^match \d: (\w+) after \d+ pairs", done.stdout, re.MULTILINE)
    assert len(said) == 3
    assert set(said) <= {"undecided", "discard", "keep"}, "refused or broken; keeps are counted by the program itself"
