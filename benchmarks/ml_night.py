"""What a night of training yields on this machine: tokens/s, MFU, bits per byte, and the share of time under the clock.

    python -m benchmarks.ml_night                                     # a core, 30 s each
    python -m benchmarks.ml_night --clock 300 --gpu --text FOLDER     # the five-minute clock on every GPU

The seed genome is trained `--trials` times through the engine's own slots, sandbox and bench, a seed each. Promised: at
most 5 % of the night not training on a GPU with a clock of five minutes, and an MFU of 40 % at depth 8.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from evolve.genome import Genome
from evolve.substrate import Case, Outcome
from evolve.workers import LocalWorkers, RecordedBench
from substrates.ml.settings import Device, MLSettings
from substrates.ml.substrate import ML

__all__ = ["night"]

ROOT = Path(__file__).parents[1]


def night(settings: MLSettings, trials: int, slots: int | None = None) -> dict[str, Any]:
    """`trials` trainings of the seed genome, all at once asked for: what each said, and the whole."""
    substrate = ML(settings)
    text = (ROOT / "populations" / "ml" / "gpt" / "train.py").read_text(encoding="utf-8")
    seeds = substrate.fitted({"gpt": Genome({"train.py": text})})
    began = time.monotonic()
    corpus = substrate.corpus
    prepared = time.monotonic() - began
    substrate.admit(seeds)
    conditions = substrate.conditions(0, {}, "select")
    workers = LocalWorkers(slots, accelerated=substrate.accelerated)
    known: dict[str, Outcome] = {}
    bench = RecordedBench(substrate, workers, known, lambda key, case, outcome: None)
    cases = [Case(seeds["gpt"], "gpt", conditions, "night", repeat) for repeat in range(trials)]
    try:
        said = workers.sandbox.said
        began = time.monotonic()
        outcomes = bench.trials(cases)
        wall = time.monotonic() - began
    finally:
        workers.close()
    under = sum(o.metrics.get("clock_seconds", 0.0) for o in outcomes)
    return {
        "hardware": conditions["hardware"],
        "sandbox": said,
        "slots": workers.slots,
        "corpus_seconds": round(prepared, 1),
        "corpus_mb": {name: round(corpus.split(name).nbytes / 1e6, 2) for name in ("train", "validation", "audit")},
        "wall": round(wall, 1),
        "under_the_clock": round(under / (wall * workers.slots), 4),
        "trials": [{"status": o.status, "score": o.score, **o.metrics, **_why(o)} for o in outcomes],
    }


def _why(outcome: Outcome) -> dict[str, Any]:
    return {} if outcome.ok else {k: outcome.evidence.get(k) for k in ("reason", "log")}


def _settings(args: argparse.Namespace) -> MLSettings:
    """Those of the configuration's clock, and what was given."""
    clock = ROOT / "conf" / "clock" / ("gpu_5min.yaml" if args.gpu else "cpu_30s.yaml")
    settings = MLSettings(**yaml.safe_load(clock.read_text(encoding="utf-8")))
    constants = {**settings.constants, **dict(_constant(one) for one in args.set)}
    return replace(
        settings,
        seconds=args.clock or settings.seconds,
        text=args.text,
        constants=constants,
        device=Device.cuda if args.gpu else Device.cpu,
    )


def _constant(said: str) -> tuple[str, Any]:
    name, _, value = said.partition("=")
    return name, yaml.safe_load(value)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--clock", type=float, help="seconds; else those of the configuration")
    parser.add_argument("--gpu", action="store_true", help="the settings of clock=gpu_5min")
    parser.add_argument("--text", default="stdlib", help="stdlib, a folder, or Parquet")
    parser.add_argument("--slots", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a constant of the genome")
    args = parser.parse_args(argv)
    print(json.dumps(night(_settings(args), args.trials, args.slots), indent=1))


if __name__ == "__main__":
    main()
