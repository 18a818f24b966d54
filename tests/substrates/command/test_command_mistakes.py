"""Bad input: each refused in one sentence before anything is spent, and the repository as it was."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plain_bench import SMALL, git, repository, state_of, write

from evolve.__main__ import main
from evolve.config import AcceptanceSettings, Settings
from evolve.errors import UsageError
from evolve.preflight import preflight
from evolve.substrate import GenomeSettings
from evolve.workers import LocalWorkers
from substrates.command.settings import CommandSettings
from substrates.command.substrate import Command

GOOD = CommandSettings(
    measure="./measure.sh", check="./check.sh", metric="lines", direction="lower", seconds=20, pairs=2
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return repository(tmp_path / "small", SMALL)


def refused(settings: CommandSettings, genome: GenomeSettings | None = None) -> str:
    with pytest.raises(UsageError) as raised:
        Command(settings).seeds(genome or GenomeSettings())
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"repository": ""}, "substrate.repository is not set. Name a git repository: substrate.repository=PATH."),
        ({"repository": "gone"}, "substrate.repository=gone is no git repository. Name the folder of one, or make it"),
        ({"repository": "."}, "substrate.repository=. is no git repository."),
        ({"repository": "small/measure.sh"}, "substrate.repository=small/measure.sh is no git repository."),
        ({"repository": "small/src"}, "substrate.repository=small/src is a folder inside the repository"),
        ({"repository": "file:///gone/at/all.git"}, "substrate.repository=file:///gone/at/all.git cannot be cloned:"),
        ({"commit": "0" * 40}, f"substrate.repository=small has no commit '{'0' * 40}'."),
        ({"measure": None}, "substrate.measure is not set, and the repository has no .auto/measure.sh."),
        ({"measure": "./gone.sh"}, "substrate.measure=./gone.sh: the repository has no file './gone.sh'. Commit it."),
        ({"measure": "X=1 ./gone.sh"}, "the repository has no file './gone.sh'. Commit it."),
        ({"measure": "sh gone.sh"}, "substrate.measure=sh gone.sh: the repository has no file 'gone.sh'. Commit it."),
        ({"measure": "no-such-tool x"}, "there is no program 'no-such-tool' on the PATH. Install it."),
        ({"measure": "./README.md"}, "./README.md is not executable. Commit it so (git update-index --chmod=+x), or"),
        ({"measure": "echo 'x"}, "substrate.measure=echo 'x is no shell command (No closing quotation)."),
        ({"measure": " "}, "substrate.measure is empty. Give a shell command."),
        ({"check": "./gone.sh"}, "substrate.check=./gone.sh: the repository has no file './gone.sh'."),
        ({"metric": None}, "substrate.metric is not set. Name what the measuring command reports,"),
        (
            {"direction": None},
            "substrate.direction is not given: nobody says whether a lower or a higher lines is better.",
        ),
        ({"direction": "down"}, "substrate.direction=down is unknown. Give one of: lower, higher."),
        ({"format": "xml"}, "substrate.format=xml is unknown. Give one of: auto, metric, hyperfine,"),
        ({"scale": "cubic"}, "substrate.scale=cubic is unknown. Give one of: log, plain."),
        ({"seconds": 0.0}, "substrate.seconds=0.0 means nothing: give a number above 0."),
        ({"grace": -1.0}, "substrate.grace=-1.0 means nothing: give 0 or more seconds."),
        ({"pairs": 0}, "substrate.pairs=0 means nothing: give a number above 0."),
        ({"saturation": 2.0}, "substrate.saturation=2.0 is no fraction: give 0.01 for one percent."),
        ({"target": float("nan")}, "substrate.target=nan can never be reached: give a finite number."),
        ({"output": "../x.json"}, "substrate.output=../x.json leads out of the repository: give a path inside it."),
        ({"audit": "gone.sh"}, "substrate.audit=gone.sh: there is no such script."),
        (
            {"audit": "small/check.sh"},
            "substrate.audit=small/check.sh lies inside the repository, so it is not hidden.",
        ),
        ({"visible": ["gone"]}, "substrate.visible: gone is no folder by its whole path."),
    ],
    ids=lambda part: "" if isinstance(part, str) else ",".join(f"{k}={str(v)[:20]}" for k, v in part.items()),
)
def test_one_clear_sentence(place: Path, settings: Mapping[str, Any], said: str) -> None:
    before = state_of(place)
    assert said in refused(replace(GOOD, **{"repository": "small", **settings}))
    assert state_of(place) == before


def test_a_dirty_tree(place: Path) -> None:
    good = replace(GOOD, repository="small")
    write(place, {"src/words.txt": "one\n", "README.md": "# Other\n"})
    before = state_of(place)
    said = refused(good)
    assert said.startswith("substrate.repository=small has changes that are not committed (README.md and 1 more), so a")
    assert state_of(place) == before
    named = Command(replace(good, commit="main"))  # who names a commit knows what is measured
    assert named.base.text("src/words.txt") == SMALL["src/words.txt"]
    git(place, "add", "--all")
    assert "README.md and 1 more" in refused(good)
    git(place, "reset", "--hard", "--quiet")
    write(place, {"notes.txt": "mine\n"})
    substrate = Command(good)
    seeds = substrate.seeds(GenomeSettings())
    assert seeds is not None
    assert any("1 files" in remark and "not tracked" in remark for remark in substrate.admit(seeds))


def test_a_repository_without_a_commit(place: Path) -> None:
    Path("empty").mkdir()
    git(Path("empty"), "init", "--quiet")
    assert "substrate.repository=empty has no commit yet." in refused(replace(GOOD, repository="empty"))


@pytest.mark.parametrize(
    "genome",
    [
        GenomeSettings(include=["lib/**"]),
        GenomeSettings(include=[]),
        GenomeSettings(exclude=["**"]),
        GenomeSettings(include=["measure.sh", "check.sh"]),
    ],
)
def test_globs_that_match_nothing(place: Path, genome: GenomeSettings) -> None:
    said = refused(replace(GOOD, repository="small"), genome)
    assert f"genome.include={genome.include} and genome.exclude={genome.exclude} leave no tracked text file" in said


def test_the_ruler_is_kept_out_with_a_remark(place: Path) -> None:
    substrate = Command(replace(GOOD, repository="small"))
    seeds = substrate.seeds(GenomeSettings())
    assert seeds is not None
    assert set(seeds["small"]) == {"README.md", "src/words.txt", "src/more/extra.txt"}
    remarks = substrate.admit(seeds)
    assert any(r.endswith("for they measure or check: check.sh, measure.sh") for r in remarks)
    assert any("named in a measuring or checking script, yet editable: src/more/extra.txt" in r for r in remarks)


BROKEN = [
    ("exit 7", "the measuring command failed: it ended with exit code 7"),
    ("./gone", "the measuring command failed: it ended with exit code 127"),
    ("true", "no line `METRIC lines=NUMBER` was printed"),
    ("echo METRIC lines=1; echo METRIC lines=2", "METRIC lines was printed with 2 different values"),
    ("echo METRIC lines=NaN", "METRIC lines=NaN is no finite number"),
    ("sleep 60", "the measuring command was not done when substrate.seconds=0.3 were over"),
]


@pytest.mark.parametrize(("says", "reason"), BROKEN, ids=[says for says, _ in BROKEN])
def test_a_command_that_does_not_measure_the_unmodified_code(place: Path, says: str, reason: str) -> None:
    write(place, {"measure.sh": f"#!/bin/sh\n{says}\n"})
    git(place, "commit", "--quiet", "--all", "--message", "broken")
    before = state_of(place)
    substrate = Command(replace(GOOD, repository="small", seconds=0.3, grace=0.1))
    seeds = substrate.seeds(GenomeSettings())
    assert seeds is not None
    substrate.admit(seeds)
    workers = LocalWorkers(1)
    check = next(c for c in preflight(Settings(domain="command"), substrate, workers, seeds) if c.name == "baseline")
    workers.close()
    assert not check.holds
    assert reason in check.said
    assert "\n" not in check.said
    assert state_of(place) == before


def test_a_working_command_passes_the_preflight(place: Path) -> None:
    substrate = Command(replace(GOOD, repository="small"))
    seeds = substrate.seeds(GenomeSettings(include=["src/**"]))
    assert seeds is not None
    substrate.admit(seeds)
    workers = LocalWorkers(1)
    settings = Settings(domain="command", acceptance=AcceptanceSettings(bouts=2))
    checks = list(preflight(settings, substrate, workers, seeds))
    workers.close()
    assert [check.name for check in checks if not check.name.startswith("sandbox")] == [
        "baseline",
        "A/A",
        "rewrites check.sh",
    ]
    assert all(check.holds for check in checks), checks


def test_from_the_command_line_nothing_is_written(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["+domain=command", "mutator.name=embedded", "substrate.repository=small", "substrate.metric=lines"]
    before = state_of(place)
    assert main([*line, "substrate.measure=./measure.sh"]) == 2
    assert "evolve: substrate.direction is not given:" in capsys.readouterr().err
    assert main([*line, "substrate.measure=/bin/false", "substrate.direction=lower", "genome.include=[src/**]"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        "evolve: The run does not start: preflight 'baseline' failed: the unmodified seed 'small-1'"
    )
    assert "genome.exclude" not in error
    assert main([*line, "substrate.measure=./measure.sh", "substrate.direction=lower", "population.copies=0"]) == 2
    assert "population.copies=0 means nothing: give 1 or more." in capsys.readouterr().err
    assert state_of(place) == before
    assert (
        not Path("lineages.git").exists()
        or not subprocess.run(["git", "--git-dir=lineages.git", "for-each-ref"], capture_output=True, check=True).stdout
    )


def test_a_run_that_nothing_checks_says_so_loudly(place: Path) -> None:
    """In two generations of a toy repository the kept change was to delete the work."""
    told = {}
    for check in (None, "./check.sh"):
        substrate = Command(replace(GOOD, repository="small", check=check))
        seeds = substrate.seeds(GenomeSettings(include=["src/**"]))
        assert seeds is not None
        told[check] = (any("NOTHING CHECKS" in r for r in substrate.admit(seeds)), substrate.metric.honest)
    assert told[None][0]
    assert "no check is set" in told[None][1]
    assert not told["./check.sh"][0]
    assert "the check command" in told["./check.sh"][1]
