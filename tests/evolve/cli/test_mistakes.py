"""What a person gets wrong: one clear sentence each, exit code 2, and nothing spent or half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evolve.__main__ import main
from evolve.ledger import Ledger, runs

RUN = "+domain=finance"


@pytest.fixture(autouse=True)
def _away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "No domain was named. Start one of these:\n  python -m evolve +domain="),
        (["run.generations=3"], "No domain was named."),
        (["domain=finance"], "domain=finance: a domain is added with a plus. Type +domain=finance."),
        (["+domain=finanse"], "finance, ml, rendering. Did you mean +domain=finance?"),
        ([RUN, "run.generation=3"], "There is no setting 'run.generation'. Did you mean 'run.generations'?"),
        ([RUN, "+run.generation=3"], "There is no setting 'generation'."),
        ([RUN, "+x=3"], "There is no setting 'x'."),
        ([RUN, "substrate.windw=3"], "There is no setting 'substrate.windw'. Did you mean 'substrate.window'?"),
        (
            [RUN, "run.generations=many"],
            "run.generations: Value 'many' of type 'str' could not be converted to Integer.",
        ),
        ([RUN, "acceptance.method=sprt"], "bouts of +domain=finance are none: leave it out, or say acceptance.method="),
        ([RUN, "acceptance.elo=[50,0]"], "acceptance.elo=[50.0, 0.0] must be two numbers, the smaller first"),
        ([RUN, "acceptance.method=lucky"], "acceptance.method: Invalid value 'lucky', expected one of [significant, "),
        ([RUN, "run.generations=0"], "run.generations=0 means nothing: give 1 or more."),
        ([RUN, "acceptance.level=2"], "acceptance.level=2.0 is no probability: give a number between 0 and 1."),
        (
            [RUN, "run.baselines=[lucky]"],
            "run.baselines: there is no baseline 'lucky'. Known: frozen, best_of_n, greedy, random_pick.",
        ),
        (
            [RUN, "mutator.name=gpt"],
            "There is no mutator named 'gpt'. Known: command, embedded, genetic, hybrid, openai, random.",
        ),
        ([RUN, "population.path=nowhere"], "population.path=nowhere: there is no such folder."),
        ([RUN, "substrate.market.path=no.csv"], "substrate.market.path=no.csv: there is no such file."),
        ([RUN, "substrate.first_day=soon"], "substrate.first_day=soon is no date; write it as 1994-01-03."),
        ([RUN, "substrate.window=0"], "substrate.window=0 is too small; give 1 or more."),
        ([RUN, "run.name=a/b"], "'a/b' cannot name a run."),
        ([RUN, "generations"], "The command line cannot be read: Error parsing override 'generations'."),
        (
            ["frobnicate"],
            "There is no command 'frobnicate'. Commands: log, report, export, replay, runs, ",
        ),
        (["log"], "There is no ledger at lineages.git. Start a run first, or name it: --ledger PATH."),
        (["report", "--colour"], "unrecognized arguments: --colour. Try python -m evolve report --help."),
        (["replay", "abc"], "There is no ledger at lineages.git."),
        (["resume=gone"], "There is no ledger at lineages.git."),
        (["resume=gone", "seed=3"], "resume cannot change seed: the run goes on as it began."),
        (["doctor"], "No domain was named."),
    ],
    ids=lambda part: " ".join(part) or "nothing" if isinstance(part, list) else "",
)
def test_one_clear_sentence(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    error = capsys.readouterr().err
    assert error.startswith("evolve: ")
    assert said in error
    assert "Traceback" not in error
    assert not Path("lineages.git").exists()


def test_a_ledger_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("not a folder")
    Path("folder").mkdir()
    Path("folder/mine.txt").write_text("keep me")
    assert main([RUN, "ledger.repository=file"]) == 2
    assert "ledger.repository=file is a file. Name a folder: it will be made." in capsys.readouterr().err
    assert main([RUN, "ledger.repository=folder"]) == 2
    assert "ledger.repository=folder is a folder, but no git repository." in capsys.readouterr().err
    assert [p.name for p in Path("folder").iterdir()] == ["mine.txt"]


def test_an_agent_that_says_nothing_readable(capsys: pytest.CaptureFixture[str]) -> None:
    Path("agents").mkdir()
    Path("agents/a.md").write_text("# A\n\nLayer: style\nRole: selection\n\n## Directives\n\n- Buy low, sell high.\n")
    assert main([RUN, "population.path=agents"]) == 2
    error = capsys.readouterr().err
    assert "the agent 'a' cannot take part: no readable directive" in error
    assert "Buy low, sell high." in error
    assert not Path("lineages.git").exists()


def test_a_run_that_is_there_already(capsys: pytest.CaptureFixture[str]) -> None:
    short = [RUN, "run.name=mine", "run.generations=1", "run.baselines=[]", "run.preflight=false"]
    assert main(short) == 0
    capsys.readouterr()
    assert main(short) == 2
    assert "run.name=mine: that run is in lineages.git already. Go on with it: resume=mine." in capsys.readouterr().err
    assert main(["log", "other"]) == 2
    assert "There is no run 'other' in lineages.git. Runs there: mine." in capsys.readouterr().err
    assert main(["log", "--lineage", "nobody"]) == 2
    assert "There is no lineage 'nobody' in mine. Lineages: alpha_discovery, " in capsys.readouterr().err
    assert main(["replay", "0000000"]) == 2
    assert "0000000 names no attempt in lineages.git" in capsys.readouterr().err


def test_a_run_that_another_process_writes(capsys: pytest.CaptureFixture[str]) -> None:
    short = [RUN, "run.name=held", "run.generations=1", "run.baselines=[]", "run.preflight=false"]
    assert main(short) == 0
    hold = "from pathlib import Path; from evolve.ledger import Ledger; import sys\n"
    hold += "held = Ledger.open(Path('lineages.git'), 'held', resume=True); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        capsys.readouterr()
        assert main(["resume=held"]) == 2
        error = capsys.readouterr().err
        assert f"The run 'held' is being written by another process (pid {holder.pid})." in error
        holder.communicate()
    with Ledger.open(Path("lineages.git"), "held", resume=True):
        pass


def test_a_full_disk() -> None:
    """A real one: a small file system of its own, filled by the run."""
    probe = ["unshare", "--mount", "true"]
    if os.geteuid() != 0 or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("a small disk needs root and mount namespaces: run the tests as root (Debian: util-linux)")
    Path("disk").mkdir()
    run = f"{sys.executable} -m evolve {RUN} run.name=full run.preflight=false run.generations=8 run.baselines=[]"
    script = (
        "mount -t tmpfs -o size=400k none disk && git init -q --bare disk/l.git && rm -rf disk/l.git/hooks; "
        f"{run} ledger.repository=disk/l.git; echo code $?; git --git-dir=disk/l.git fsck --full; echo fsck $?"
    )
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=300)
    assert "code 2" in done.stdout, done.stdout + done.stderr
    assert "cannot be written: the disk is full. What was recorded before is safe;" in done.stderr
    assert "Traceback" not in done.stderr
    assert "fsck 0" in done.stdout, done.stdout + done.stderr


def test_a_preflight_that_fails_writes_no_ledger(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from substrates.finance.substrate import Finance

    monkeypatch.setattr(Finance, "rank", lambda *_: {})
    before = Finance.compare
    monkeypatch.setattr(  # a ruler that likes whoever challenges
        Finance,
        "compare",
        lambda self, *args: [type(b)(b.count or 900, 1.0, 0.01, True, b.failed) for b in before(self, *args)],
    )
    assert main([RUN]) == 2
    error = capsys.readouterr().err
    assert "The run does not start: preflight 'A/A' failed" in error
    assert not Path("lineages.git").exists() or not runs(Path("lineages.git"))
