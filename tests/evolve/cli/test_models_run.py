"""Whole runs whose mutator asks a server over a real socket: books, keys, a kill in mid-call, a server that goes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evolve.__main__ import main
from evolve.cli.configure import composed
from evolve.ledger import Entry, attempts, journal
from evolve.memory import Memory, NoLedger
from evolve.testing import ScriptedServer
from evolve.testing.server import Hang, Reply, Status

KEY = "sk-nobody-may-ever-see-this-one"
LEDGER = Path("lineages.git")
FILE = re.compile(r'^<<<(\w+) file "agent\.md" \(editable\)\n(.*?)\1>>>', re.DOTALL | re.MULTILINE)


def tweaks(request: dict[str, Any], number: int = 0) -> str:
    """What a model could answer: one number of the agent is another. A function of the request alone."""
    told = request["messages"][1]["content"]
    found = FILE.search(told)
    assert found is not None, told[:2000]
    digest = int(hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest(), 16)
    lines = [line for line in found[2].splitlines() if re.match(r"- .*\d", line)]
    line = lines[digest % len(lines)]
    new = re.sub(r"\d+", lambda n: str(int(n[0]) + 1 + digest % 7), line, count=1)
    edits = [{"path": "agent.md", "search": line, "replace": new}]
    return json.dumps({"hypothesis": f"says {new}", "expected": 0.1, "edits": edits, "files": []})


@pytest.fixture(autouse=True)
def _away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(tweaks, key=KEY) as made:
        yield made


def args(server: ScriptedServer, name: str, *more: str) -> list[str]:
    return [
        *("+domain=finance", "mutator=openai", "llm.models=[scripted]", f"llm.base_url={server.base_url}"),
        *(f"run.name={name}", "run.preflight=false", "run.baselines=[]", "run.generations=2", "selection.rewrite=3"),
        *("llm.prices=[{model: scripted, input: 1, output: 2}]", "audit.when=never"),
        *more,
    ]


def entries(name: str, kind: str) -> list[Entry]:
    return [e for e in journal(LEDGER, name) if e.kind == kind]


def trees(name: str) -> list[tuple[str, str]]:
    return sorted((record.trailers["Lineage"], record.tree) for record in attempts(LEDGER, name))


def asked(server: ScriptedServer) -> list[str]:
    return [json.dumps(request, sort_keys=True) for request in server.requests]


def test_a_run_keeps_its_books_and_its_key_to_itself(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(args(server, "one")) == 0
    out = capsys.readouterr().out
    calls = entries("one", "call")
    assert len(calls) == len(server.requests) >= 6
    paid = sum(call.value["usd"] for call in calls)
    tokens = sum(call.value["prompt_tokens"] + call.value["answer_tokens"] for call in calls)
    assert paid > 0
    assert f"Language models took {len(calls)} calls, {tokens:,} tokens, {paid:,.2f} US dollars." in out
    tried = [r for r in attempts(LEDGER, "one") if r.trailers["Status"] not in ("seed", "restored")]
    assert tried
    assert all(r.trailers["Mutator"] == "openai scripted" for r in tried)
    assert sum(float(r.trailers["Cost"].split()[0]) for r in tried) <= paid * 1.001
    assert entries("one", "page"), "no playbook"
    for file in Path().rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file
    everything = b"".join(
        subprocess.run(
            ["git", f"--git-dir={LEDGER}", "cat-file", "--batch-all-objects", "--batch"],
            check=True,
            capture_output=True,
        ).stdout.splitlines()
    )
    assert b"says - " in everything
    assert KEY.encode() not in everything
    assert KEY not in out + "".join(asked(server))


@pytest.mark.parametrize("said", ["llm.extra={top_k: 5}", "llm.extra.top_k=5", "+llm.extra.top_k=5"])
def test_further_fields_of_a_request(said: str) -> None:
    assert composed(["+domain=finance", said]).llm.extra == {"top_k": 5}


def test_without_a_price_the_money_is_said_to_be_unknown(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(args(server, "one", "llm.prices=[]", "run.generations=1")) == 0
    assert "3 calls" in (out := capsys.readouterr().out)
    assert "money that is not known, as llm.prices has no price of a model" in out
    tried = [r for r in attempts(LEDGER, "one") if r.trailers["Status"] != "seed"]
    assert {r.trailers["Cost"] for r in tried} == {"unknown"}
    (table,) = Path("outputs").rglob("trials.parquet")
    assert pd.read_parquet(table)["cost_usd"].isna().all()


def test_the_same_run_again_costs_nothing_and_ends_with_the_same_trees(server: ScriptedServer) -> None:
    assert main(args(server, "one")) == 0
    before = len(server.requests)
    assert main(args(server, "two")) == 0
    assert len(server.requests) == before
    assert trees("two") == trees("one")
    assert {call.value["paid"] for call in entries("two", "call")} == {False}
    assert main(args(server, "three", "llm.cache=false")) == 0
    assert len(server.requests) == 2 * before
    assert trees("three") == trees("one")


def test_a_server_that_only_the_environment_names_is_remembered(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    assert main([arg for arg in args(server, "named", "run.generations=1") if not arg.startswith("llm.base_url")]) == 0
    (run,) = entries("named", "run")
    assert run.value["settings"]["llm"]["base_url"] == server.base_url


def test_a_cap_ends_the_run_and_more_of_it_is_no_second_sitting(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(args(server, "one", "llm.budget.calls=4", "llm.concurrency=3")) == 0
    out = capsys.readouterr().out
    assert len(server.requests) == 4
    assert "The run ended: llm.budget.calls=4 is spent: 4 calls (" in out
    assert "to go on" not in out
    assert entries("one", "findings")
    assert main(["resume=one", "llm.budget.calls=9"]) == 0
    assert "The run ended: it was finished before" in capsys.readouterr().out
    assert len(server.requests) == 4


def test_a_baseline_that_the_budget_does_not_reach_for_is_said(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(args(server, "one", "llm.budget.calls=7", "run.baselines=[best_of_n]", "llm.concurrency=1")) == 0
    out = capsys.readouterr().out
    assert "The run ended: run.generations=2" in out
    assert "The baseline best_of_n is left out, as it could not try as much: llm.budget.calls=7 is spent" in out
    (findings,) = entries("one", "findings")
    assert findings.value["baselines"] == {}
    (page,) = Path("outputs").rglob("report.html")
    assert "The baseline best_of_n was left out" in page.read_text("utf-8")


def test_killed_in_mid_call_it_pays_for_nothing_twice(server: ScriptedServer, tmp_path: Path) -> None:
    server.delay = 0.4
    run = args(server, "one", "llm.cache=false", "llm.concurrency=1")
    process = subprocess.Popen(
        [sys.executable, "-m", "evolve", *run], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 120
    while len(server.requests) < 3 and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.2)  # half of what the third answer takes: the second is written down by then
    process.send_signal(signal.SIGKILL)
    process.wait()
    recorded = len(entries("one", "call"))
    assert recorded >= 2, "an answer is recorded before the next call"
    in_flight = len(server.requests) - recorded
    assert in_flight <= 1
    server.delay = 0.0
    assert main(["resume=one"]) == 0
    assert main(args(server, "whole", "llm.cache=false")) == 0
    assert trees("one") == trees("whole")
    once = len(entries("whole", "call"))
    assert len(server.requests) == 2 * once + in_flight, "only what nobody had heard was asked for again"


def test_a_server_that_goes_for_good_stops_the_run_and_a_resume_goes_on(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def goes(request: dict[str, Any], number: int) -> Reply:
        return tweaks(request) if number < 2 else Status(503)

    server.script = goes
    assert main(args(server, "one", "llm.patience=1.5", "llm.cache=false")) == 0
    out = capsys.readouterr().out
    assert "has answered nothing for 1.5 s" in out
    assert "It goes on with: python -m evolve resume=one" in out
    assert len(entries("one", "call")) == 2
    assert not entries("one", "findings")
    server.script = tweaks
    before = len(server.requests)
    assert main(["resume=one"]) == 0
    assert main(args(server, "whole", "llm.cache=false")) == 0
    assert trees("one") == trees("whole")
    once = len(entries("whole", "call"))
    assert len(server.requests) - before == 2 * once - 2


def test_a_server_that_is_away_for_a_while_is_waited_for(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def goes(request: dict[str, Any], number: int) -> Reply:
        return Status(429, retry_after="0.2") if 2 <= number < 12 else tweaks(request)

    server.script = goes
    assert main(args(server, "one", "llm.patience=60")) == 0
    out = capsys.readouterr().out
    assert "answers again" in out
    assert "has answered nothing" not in out
    assert all("failed" not in call.value for call in entries("one", "call"))


def test_a_request_that_a_server_always_fails_at_stops_no_run(server: ScriptedServer) -> None:
    def poisoned(request: dict[str, Any], number: int) -> Reply:
        told = request["messages"][1]["content"]
        return Status(500) if '\nThis is agent "cro" in' in told else tweaks(request)

    server.script = poisoned
    assert main(args(server, "one", "llm.patience=1.5", "llm.concurrency=1")) == 0
    assert entries("one", "findings")
    refused = [r for r in attempts(LEDGER, "one") if r.trailers["Status"] == "refused"]
    assert {r.trailers["Lineage"] for r in refused} == {"cro"}
    assert all("500" in r.trailers["Evidence"] for r in refused)


def test_a_server_that_fails_at_everything_is_gone_all_the_same(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.script = lambda request, number: Status(500)
    assert main(args(server, "one", "llm.patience=1.0", "llm.concurrency=1")) == 0
    assert "has answered nothing for 1 s" in capsys.readouterr().out
    assert not entries("one", "findings")


def test_a_text_that_is_refused_with_403_is_no_refused_key(server: ScriptedServer) -> None:
    def moderated(request: dict[str, Any], number: int) -> Reply:
        return Status(403, '{"error": {"message": "flagged"}}') if number == 2 else tweaks(request)

    server.script = moderated
    assert main(args(server, "one", "llm.concurrency=1")) == 0
    (refused,) = (r for r in attempts(LEDGER, "one") if r.trailers["Status"] == "refused")
    assert "flagged" in refused.trailers["Evidence"]


def test_the_hybrid_says_that_its_budget_is_spent(server: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["mutator=hybrid", "mutator.structure=1", "llm.budget.calls=2", "run.generations=1"]
    assert main([arg for arg in args(server, "one", *more) if arg != "mutator=openai"]) == 0
    assert capsys.readouterr().out.count("llm.budget.calls=2 is spent") == 1
    kinds = [a.rewrite.kind for a in Memory(NoLedger(journal(LEDGER, "one"))).verdicts.values()]
    assert sorted(kinds) == ["cma", "scripted", "scripted"]


def test_a_prompt_that_is_too_long_is_said_more_shortly(server: ScriptedServer) -> None:
    whole = '{"error": {"message": "The maximum context length is 2048 tokens.", "code": "context_length_exceeded"}}'

    def narrow(request: dict[str, Any], number: int) -> Reply:
        return Status(400, whole) if len(request["messages"][1]["content"]) > 9_000 else tweaks(request)

    server.script = narrow
    assert main(args(server, "one", "run.generations=1")) == 0
    assert all(r.trailers["Status"] != "refused" for r in attempts(LEDGER, "one"))
    server.script = lambda request, number: Status(400, whole)
    assert main(args(server, "two", "run.generations=1", "llm.cache=false")) == 0
    refused = [r.trailers["Evidence"] for r in attempts(LEDGER, "two") if r.trailers["Status"] == "refused"]
    assert len(refused) == 3
    assert all("maximum context length" in said for said in refused)


@pytest.mark.parametrize("said", ["", "no JSON", "{}", '{"hypothesis": "x", "edits": [], "files": []}', "[" * 100_000])
def test_an_answer_that_is_none_is_a_failed_attempt(server: ScriptedServer, said: str) -> None:
    server.script = lambda request, number: said or '{"hypothesis": ""}'
    assert main(args(server, "one", "run.generations=1")) == 0
    tried = [r for r in attempts(LEDGER, "one") if r.trailers["Status"] != "seed"]
    assert [r.trailers["Status"] for r in tried] == ["refused"] * 3
    assert all(r.trailers["Evidence"] for r in tried)
    assert all(float(r.trailers["Cost"].split()[0]) > 0 for r in tried), "it was paid for"
    assert len(server.requests) == 6, "one repair turn each"
    memory = Memory(NoLedger(journal(LEDGER, "one")))
    assert all(attempt.genome == attempt.parent for attempt in memory.verdicts.values())


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["llm.models=[gpt-nobody]"], "has no model gpt-nobody. llm.models may name: scripted."),
        (["llm.models=[]", "llm.prices=[]"], "llm.models is empty"),
        (["llm.prices=[]", "llm.budget.usd=1"], "llm.budget.usd=1 cannot be held: nobody says what scripted costs."),
        (["llm.key=env:NOBODY_SET_THIS", "llm.base_url=https://model.invalid/v1"], "No key for"),
        (["llm.key=sk-pasted-into-a-setting"], "llm.key must say where the key is, and never be the key"),
        (["llm.base_url=http://me:sk-pasted@127.0.0.1:9/v1"], "llm.base_url holds more than an address"),
        (["llm.base_url=http://127.0.0.1:9/v1?key=sk-pasted"], "llm.base_url holds more than an address"),
        (["llm.base_url=http://127.0.0.1:9/v1"], "Nobody answers at http://127.0.0.1:9/v1"),
        (["llm.weights=[1,2]"], "llm.weights has 2 numbers for 1 models"),
        (["llm.answer=40000"], "llm.context=32768 leaves no room for a prompt beside llm.answer=40000"),
        (["llm.context=2500", "llm.answer=2000"], "characters for a brief, and one of"),
    ],
)
def test_one_sentence_before_anything_is_spent(
    server: ScriptedServer, more: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(args(server, "one", *more)) == 2
    error = capsys.readouterr().err
    assert error.startswith("evolve: ")
    assert said in error
    assert "Traceback" not in error
    assert server.requests == []
    assert not LEDGER.exists()
    for file in Path().rglob("*"):
        assert not file.is_file() or b"sk-pasted" not in file.read_bytes(), file


def test_a_refused_key(server: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["OPENAI_API_KEY"] = "sk-another-key-than-the-one"
    assert main(args(server, "one")) == 2
    error = capsys.readouterr().err
    assert "refuses the key that env:OPENAI_API_KEY holds" in error
    assert "sk-another" not in error


def test_ctrl_c_ends_a_doctor_whose_server_is_silent(server: ScriptedServer, tmp_path: Path) -> None:
    server.script = lambda request, number: Hang()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "evolve", "doctor", "+domain=finance", "mutator=openai"),
            *("llm.models=[scripted]", f"llm.base_url={server.base_url}"),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    end = time.monotonic() + 200
    while not server.requests and time.monotonic() < end:
        time.sleep(0.05)
    assert server.requests
    process.send_signal(signal.SIGINT)
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, out
    assert "evolve: stopped." in out
