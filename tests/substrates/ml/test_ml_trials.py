"""Real trainings in the sandbox: what is scored, what is refused, and what a lost GPU is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from test_ml_run import write_text

import trainer.trial
from evolve.errors import SlotLost
from evolve.genome import Genome
from evolve.substrate import Case, Limits, Outcome, Ran
from evolve.testing.conformance import SubstrateConformance
from evolve.workers import LocalWorkers, RecordedBench
from substrates.ml.controls import controls
from substrates.ml.settings import Device, MLSettings
from substrates.ml.substrate import ML
from trainer.launch import Bare
from trainer.plan import Plan
from trainer.result import Result

SEED = Path(__file__).parents[3] / "populations" / "ml" / "gpt" / "train.py"
SHORT: Mapping[str, Any] = {"CONTEXT": 64}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="pip install -e '.[ml]'")
    folder = tmp_path_factory.mktemp("ml")
    write_text(folder / "text")
    return folder


def settings(folder: Path, **given: Any) -> MLSettings:
    text = {"text": str(folder / "text"), "cache": str(folder / "cache"), "constants": dict(SHORT)}
    small = {"seconds": 3.0, "windows": 12, "context": 64, "device": Device.cpu, "audits": 2}
    return MLSettings(**{**text, **small, **given})


def made(folder: Path, **given: Any) -> tuple[ML, Mapping[str, Genome]]:
    domain = ML(settings(folder, **given))
    seeds = domain.fitted({"gpt": Genome({"train.py": SEED.read_text(encoding="utf-8")})})
    domain.admit(seeds)
    return domain, seeds


@pytest.fixture(scope="module")
def tried(here: Path) -> Iterator[Callable[[Genome], Outcome]]:
    """A trial of a genome, in the sandbox."""
    if shutil.which("bwrap") is None:
        pytest.skip("apt-get install bubblewrap")
    domain, _ = made(here, text="stdlib", context=128, constants={})
    workers = LocalWorkers(1)
    bench = RecordedBench(domain, workers, {}, lambda key, case, outcome: None)
    conditions = domain.conditions(0, {}, "confirm")

    def trial(genome: Genome) -> Outcome:
        return bench.trials([Case(genome, "gpt", conditions, "trial", 0)])[0]

    yield trial
    workers.close()


@pytest.fixture(scope="module")
def cheats(here: Path) -> dict[str, Genome]:
    _, seeds = made(here)
    return {c.name: c.genome for c in controls("gpt", seeds["gpt"], {}) if c.genome is not None}


def test_what_lies_on_this_machine_cannot_be_looked_up(
    tried: Callable[[Genome], Outcome], cheats: dict[str, Genome]
) -> None:
    """It learns by heart what it finds beside its text: without the covers what is scored, 3.0 bits a byte (measured
    with a clock of 8 s); with them a few files of other text, which help little."""
    outcome = tried(cheats["cheat: looks the text up on this machine"])
    assert not outcome.ok or (outcome.score is not None and outcome.score > 6), outcome


def test_later_tokens_are_refused(tried: Callable[[Genome], Outcome], cheats: dict[str, Genome]) -> None:
    outcome = tried(cheats["cheat: looks at later tokens"])
    assert outcome.status == "refused"
    assert "later" in outcome.evidence["reason"]


def test_what_trains_on_after_the_bell_gains_nothing(
    tried: Callable[[Genome], Outcome], cheats: dict[str, Genome]
) -> None:
    outcome = tried(cheats["cheat: trains on after the bell"])
    assert not outcome.ok or (outcome.score is not None and outcome.score > 7.5), outcome


def test_training_after_the_bell_would_win(
    cheats: dict[str, Genome], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is killed and the judge counts late: else that control would prove nothing."""
    waits = trainer.trial._Trial._wait

    def late(*arguments: Any) -> None:
        waits(*arguments)
        time.sleep(6.0)

    monkeypatch.setattr(trainer.trial._Trial, "_wait", late)
    domain, _ = made(here)
    plan = Plan(seconds=1.0, windows=4, context=64)
    with Bare.here() as launcher:
        found = trainer.trial.trial(
            dict(cheats["cheat: trains on after the bell"]), domain.corpus, "validation", plan, 0, launcher
        )
    assert found.bits_per_byte is not None
    assert found.bits_per_byte < 7.5


@pytest.mark.parametrize("name", ["cheat: patches the loss", "cheat: prints a better score"])
def test_a_number_is_never_the_genomes(
    tried: Callable[[Genome], Outcome], cheats: dict[str, Genome], name: str
) -> None:
    outcome = tried(cheats[name])
    assert outcome.score is None or outcome.score > 7.5


def test_a_picked_seed_costs_no_clock(tried: Callable[[Genome], Outcome], cheats: dict[str, Genome]) -> None:
    outcome = tried(cheats["cheat: picks its seed"])
    assert outcome.status == "refused"
    assert "clock_seconds" not in outcome.metrics


class _DeadGPU:
    """A bench on whose accelerator nothing runs any more."""

    devices = ("cuda:0",)

    def run(self, argv: list[str], limits: Limits, **given: Any) -> Ran:
        return Ran("crash", 1, stderr=b"RuntimeError: CUDA error: unspecified launch failure")


def test_a_gpu_that_does_not_answer_is_the_machines_fault(here: Path) -> None:
    domain, _ = made(here)
    object.__setattr__(domain.plan, "device", "cuda")
    with pytest.raises(SlotLost, match="cuda:0 does not answer any more: RuntimeError: CUDA error"):
        domain._machine_works(Result("crash", "CUDA error"), _DeadGPU())  # type: ignore[arg-type]
    domain._machine_works(Result("invalid", "the loss was nan"), _DeadGPU())  # type: ignore[arg-type]


class TestML(SubstrateConformance):
    generations = 1

    @pytest.fixture(autouse=True)
    def _made(self, here: Path) -> None:
        self.make = lambda: made(here, seconds=8.0)  # type: ignore[method-assign]
