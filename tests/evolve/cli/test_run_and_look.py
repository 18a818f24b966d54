"""A run from the command line, and every command that looks at it."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import populations.finance
from evolve.__main__ import main
from evolve.cli.configure import composed
from evolve.ledger import attempts, journal, runs
from evolve.ledger.repository import Repository

GOLDEN = Path(__file__).parents[2] / "golden"
LEDGER = Path("lineages.git")
SHORT = ["+domain=finance", "run.generations=3", "run.baselines=[frozen]"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a short run has ended, of the name `short`."""
    folder, before = tmp_path_factory.mktemp("run"), Path.cwd()
    os.chdir(folder)
    try:
        assert main([*SHORT, "run.name=short", "hydra.run.dir=out"]) == 0
        yield folder
    finally:
        os.chdir(before)


def said(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    capsys.readouterr()
    assert main(list(args)) == 0
    return capsys.readouterr().out


def test_progress_is_plain_lines_without_a_terminal(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "evolve", *SHORT, "run.name=piped"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "clock: 63 market days a trial, because" in done.stdout
    assert re.search(r"^Preflight passed", done.stdout, re.MULTILINE)
    line = r"^generation 3, 0 left; best -?[\d.]+; kept \d+ of \d+; [\d.]+ trials/s \([\d,]+ an hour, [\d,]+ a night\)"
    assert re.search(line, done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"evidence that evolution helped", done.stdout)


def test_the_tables_of_a_run(place: Path) -> None:
    records = [r for r in attempts(place / LEDGER, "short") if r.trailers["Status"] != "seed"]
    with open(place / "out" / "results.tsv", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    assert rows[0] == ["commit", "sharpe_ratio", "memory_gb", "status", "description"]
    assert [row[0] for row in rows[1:]] == [r.commit[:7] for r in records]
    assert [row[3] for row in rows[1:]] == [r.trailers["Status"] for r in records]
    table = pd.read_parquet(place / "out" / "trials.parquet")
    assert list(table["commit"]) == [r.commit for r in records]
    assert {"generation", "lineage", "effect", "alpha", "screened", "reason", "genome", "parent"} <= set(table.columns)
    lineages = pd.read_csv(place / "out" / "lineages.csv")
    assert len(lineages) == 25
    assert lineages["kept"].sum() == sum(r.trailers["Status"] == "keep" for r in records)
    ended = json.loads((place / "out" / "findings.json").read_text())
    assert ended["reason"] == "run.generations=3"
    assert "frozen seeds" in json.dumps(ended["findings"]["tables"])


def test_branches_are_lineages_and_hold_the_agents(place: Path) -> None:
    repository = Repository.open(place / LEDGER, create=False)
    branches = repository.refs("refs/heads/short/")
    assert len(branches) == 25
    for ref in branches:
        text = repository.git("show", f"{ref}:agent.md")
        assert "## Directives" in text
        trailers = repository.git("log", "-1", "--format=%(trailers:key=Lineage,valueonly)", ref).strip()
        assert trailers == ref.rsplit("/", 1)[1]
    assert repository.git("fsck", "--full", check=True) is not None


def test_log_shows_attempts_effects_and_diffs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [r for r in attempts(place / LEDGER, "short") if r.trailers["Status"] not in ("seed", "restored")]
    out = said(capsys, "log", "short", "--all", "--diff")
    for record in records:
        assert record.commit[:10] in out
        assert record.subject in out
    changed = records[0]
    alone = said(capsys, "log", "short", "--all", "--lineage", changed.trailers["Lineage"])
    assert changed.commit[:10] in alone
    assert re.search(r"^    [+-]- ", out, re.MULTILINE), "no directive was shown to change"
    kept = said(capsys, "log", "short")
    assert all((r.commit[:10] in kept) == (r.trailers["Status"] == "keep") for r in records)


def test_runs_and_report(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert re.search(r"short +3 generations, kept \d+ of \d+ attempts, ended: run.generations=3", said(capsys, "runs"))
    out = said(capsys, "report", "short", "--to", "again")
    assert "evidence that evolution helped" in out
    told = json.loads(said(capsys, "report", "short", "--json"))
    assert (told["run"], told["generations"], told["ended"]) == ("short", 3, "run.generations=3")
    for name in ("results.tsv", "findings.json", "lineages.csv", "headline.json", "report.html"):
        assert Path("again", name).read_bytes() == Path("out", name).read_bytes()


def test_export_writes_a_champion(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "export", "momentum", "--run", "short", "--to", "mine/momentum")
    tip = Repository.open(place / LEDGER, create=False).git("show", "short/momentum:agent.md")
    assert Path("mine/momentum/agent.md").read_text(encoding="utf-8") == tip
    assert main(["export", "momentum", "--run", "short", "--to", "mine"]) == 2
    assert "--to mine is there and not empty." in capsys.readouterr().err
    assert main(["export", "nobody", "--run", "short", "--to", "other"]) == 2
    assert not Path("other").exists()


def test_replay_holds_and_notices_what_does_not(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = next(r for r in attempts(place / LEDGER, "short") if "Effect" in r.trailers)
    assert "It holds: score" in said(capsys, "replay", record.commit[:10])
    from substrates.finance import substrate

    monkeypatch.setattr(substrate, "sharpe", lambda series: 1.0)
    assert main(["replay", record.commit]) == 1
    assert "It does NOT hold" in capsys.readouterr().out
    monkeypatch.setattr(substrate, "_evaluator", lambda: "another")
    assert main(["replay", record.commit]) == 2
    assert "was scored by another evaluator" in capsys.readouterr().err


def test_a_finished_run_says_its_end_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = len(journal(place / LEDGER, "short"))
    assert "it was finished before" in said(capsys, "resume=short")
    assert len(journal(place / LEDGER, "short")) == before


def test_compact_keeps_everything(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = journal(place / LEDGER, "short")
    said(capsys, "compact")
    assert journal(place / LEDGER, "short") == before
    assert len(list((place / LEDGER / "objects" / "pack").glob("*.pack"))) == 1


def test_same_seed_same_trees_and_another_seed_another_story(place: Path) -> None:
    assert main([*SHORT, "run.name=twin"]) == 0
    assert main([*SHORT, "run.name=other", "seed=1"]) == 0

    def story(name: str) -> object:
        repository = Repository.open(place / LEDGER, create=False)
        trees = {
            ref.rsplit("/", 1)[1]: repository.git("rev-parse", f"{ref}^{{tree}}")
            for ref in repository.refs(f"refs/heads/{name}/")
        }
        entries = journal(place / LEDGER, name)
        scores = {e.key: e.value["outcome"]["score"] for e in entries if e.kind == "outcome"}
        return trees, scores, [e.value["genome"] for e in entries if e.kind == "verdict"]

    assert story("twin") == story("short")
    assert story("other") != story("short")


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_sweep_is_several_runs_in_one_ledger(place: Path, launcher: str, capsys: pytest.CaptureFixture[str]) -> None:
    known = set(runs(place / LEDGER))
    args = ["-m", "+domain=finance", "run.generations=2", "run.baselines=[]", "hydra.sweep.dir=sweep"]
    args += ["seed=1,2", "selection.rewrite=1,3", f"hydra/launcher={launcher}"]
    done = subprocess.run([sys.executable, "-m", "evolve", *args], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    new = set(runs(place / LEDGER)) - known
    assert len(new) == 4
    out = said(capsys, "report", "sweep")
    assert "selection.rewrite=3 against selection.rewrite=1: " in out
    page = Path("sweep/comparison.html").read_text(encoding="utf-8")
    assert all(run in page for run in new)
    assert "seed 2, rewrite 3" in page
    shutil.rmtree("sweep")


def test_a_run_goes_on_without_its_folder_but_not_over_other_prices(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = pd.bdate_range("1990-01-01", periods=1600)
    rng = np.random.default_rng(0)
    prices = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (len(days), 6)), axis=0))
    table = pd.DataFrame(prices, index=pd.Index(days, name="date"), columns=list("ABCDEF"))
    table.to_csv("own.csv")
    shutil.copytree(
        Path(populations.finance.__file__).parent, "agents", ignore=lambda *_: ["__init__.py", "__pycache__"]
    )
    args = ["+domain=finance", "substrate.market.path=own.csv", "population.path=agents", "run.name=own"]
    run = [sys.executable, "-m", "evolve", *args, "run.baselines=[]", "run.preflight=false"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("generation"))
        process.kill()
    shutil.rmtree("agents")
    (table * 1.01).to_csv("own.csv")
    capsys.readouterr()
    assert main(["resume=own", "run.generations=2"]) == 2
    assert "The run cannot go on: panel differs from what it began with" in capsys.readouterr().err
    table.to_csv("own.csv")
    assert "The run ended: run.generations=" in said(capsys, "resume=own", "run.generations=2")


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_once_closes_the_generation_and_twice_stops_now(place: Path, times: int) -> None:
    name = f"stopped-{times}"
    command = ["+domain=finance", f"run.name={name}", "run.baselines=[]", "run.preflight=false"]
    process = subprocess.Popen(
        [sys.executable, "-m", "evolve", *command],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("generation"):
            break
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    out, _ = process.communicate(timeout=120)
    assert "Traceback" not in out
    if times == 1:
        assert process.returncode == 0, out
        assert "The run ended: stopped by hand" in out
        assert f"It goes on with: python -m evolve resume={name}" in out
    else:
        assert process.returncode in (0, 130), out  # 0: the generation was over before the second signal came
    entries = journal(place / LEDGER, name)
    assert not [e for e in entries if e.kind == "findings"], "what is held out was opened"
    closed = sum(e.kind == "checkpoint" for e in entries)
    assert main([f"resume={name}", f"run.generations={closed + 1}"]) == 0
    assert sum(e.kind == "checkpoint" for e in journal(place / LEDGER, name)) == closed + 1


def test_the_default_configuration_is_the_golden_one() -> None:
    """A change of a default must show in the diff: rewrite the file with `--cfg job`."""
    done = subprocess.run(
        [sys.executable, "-m", "evolve", "+domain=finance", "--cfg", "job"], capture_output=True, text=True, check=True
    )
    assert done.stdout == (GOLDEN / "finance.yaml").read_text(encoding="utf-8")
    assert composed(["+domain=finance"]).domain == "finance"


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "--help")
    assert out == (GOLDEN / "help.txt").read_text(encoding="utf-8")
