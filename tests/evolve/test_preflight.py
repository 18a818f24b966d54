"""The ruler is tested: its noise is measured once, and controls may have a clock of their own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from toy import SEEDS, Toy, ToySettings, guess

from evolve.cli.passed import Passed
from evolve.config import AcceptanceSettings, Method, Settings
from evolve.evidence import Bout
from evolve.preflight import Check, floor_of, preflight
from evolve.substrate import Bench, Case, Clock, Control, Outcome
from evolve.workers import LocalWorkers


class Noisy(Toy):
    """Notes its trials. `hardware` is a condition."""

    clock = Clock(0.01, "seconds", "a test")

    def __init__(self, noise: float = 0.3, hardware: str = "here", controls: Sequence[Control] = ()) -> None:
        super().__init__(ToySettings(noise=noise))
        self.hardware, self.known = hardware, controls
        self.cases: list[Case] = []

    def conditions(self, generation: int, state: Mapping[str, Any], purpose: str) -> dict[str, Any]:
        return {"purpose": purpose, "hardware": self.hardware, "seconds": 300}

    def trial(self, case: Case, bench: Bench) -> Outcome:
        self.cases.append(case)
        return super().trial(case, bench)

    def controls(self) -> Sequence[Control]:
        return self.known

    def against_itself(self) -> int:
        return sum(case.stream.startswith("A/A") for case in self.cases)


def checks(toy: Toy, floors: Passed | None = None, slots: int = 1, **acceptance: Any) -> dict[str, Check]:
    workers = LocalWorkers(slots)
    settings = Settings(domain="toy", acceptance=AcceptanceSettings(**acceptance))
    try:
        more = () if floors is None else (floors,)
        return {c.name: c for c in preflight(settings, toy, workers, SEEDS, *more)}
    finally:
        workers.close()


@pytest.mark.parametrize("noise", [0.05, 0.5])
def test_the_floor_is_the_spread_of_one_paired_difference(noise: float) -> None:
    found = checks(Noisy(noise), slots=4, level=1e-6, beta=1e-6)
    floor = found["A/A"].floor
    assert floor is not None
    # Of 20 differences of two independent trials; a sixth of it is its own spread.
    assert noise * math.sqrt(2) * 0.5 < floor < noise * math.sqrt(2) * 1.5
    assert f"±{floor:.3g}" in found["A/A"].said
    assert found["baseline"].seconds is not None
    assert 0 < found["baseline"].seconds < 10
    json.dumps(found["A/A"].to_json(), allow_nan=False)


def test_a_score_without_noise_has_no_floor() -> None:
    found = checks(Toy())
    assert found["A/A"].floor is None
    assert found["A/A"].to_json() == {"name": "A/A", "said": found["A/A"].said}
    assert found["baseline"].seconds is None, "a guess takes no time by its clock"
    assert floor_of([Bout.of([0.5])]) is None, "one difference has no spread"


def test_a_rule_that_decides_at_once_does_not_hide_the_noise() -> None:
    toy = Noisy()
    floor = checks(toy, method=Method.greedy)["A/A"].floor
    assert floor is not None
    assert toy.against_itself() >= 2 * 5


@pytest.mark.parametrize("slots", [1, 4])
def test_the_floor_is_measured_once_whatever_else_changes(tmp_path: Path, slots: int) -> None:
    kept, first = Passed(tmp_path / "l.git"), Noisy()
    floor = checks(first, kept, slots)["A/A"].floor
    assert first.against_itself() >= 10
    again = Noisy(controls=[Control("far off", "worse", "a", guess(100.0))])
    found = checks(again, kept, slots, level=0.2, method=Method.greedy)
    assert again.against_itself() == 0
    assert found["A/A"].floor == floor
    assert found["far off"].holds
    assert again.cases, "the control and the baseline were run"


@pytest.mark.parametrize("change", ["hardware", "clock", "genome"])
def test_what_the_floor_depends_on_measures_it_anew(
    tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Passed(tmp_path / "l.git")
    checks(Noisy(), kept)
    other = Noisy(hardware="elsewhere" if change == "hardware" else "here")
    if change == "clock":
        other.clock = Clock(0.02, "seconds", "a test")
    if change == "genome":
        monkeypatch.setitem(SEEDS, "a", guess(0.5))  # type: ignore[arg-type]
    checks(other, kept)
    assert other.against_itself() >= 10


def test_an_interrupted_measurement_goes_on_where_it_was(tmp_path: Path) -> None:
    kept = Passed(tmp_path / "l.git")

    class InTurn(Noisy):
        def ahead(self, incumbent: Case, challengers: Sequence[Case]) -> Sequence[Case]:
            return ()

    class Cut(InTurn):
        def trial(self, case: Case, bench: Bench) -> Outcome:
            if case.stream.startswith("A/A") and case.repeat == 3:
                raise KeyboardInterrupt
            return super().trial(case, bench)

    with pytest.raises(KeyboardInterrupt):
        checks(Cut(), kept)
    rest, whole = InTurn(), InTurn()
    assert checks(rest, kept)["A/A"] == checks(whole)["A/A"]
    assert rest.against_itself() == whole.against_itself() - 2 * 3


def test_a_control_may_have_a_shorter_clock_and_its_incumbent_has_the_same() -> None:
    short = Control("a cheat", "cheat", "a", guess(100.0), conditions={"seconds": 5})
    plain = Control("far off", "worse", "a", guess(90.0))
    toy = Noisy(controls=[short, plain])
    found = checks(toy)
    assert found["a cheat"].holds
    assert found["far off"].holds
    seen = {(c.genome["agent.txt"].strip(), c.conditions["seconds"], c.conditions["hardware"]) for c in toy.cases}
    cheat, known = ("100.0", 5, "here"), ("90.0", 300, "here")
    assert {cheat, known, ("0.0", 5, "here"), ("0.0", 300, "here")} <= seen
    assert ("100.0", 300, "here") not in seen
    assert all(c.conditions["seconds"] == 300 for c in toy.cases if c.stream.startswith("A/A"))


def test_a_cheat_that_wins_is_seen_however_few_bouts_a_contest_may_have() -> None:
    cheat = Control("cheat: is better", "cheat", "c", guess(3.0))
    assert not checks(Noisy(noise=0.05, controls=[cheat]), bouts=1)["cheat: is better"].holds
