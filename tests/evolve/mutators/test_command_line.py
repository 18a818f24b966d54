"""A coding agent from the command line: as it is typed, what it sees of the run, and its end when a person stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from evolve.__main__ import main
from evolve.cli.configure import _command_quoted, composed
from evolve.ledger import attempts
from evolve.mutators.command import agent

RUN = ["+domain=finance", "mutator=command", "run.baselines=[]", "run.preflight=false", "run.name=r"]
PARSER = OverridesParser.create()


@pytest.fixture(autouse=True)
def _away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


@given(st.text(st.sampled_from("ab \\'\"{},=[]()$:;|*-"), min_size=1).filter(lambda text: text[0] not in "'\""))
def test_a_command_is_taken_as_it_is_typed(text: str) -> None:
    quoted = _command_quoted(f"mutator.command={text}")
    assert PARSER.parse_override(quoted).value() == text


def test_only_the_command_is_and_quotes_of_ones_own_stay() -> None:
    for arg in ("mutator.command='claude -p {brief}'", "mutator.command=", "mutator.name=command", "run.name={x}"):
        assert _command_quoted(arg) == arg
    settings = composed([*RUN, "mutator.command=claude -p {brief} --tools 'Read,Edit'"])
    assert settings.mutator.command == "claude -p {brief} --tools 'Read,Edit'"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (RUN, "mutator=command needs mutator.command='…': for example mutator.command='claude -p {brief}'."),
        ([*RUN, "mutator.command=nobodys-agent {brief}"], "'nobodys-agent' is not on the PATH."),
        (["+domain=finance", "mutator.command=sh"], "mutator.command is set, but the mutator is 'embedded'."),
    ],
)
def test_one_sentence_before_anything_is_spent(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    error = capsys.readouterr().err
    assert error.startswith("evolve: ")
    assert said in error
    assert len(error.splitlines()) == 1
    assert not Path("lineages.git").exists()


def test_a_run_whose_ledger_it_does_not_see(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not agent._bwrap():
        pytest.skip("the ledger is hidden by bubblewrap: apt-get install bubblewrap")
    seen = "\n".join(f"ls {tmp_path}/{folder} | wc -l >> agent.md" for folder in ("lineages.git", "outputs"))
    script(tmp_path / "mine", f"{seen}\necho saw it > .evolve/HYPOTHESIS.md")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "report.html").write_text("what was held out")
    assert main([*RUN, "mutator.command=./mine", "run.generations=1", "selection.rewrite=1"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "agent: mine runs with your rights, your whole environment (keys too) and the network" in out
    (made,) = (a for a in attempts(Path("lineages.git"), "r") if a.trailers["Status"] != "seed")
    assert made.subject == "saw it"
    diff = subprocess.run(
        ["git", "--git-dir=lineages.git", "show", made.commit], capture_output=True, text=True, check=True
    ).stdout
    assert "\n+0\n+0\n" in diff


def test_stopped_twice_by_hand_no_agent_lives_on(tmp_path: Path) -> None:
    script(tmp_path / "mine", f"setsid sh -c 'while true; do date +%N > {tmp_path}/alive; done' & sleep 600")
    args = [sys.executable, "-m", "evolve", *RUN, "mutator.command=./mine", "run.generations=1", "selection.rewrite=2"]
    run = subprocess.Popen(args, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        end = time.monotonic() + 100.0
        while not (tmp_path / "alive").exists() and run.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        assert (tmp_path / "alive").exists()
        for _ in range(2):
            os.kill(run.pid, signal.SIGINT)
            time.sleep(0.5)
        out = run.communicate(timeout=60.0)[0]
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 130, out
    before = (tmp_path / "alive").stat().st_mtime_ns
    time.sleep(0.3)
    assert (tmp_path / "alive").stat().st_mtime_ns == before
