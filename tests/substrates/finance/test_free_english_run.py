"""Free English from the command line to the report, over a server of this machine that answers by a script."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evolve.__main__ import main
from evolve.ledger import attempts, journal
from evolve.testing.server import ScriptedServer

AGENTS = {
    "fear": ("macro", "exposure", "When people are afraid I halve what we hold."),
    "winners": ("style", "selection", "I buy the five stocks that did best over a year and look again each month."),
    "chief": ("decision", "allocation", "- Weigh agents equally.\n- No stock may be a fifth of it all."),
}
READ_AS = {
    "When people are afraid I halve what we hold.": "Halve exposure when the VIX is above 30.",
    "I buy the five stocks that did best over a year and look again each month.": "Rank by 12-month return; hold the "
    "top 5; rebalance monthly.",
    "No stock may be a fifth of it all.": "Cap each stock at 20 %.",
}
LEDGER = Path("lineages.git")


def answer(request: dict[str, Any], number: int) -> str:
    said = [json.loads(line.partition(": ")[2]) for line in request["messages"][1]["content"].split("\n")]
    told = [{"number": i, "sentences": [READ_AS[text]], "why": ""} for i, text in enumerate(said, start=1)]
    return json.dumps({"passages": told})


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(answer) as made:
        yield made


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, server: ScriptedServer) -> Iterator[Path]:
    """Where a short run has ended."""
    folder, before = tmp_path_factory.mktemp("run"), Path.cwd()
    agents = folder / "agents"
    agents.mkdir()
    for name, (layer, role, lines) in AGENTS.items():
        text = f"# {name}\n\nLayer: {layer}\nRole: {role}\n\n## Directives\n\n{lines}\n\n## Constraints\n\nNone.\n"
        (agents / f"{name}.md").write_text(text, encoding="utf-8")
    os.chdir(folder)
    try:
        assert main(_run("free", server, "run.generations=2")) == 0
        yield folder
    finally:
        os.chdir(before)


def _run(name: str, server: ScriptedServer, *more: str) -> list[str]:
    asked = ["substrate.reader=openai", "llm.models=[scripted]", f"llm.base_url={server.base_url}"]
    out = [f"run.name={name}", f"hydra.run.dir=out-{name}"]
    return ["+domain=finance", "population.path=agents", "run.baselines=[frozen]", *asked, *out, *more]


def _readings(server: ScriptedServer) -> int:
    """Requests that were about passages: a server may be asked once what it can do."""
    return sum(len(request["messages"]) > 1 for request in server.requests)


def test_each_text_is_read_once_and_recorded(place: Path, server: ScriptedServer) -> None:
    assert _readings(server) == len(AGENTS)
    calls = [entry for entry in journal(place / LEDGER, "free") if entry.kind == "call"]
    assert len(calls) >= len(AGENTS)
    assert "afraid" not in json.dumps([dict(entry.value) for entry in calls])  # an answer, and never a prompt


def test_the_report_says_what_was_understood(place: Path) -> None:
    found = json.loads((place / "out-free" / "findings.json").read_text(encoding="utf-8"))["findings"]
    (table,) = [table for table in found["tables"] if table["title"] == "What the reader understood"]
    assert {row[1]: row[2] for row in table["rows"]} == READ_AS
    page = (place / "out-free" / "report.html").read_text(encoding="utf-8")
    for said, sentence in READ_AS.items():
        assert said in page
        assert sentence in page


def test_replaying_asks_nothing_and_holds(
    place: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    record = next(r for r in attempts(place / LEDGER, "free") if r.trailers["Status"] in ("keep", "discard"))
    before = len(server.requests)
    assert main(["replay", record.commit]) == 0, capsys.readouterr().out
    assert "It holds" in capsys.readouterr().out
    assert _readings(server) == len(AGENTS)
    assert len(server.requests) == before


def test_a_run_without_the_answers_at_hand_asks_again_and_ends_the_same(place: Path, server: ScriptedServer) -> None:
    assert main(_run("again", server, "run.generations=2", "llm.cache=false")) == 0
    assert _readings(server) == 2 * len(AGENTS)
    trees = [[r.tree for r in attempts(place / LEDGER, run)] for run in ("free", "again")]
    assert trees[0] == trees[1]


def test_a_budget_that_is_too_small_stops_a_run_which_goes_on_with_more(
    place: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    poor = ("run.generations=2", "llm.cache=false", "llm.budget.calls=1")
    assert main(_run("poor", server, *poor)) == 0
    out = capsys.readouterr().out
    assert "llm.budget.calls=1 is spent: 1 calls; resume the run with a larger cap" in out
    assert "resume=poor" in out
    before = _readings(server)
    assert main(["resume=poor", "llm.budget.calls=9"]) == 0
    assert _readings(server) == before + len(AGENTS) - 1
    trees = [[r.tree for r in attempts(place / LEDGER, run)] for run in ("free", "poor")]
    assert trees[0] == trees[1]


def test_a_budget_that_is_too_small_for_a_preflight_is_said(
    place: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    other = ("llm.cache=false", "llm.budget.calls=1", "acceptance.level=0.2")  # a preflight that is not remembered
    assert main(_run("poorer", server, *other)) == 2
    assert "llm.budget.calls=1 is spent: 1 calls. Give more to go on." in capsys.readouterr().err
