"""What is built from settings, before a run starts."""

from __future__ import annotations

import json
import re
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy import SEEDS, Toy, ToySettings

from evolve.cli import launch
from evolve.components import load
from evolve.config import (
    AcceptanceSettings,
    LedgerSettings,
    RunSettings,
    SandboxMode,
    Settings,
    WorkersSettings,
)
from evolve.report import Story
from evolve.substrate import Bench, Case, Clock, Outcome
from evolve.workers import local


class Wanting(Toy):
    accelerated = True


def stand_in(monkeypatch: pytest.MonkeyPatch, domain: type[Toy]) -> None:
    """The domain, under any name."""

    def found(group: str, name: str) -> Any:
        return (lambda settings: domain()) if group == "substrates" else load(group, name)

    monkeypatch.setattr(launch, "load", found)


@pytest.mark.parametrize(
    ("domain", "slots", "devices"),
    [
        (Wanting, None, [("cuda:0",), ("cuda:1",), ("cuda:2",)]),
        (Wanting, 2, [("cuda:0",), ("cuda:1",)]),
        (Toy, 2, [(), ()]),
    ],
)
def test_a_slot_an_accelerator_where_the_domain_wants_them(
    monkeypatch: pytest.MonkeyPatch, domain: type[Toy], slots: int | None, devices: list[tuple[str, ...]]
) -> None:
    stand_in(monkeypatch, domain)
    monkeypatch.setattr(local, "accelerators", lambda: ["cuda:0", "cuda:1", "cuda:2"])
    settings = Settings(domain="toy", workers=WorkersSettings(slots=slots))
    with closing(launch.build(settings, SEEDS)) as built, ExitStack() as held:
        found = [held.enter_context(built.workers.lease()).slot.devices for _ in devices]
    assert found == devices


class Sealed(Toy):
    """Programs, some of whose judge lies on this machine."""

    sandboxed = True

    def unseen(self) -> list[Path]:
        return [Path("/somewhere/answers")]


def test_without_a_sandbox_it_is_said_that_answers_can_be_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Sealed)
    settings = Settings(domain="toy", workers=WorkersSettings(slots=1, sandbox=SandboxMode.plain))
    with closing(launch.build(settings, SEEDS)) as built:
        assert any("can look up" in remark and "/somewhere/answers" in remark for remark in built.remarks)


class Night(Toy):
    """Its trials are under a clock of seconds, and noisy."""

    clock = Clock(0.01, "seconds", "a test")
    against_itself = 0

    def __init__(self) -> None:
        super().__init__(ToySettings(noise=0.3))

    def trial(self, case: Case, bench: Bench) -> Outcome:
        Night.against_itself += case.stream.startswith("A/A")
        time.sleep(0.01)
        return replace(super().trial(case, bench), metrics={"clock_seconds": 0.01})


def test_a_night_says_what_fits_what_is_noise_and_how_slots_were_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, Night)
    monkeypatch.setattr(launch, "_SILENCE", 0.0)
    monkeypatch.setattr(Night, "seeds", lambda self, genome: SEEDS)
    ledger = tmp_path / "l.git"

    def night(name: str, level: float) -> tuple[str, Story]:
        settings = Settings(
            domain="toy",
            run=RunSettings(name=name, hours=0.01, generations=2, baselines=[]),
            workers=WorkersSettings(slots=2),
            acceptance=AcceptanceSettings(level=level, bouts=3),
            ledger=LedgerSettings(str(ledger)),
        )
        launch.launch(settings, {"substrate": {}, "llm": {}}, tmp_path / name)
        return capsys.readouterr().out, Story.read(ledger, name)

    said, story = night("one", 0.05)
    assert re.search(
        r"^0\.01 h on 2 slots: about [\d,]+ trials of 0\.01 s or more \(each 0\.\d+ s with loading and scoring, which "
        r"overlap\)$",
        said,
        re.MULTILINE,
    ), said
    assert re.search(r"^Preflight: the seeds, .*\n  baseline: .*\n", said, re.MULTILINE), said
    assert re.search(r"^Slots were busy \d+ % of the time, \d+ % under the clock\.$", said, re.MULTILINE), said
    assert story.floor is not None
    assert story.usage is not None
    assert f"slots were busy {100 * story.usage.busy / story.usage.there:.0f} %" in (
        tmp_path / "one" / "report.html"
    ).read_text(encoding="utf-8")
    (kept,) = (ledger / "evolve" / "preflight").glob("floor-*.json")
    assert json.loads(kept.read_text())["floor"] == story.floor
    before = Night.against_itself
    assert before > 0
    _, again = night("two", 0.1)
    assert (Night.against_itself, again.floor) == (before, story.floor)
