"""Killed anywhere: SIGKILL at random moments, then `resume=`; `benchmarks/kills.py` does it 200 times."""

from __future__ import annotations

from pathlib import Path

from benchmarks.kills import kill_and_resume


def test_twenty_five_kills_change_nothing(tmp_path: Path) -> None:
    overrides = ["run.generations=16", "run.baselines=[]", "run.preflight=false"]
    found = kill_and_resume(tmp_path, 25, 7, overrides)
    assert found.faults == []
    assert found.kills == 25
    assert found.runs >= 2
