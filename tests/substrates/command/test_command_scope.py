"""Which files a genome holds: those no command names, and the session files of pi-autoresearch."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from plain_bench import SMALL, PlainBench, git, repository, state_of, write

from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.substrate import Case, GenomeSettings
from substrates.command.auto import is_living, is_session_file, read_session
from substrates.command.scope import named_files
from substrates.command.settings import CommandSettings
from substrates.command.substrate import Command


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("./measure.sh", ["measure.sh"]),
        ("bash -e 'measure.sh' --fast", ["measure.sh"]),
        ("cd tools && python3 tools/bench.py; ./measure.sh", ["measure.sh", "tools/bench.py"]),
        ("python -m tools.bench", ["tools/bench.py"]),
        ("python -m tools", ["tools/__main__.py"]),
        ("python -m pytest tests/test_a.py::test_b", ["tests/test_a.py"]),
        ("echo 'unclosed measure.sh", ["measure.sh"]),
        ("cd tests; ./test_a.py", ["tests/test_a.py"]),
        ("make bench", ["Makefile"]),
        ("echo measure", []),
    ],
)
def test_the_files_that_a_command_names(command: str, found: list[str]) -> None:
    tracked = ["Makefile", "measure.sh", "tools/bench.py", "tools/__main__.py", "tests/test_a.py", "src/a.py"]
    assert named_files(command, tracked) == found


# -- pi-autoresearch -----------------------------------------------------------------------------

PROMPT = """# Autoresearch: fewer lines

## Metrics
- **Primary**: `lines` (rows, lower is better) — the optimization target
- **Secondary**: files

## Files in Scope
src/words.txt
"""
HEADER = {"type": "config", "name": "x", "metricName": "lines", "metricUnit": "rows", "bestDirection": "lower"}
MEASURE = SMALL["measure.sh"]
CURRENT = {
    ".auto/measure.sh": MEASURE,
    ".auto/checks.sh": SMALL["check.sh"],
    ".auto/prompt.md": PROMPT,
    ".auto/config.json": '{"maxIterations": 3}',
    ".auto/log.jsonl": json.dumps({**HEADER, "metricName": "old", "bestDirection": "higher"})
    + "\n"
    + json.dumps(HEADER)
    + '\n{"run": 1, "metric": 5, "status": "keep"}\nnot json\n',
}
LEGACY = {
    "autoresearch.sh": MEASURE,
    "autoresearch.checks.sh": SMALL["check.sh"],
    "autoresearch.md": PROMPT,
    "autoresearch.config.json": '{"maxIterations": 3}',
}
SOURCE = {path: text for path, text in SMALL.items() if path.startswith("src/")}


@pytest.mark.parametrize("layout", [CURRENT, LEGACY], ids=["current", "legacy"])
@pytest.mark.parametrize("committed", [True, False])
def test_one_setting_is_enough(tmp_path: Path, layout: Mapping[str, str], committed: bool) -> None:
    """Also where the session is in .gitignore: then its scripts are laid over the commit."""
    place = repository(tmp_path / "small", SOURCE if not committed else {**SOURCE, **layout})
    write(place, layout)
    before = state_of(place)
    substrate = Command(CommandSettings(repository=str(place), deterministic=True))
    seeds = substrate.seeds(GenomeSettings())
    assert seeds is not None
    assert set(seeds["small"]) == set(SOURCE)
    substrate.admit(seeds)
    metric = substrate.metric
    assert (metric.name, metric.unit, metric.better) == ("lines", "rows", "lower")
    assert "Files in Scope" in substrate.brief()
    outcome = substrate.trial(
        Case(seeds["small"], "small", substrate.conditions(0, {}, "select"), "s"), PlainBench(substrate, tmp_path)
    )
    assert (outcome.status, outcome.score) == ("ok", 5.0)
    assert substrate.stop({"tried": 2}) is None
    assert substrate.stop({"tried": 3}) == "maxIterations=3 of the repository's config.json"
    assert state_of(place) == before


def test_a_living_session_makes_no_tree_dirty(tmp_path: Path) -> None:
    place = repository(tmp_path / "small", {**SOURCE, **CURRENT})
    write(place, {".auto/log.jsonl": json.dumps(HEADER) + "\n", ".auto/prompt.md": PROMPT + "- tried: x\n"})
    assert Command(CommandSettings(repository=str(place))).brief().endswith("- tried: x\n")
    write(place, {".auto/measure.sh": "echo METRIC lines=0\n"})
    with pytest.raises(UsageError, match="has changes that are not committed"):
        Command(CommandSettings(repository=str(place)))


def test_what_is_set_rules_over_the_session(tmp_path: Path) -> None:
    place = repository(tmp_path / "small", {**SOURCE, **CURRENT, "own.sh": "echo METRIC files=2\n"})
    settings = CommandSettings(repository=str(place), measure="sh own.sh", metric="files")
    with pytest.raises(UsageError, match=r"nobody says whether a lower or a higher files is better"):
        Command(settings)  # the session's direction is that of another metric
    substrate = Command(replace(settings, direction="higher", brief="Mine."))
    assert (substrate.metric.unit, substrate.metric.better) == ("as the command reports it", "higher")
    assert substrate.settings.check == "bash .auto/checks.sh"
    assert substrate.brief().endswith("Mine.")


def test_the_prompt_names_the_metric_where_no_log_does(tmp_path: Path) -> None:
    session = read_session(write_all(tmp_path, {".auto/prompt.md": PROMPT, "autoresearch.sh": "stale"}))
    assert (session.metric, session.unit, session.direction) == ("lines", "rows", "lower")
    assert session.measure is None, "the current layout rules, whatever stale peers there are"
    plain = read_session(write_all(tmp_path / "b", {".auto/prompt.md": "- **Primary:** total_µs (higher is better)"}))
    assert (plain.metric, plain.unit, plain.direction) == ("total_µs", None, "higher")


def test_a_working_directory_inside_the_repository(tmp_path: Path) -> None:
    files = {".auto/config.json": '{"workingDir": "pkg"}', "pkg/.auto/measure.sh": MEASURE}
    session = read_session(write_all(tmp_path / "a", files))
    assert session.measure == "cd pkg && bash .auto/measure.sh"
    assert list(session.laid) == ["pkg/.auto/measure.sh"]
    for inside in ("..", "gone", "/etc"):
        write(tmp_path / "a", {".auto/config.json": json.dumps({"workingDir": inside})})
        with pytest.raises(UsageError, match="is no folder inside the repository"):
            read_session(tmp_path / "a")


def test_a_broken_config_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"config\.json is no JSON"):
        read_session(write_all(tmp_path, {".auto/config.json": "{"}))
    assert read_session(write_all(tmp_path / "none", {"a": "b"})).measure is None


def test_session_files_are_known_anywhere() -> None:
    assert all(map(is_session_file, (".auto/measure.sh", "pkg/.auto/x/y", "autoresearch.sh", "a/autoresearch.hooks")))
    assert not any(map(is_session_file, ("src/auto.py", "autoresearch", "x.auto", ".auto")))
    assert all(map(is_living, (".auto/log.jsonl", "autoresearch.jsonl", ".auto/prompt.md")))
    assert not any(map(is_living, (".auto/measure.sh", "log.jsonl", "docs/prompt.md")))


def write_all(place: Path, files: Mapping[str, str]) -> Path:
    write(place, files)
    return place


# -- where the files come from -------------------------------------------------------------------


def test_a_clone_and_a_bare_repository(tmp_path: Path) -> None:
    place = repository(tmp_path / "small", {**SOURCE, **CURRENT})
    git(tmp_path, "clone", "--quiet", "--bare", "small", "bare.git")
    for name in (f"file://{place}", str(tmp_path / "bare.git")):
        substrate = Command(CommandSettings(repository=name))
        assert substrate.base.commit == git(place, "rev-parse", "HEAD").strip()
        seeds = substrate.seeds(GenomeSettings())
        assert seeds is not None
        assert set(next(iter(seeds.values()))) == set(SOURCE)
    assert substrate.base.name == "bare"


def test_the_frozen_files_go_with_the_process(tmp_path: Path) -> None:
    substrate = Command(CommandSettings(repository=str(repository(tmp_path / "small", {**SOURCE, **CURRENT}))))
    home = substrate.base.home
    assert (home / "base" / "src" / "words.txt").is_file()
    del substrate
    assert not home.exists()


def test_what_a_killed_process_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    for name in (f"evolve-command-{gone.pid}-a", f"evolve-command-{os.getpid()}-b", "evolve-command-mine"):
        write(tmp_path / name, {"base/file": "x"})
    (tmp_path / f"evolve-command-{gone.pid}-a" / "base").chmod(0o555)
    substrate = Command(CommandSettings(repository=str(repository(tmp_path / "small", {**SOURCE, **CURRENT}))))
    left = {p.name for p in tmp_path.glob("evolve-command-*")} - {substrate.base.home.name}
    assert left == {f"evolve-command-{os.getpid()}-b", "evolve-command-mine"}


def test_what_was_decided_is_pinned(tmp_path: Path) -> None:
    place = repository(tmp_path / "small", {**SOURCE, **CURRENT})
    pinned = Command(CommandSettings(repository=str(place))).pinned()
    write(place, {"src/words.txt": "one\n", ".auto/log.jsonl": ""})
    git(place, "commit", "--quiet", "--all", "--message", "on and on")
    again = Command(replace(CommandSettings(), **pinned))
    assert again.pinned() == pinned
    assert again.base.text("src/words.txt") == SMALL["src/words.txt"]


def test_what_no_mutators_program_may_see(tmp_path: Path) -> None:
    place = repository(tmp_path / "small", {**SOURCE, **CURRENT})
    write(tmp_path, {"audit.sh": "true\n"})
    (tmp_path / "audit.sh").chmod(0o755)
    substrate = Command(CommandSettings(repository=str(place), audit=str(tmp_path / "audit.sh")))
    assert set(substrate.unseen()) == {tmp_path / "audit.sh", substrate.base.home}
    assert place not in substrate.unseen()


# -- a cheap look --------------------------------------------------------------------------------


def test_only_what_was_changed_is_looked_at(tmp_path: Path) -> None:
    files = {**SMALL, "src/old.py": "print 'two'\n", "src/a.py": "x = 1\n", "src/a.json": "{}", "src/c.toml": "a = 1\n"}
    place = repository(tmp_path / "small", files)
    substrate = Command(
        CommandSettings(repository=str(place), measure="./measure.sh", metric="lines", direction="lower")
    )
    seeds = substrate.seeds(GenomeSettings(include=["src/**"]))
    assert seeds is not None
    seed = seeds["small"]
    assert substrate.objections(seed) == []
    assert substrate.objections(Genome({**seed, "src/old.py": "print 'three'\n"})) == []  # it is of another Python
    (said,) = substrate.objections(Genome({**seed, "src/a.py": "def f(:\n"}))
    assert said == "src/a.py, line 1: invalid syntax"
    assert len(substrate.objections(Genome({**seed, "src/a.json": "{", "src/c.toml": "a = "}))) == 2
    (new,) = substrate.objections(Genome({**seed, "src/new.py": "x = 1\n"}))
    assert "new file" in new
    for nasty in ("a\0b", "(" * 100_000, "-" * 200_000, "\ufeff", "lambda:" * 50_000):
        assert len(substrate.objections(Genome({**seed, "src/a.py": nasty}))) <= 1


def test_a_model_is_told_what_a_trial_is(tmp_path: Path) -> None:
    place = repository(tmp_path / "small", SMALL)
    settings = CommandSettings(
        repository=str(place), measure="./measure.sh", metric="lines", direction="lower", seconds=7
    )
    said = Command(settings).brief()
    for word in ("7 seconds", "lines", "lower is better", "./measure.sh", "no file may be added", "in turns"):
        assert word in said
    assert "files may be added" in Command(replace(settings, new_files=True)).brief()
    assert "in turns" not in Command(replace(settings, deterministic=True)).brief()
