"""The ml domain: a program that trains a language model under a fixed clock, scored on text that it never sees.

The clock, the data and the number are the trainer's (`trainer/`): this ties it to the engine's slots and sandbox.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from evolve.errors import SlotLost, UsageError
from evolve.genome import Genome
from evolve.substrate import (
    Bench,
    Case,
    Clock,
    Conditions,
    Control,
    Findings,
    GenomeSettings,
    Limits,
    Metric,
    Outcome,
    Purpose,
    Record,
    Substrate,
    processor_name,
)
from substrates.ml import gate, words
from substrates.ml.controls import controls
from substrates.ml.findings import findings_of
from substrates.ml.settings import Device, MLSettings
from substrates.ml.slot import SlotLauncher
from trainer.constants import with_constants
from trainer.corpus import Corpus, CorpusSettings, prepare
from trainer.errors import BadInput
from trainer.outputs import tracked
from trainer.plan import Plan
from trainer.result import Result
from trainer.trial import trial
from trainer.utilisation import device_name, mfu

__all__ = ["ML"]

_INSTALL = "pip install -e '.[ml]'"

_POINTS = 24
"""Of a training's curve that the evidence keeps."""


class ML(Substrate):
    """A genome trains on a slot's cores or accelerator; bits per byte of held-out text is its score."""

    schema = MLSettings
    sandboxed = True

    def __init__(self, settings: MLSettings) -> None:
        if importlib.util.find_spec("torch") is None:
            raise UsageError(f"+domain=ml trains models with torch, which is not installed: {_INSTALL}")
        self.settings = settings
        _check(settings)
        self.plan = _plan(settings)
        self.accelerated = self.plan.device == "cuda"
        self.metric = Metric(
            "val_bpb",
            "bits/byte",
            "lower",
            "It is the cross-entropy of held-out text: a genome could see that text, look at later tokens, or hold the "
            "clock. Text appears when the clock starts, everything dies at the bell, targets never enter a process "
            "with genome code, and a second process must answer the same about changed text.",
        )
        self.clock = Clock(
            settings.seconds,
            "seconds",
            "all train for equally long; loading and compiling before it and scoring after it have clocks of their own",
            settings.warmup + 2 * settings.evaluation,
        )
        self._seeds: Mapping[str, Genome] = {}

    @cached_property
    def corpus(self) -> Corpus:
        """Prepared once for this machine, and found again."""
        s = self.settings
        wanted = CorpusSettings(source=s.text, glob=s.glob, column=s.column, tokens=s.tokens)
        # Of validation and of audit: a window has context + 1 tokens, each of several bytes where they are pairs.
        least = (self.plan.context + 1) * max(1, self.plan.windows) * (1 if s.tokens == "bytes" else 5)
        try:
            return prepare(wanted, _cache(s.cache), least=least)
        except BadInput as error:
            raise UsageError(str(error)) from None

    # -- before a run --------------------------------------------------------------------------

    def seeds(self, genome: GenomeSettings) -> Mapping[str, Genome] | None:
        _ = self.corpus  # bad text is said now
        return None

    def fitted(self, seeds: Mapping[str, Genome]) -> Mapping[str, Genome]:
        constants = self.settings.constants
        try:
            return {
                name: Genome({**genome, gate.ENTRY: with_constants(genome[gate.ENTRY], constants)})
                if constants and gate.ENTRY in genome
                else genome
                for name, genome in seeds.items()
            }
        except BadInput as error:
            raise UsageError(f"substrate.constants: {error}") from None

    def admit(self, seeds: Mapping[str, Genome]) -> Sequence[str]:
        for name, genome in seeds.items():
            problem = gate.broken(genome) or gate.seeds_itself(genome)
            if problem:
                raise UsageError(f"The seed {name!r} cannot be trained: {problem}.")
        self._seeds = seeds
        return ()

    def brief(self) -> str:
        return words.brief(self.plan, self.corpus.vocabulary, self.settings.text)

    def objections(self, genome: Genome) -> Sequence[str]:
        return gate.objections(genome)

    def unseen(self) -> Sequence[Path]:
        return (self.corpus.folder,)

    def controls(self) -> Iterable[Control]:
        if not self._seeds:
            return ()
        name = min(self._seeds)
        return controls(name, self._seeds[name], {"seconds": min(self.settings.controls, self.settings.seconds)})

    def conditions(self, generation: int, state: Mapping[str, Any], purpose: Purpose) -> Conditions:
        plan = self.plan
        return {
            "split": "audit" if purpose == "audit" else "validation",
            "seconds": plan.seconds,
            "text": self.corpus.digest,
            "tokens": self.settings.tokens,
            "context": plan.context,
            "windows": plan.windows,
            "cores": self.settings.cores,
            "trainings": self.settings.audits if purpose == "audit" else 1,
            "evaluator": _evaluator(),
            "hardware": _hardware(plan.device),
        }

    # -- a trial -------------------------------------------------------------------------------

    def trial(self, case: Case, bench: Bench) -> Outcome:
        if problem := gate.broken(case.genome):
            return Outcome("invalid", evidence={"reason": problem})
        if seeding := gate.seeds_itself(case.genome):
            return Outcome("refused", evidence={"reason": seeding})
        plan = replace(self.plan, seconds=case.conditions["seconds"])
        results: list[Result] = []
        trainings = case.conditions["trainings"]
        for number in range(trainings):
            launcher = SlotLauncher(bench, plan.memory_mb, last=number == trainings - 1)
            result = trial(
                dict(case.genome),
                self.corpus,
                case.conditions["split"],
                plan,
                case.seed + number,
                launcher,
                self.settings.cores,
            )
            if result.status != "ok":
                self._machine_works(result, bench)
                return _failed(result)
            results.append(result)
            if self.settings.curves:
                name = f"{case.genome.digest[:10]}-{case.stream.replace(' ', '-')}-{case.repeat}-{number}"
                tracked(Path(self.settings.curves), name, result)
        return self._outcome(results)

    def _outcome(self, results: Sequence[Result]) -> Outcome:
        scores = [r.bits_per_byte for r in results if r.bits_per_byte is not None]
        last = results[-1]
        use = mfu(last, _hardware(self.plan.device))
        metrics = {
            "clock_seconds": sum(r.training for r in results),
            "loading_seconds": sum(r.loading for r in results),
            "scoring_seconds": sum(r.evaluation for r in results),
            "tokens_per_second": last.tokens_per_second,
            "steps": float(last.steps),
            "million_tokens": last.tokens / 1e6,
            "million_parameters": last.parameters / 1e6,
            "peak_memory_gb": last.peak_mb / 1024,
            "saved_share": last.saved_share,
        }
        if use is not None:
            metrics["mfu_percent"] = 100 * use
        evidence: dict[str, Any] = {"curve": _thinned(last.curve)}
        if len(scores) > 1:
            evidence["trainings"] = scores
        if not last.returned:
            evidence["note"] = "train() was killed at the bell; its last saved weights were scored"
        return Outcome("ok", float(np.mean(scores)), metrics, evidence)

    def _machine_works(self, result: Result, bench: Bench) -> None:
        """Raises SlotLost where it is the accelerator that failed: no genome is to blame."""
        if self.plan.device != "cuda" or result.status != "crash":
            return
        look = bench.run(
            [sys.executable, "-I", "-c", "import torch; torch.zeros(8, device='cuda').sum().item()"],
            Limits(120.0, memory_mb=self.plan.memory_mb, processes=self.plan.processes, file_mb=1),
        )
        if not look.ok:
            said = look.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise SlotLost(f"{', '.join(bench.devices)} does not answer any more: {said or look.reason}")

    def findings(self, record: Record) -> Findings:
        return findings_of(record)


def _failed(result: Result) -> Outcome:
    evidence: dict[str, Any] = {"reason": result.reason}
    if result.log:
        evidence["log"] = result.log[-2000:]
    if result.curve:
        evidence["curve"] = _thinned(result.curve)
    return Outcome(result.status, None, {"clock_seconds": result.training}, evidence)


def _thinned(curve: Sequence[tuple[float, int, float]]) -> list[list[float]]:
    """[seconds, step, nats per token], evenly over the curve."""
    at = sorted({round(i) for i in np.linspace(0, len(curve) - 1, min(_POINTS, len(curve)))}) if curve else []
    return [[round(curve[i][0], 2), curve[i][1], round(curve[i][2], 4)] for i in at]


def _plan(settings: MLSettings) -> Plan:
    device = settings.device
    if device is Device.auto:
        device = Device.cuda if device_name() else Device.cpu
    if device is Device.cuda and not device_name():
        raise UsageError(
            "substrate.device=cuda (as clock=gpu_5min sets it): nvidia-smi names no GPU here. Train on the CPU: "
            "clock=cpu_30s."
        )
    s = settings
    try:
        return Plan(
            seconds=s.seconds,
            warmup=s.warmup,
            evaluation=s.evaluation,
            context=s.context,
            windows=s.windows,
            rows=s.rows,
            probes=s.probes,
            device=device.value,
            memory_mb=s.memory_mb,
            processes=s.processes,
        )
    except ValueError as error:
        raise UsageError(f"substrate.{error}.") from None


def _check(settings: MLSettings) -> None:
    least = {"cores": 0, "audits": 2, "controls": 0.5, "memory_mb": 256, "processes": 8}
    for key, floor in least.items():
        if not getattr(settings, key) >= floor:
            raise UsageError(f"substrate.{key}={getattr(settings, key)} means nothing: give {floor:g} or more.")


def _cache(given: str | None) -> Path:
    if given is not None:
        return Path(given).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "evolve-text"


def _evaluator() -> str:
    """What decides a score: where the trainer's text or torch changes, a new segment opens."""
    texts = [path.read_bytes() for path in sorted(Path(str(files("trainer"))).glob("*.py"))]
    torch = ""
    with suppress(PackageNotFoundError):
        torch = version("torch")
    return hashlib.sha256(b"\0".join([*texts, torch.encode()])).hexdigest()[:16]


def _hardware(device: str) -> str:
    return (device_name() or "cuda") if device == "cuda" else processor_name()
