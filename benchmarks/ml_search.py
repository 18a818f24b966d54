"""Which mutator lowers bits per byte most at an equal number of attempts? On the small setting, against random search.

    python -m benchmarks.ml_search --seeds 3 --attempts 8 --clock 5

Each run is `python -m evolve +domain=ml` with one lineage, that keeps whatever looks better in one more training beside
its parent's (greedy: with so few trainings little else is kept). Then its champion is trained anew on the audit split,
as often as the seed was and from the same seeds; a gain is the mean difference of bits per byte. Random search draws
the marked numbers around the seed; the model is `llm=local` unless `--llm` says other settings.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import t as student

__all__ = ["ARMS", "Ended", "interval", "played"]

ARMS = {
    "random": ("mutator=random", "selection.parent=seed"),
    "offline": ("mutator=genetic",),
    "model": ("mutator=openai",),
    "hybrid": ("mutator=hybrid",),
}
_ASKS = {"model", "hybrid"}
_LEVEL = 0.95


@dataclass(frozen=True)
class Ended:
    """A run: `gain` in bits per byte on the audit split (0 where nothing was kept), of `attempts` those `kept` and
    `failed` (no score, or no genome)."""

    gain: float
    attempts: int
    kept: int
    failed: int


def played(arm: str, seed: int, attempts: int, clock: float, audits: int, folder: Path, model: Sequence[str]) -> Ended:
    """One run in `folder`. Raises RuntimeError with its last words where it ends with an error, or too early."""
    name = f"{arm}-{seed}"
    words = [
        "+domain=ml",
        f"run.name={name}",
        f"seed={seed}",
        f"substrate.seconds={clock}",
        f"substrate.audits={audits}",
        f"run.trials={attempts}",
        f"run.generations={2 * attempts}",
        "run.preflight=false",
        "run.baselines=[]",
        "population.copies=1",
        "selection.rewrite=1",
        "acceptance.method=greedy",
        "acceptance.bouts=1",
        f"hydra.run.dir=out/{name}",
        *ARMS[arm],
        *(model if arm in _ASKS else ()),
    ]
    done = subprocess.run([sys.executable, "-m", "evolve", *words], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name}: {(done.stdout + done.stderr)[-2000:]}")
    headline = json.loads((folder / "out" / name / "headline.json").read_text(encoding="utf-8"))
    if headline["ended"] is None:  # it waits to be gone on with, for a model that didn't answer, say
        raise RuntimeError(f"{name} has not ended: {(done.stdout + done.stderr)[-2000:]}")
    figures = headline["figures"]
    return Ended(figures.get("gain", 0.0), headline["attempts"], headline["kept"], headline["failed"])


def interval(gains: Sequence[float]) -> tuple[float, float, float]:
    """Mean and a two-sided t interval over runs."""
    mean = float(np.mean(gains))
    if len(gains) < 2:
        return mean, math.nan, math.nan
    half = float(student.ppf((1 + _LEVEL) / 2, len(gains) - 1) * np.std(gains, ddof=1) / math.sqrt(len(gains)))
    return mean, mean - half, mean + half


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--attempts", type=int, default=8)
    parser.add_argument("--clock", type=float, default=5.0)
    parser.add_argument("--audits", type=int, default=3)
    parser.add_argument("--llm", nargs="*", default=["llm=local"])
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="search-") as folder:
        found: dict[str, list[Ended]] = {arm: [] for arm in args.arms}
        for seed in range(args.seeds):
            for arm in args.arms:
                ended = played(arm, seed, args.attempts, args.clock, args.audits, Path(folder), args.llm)
                found[arm].append(ended)
                print(f"{arm:8} seed {seed}: {ended}", flush=True)
    print(f"\n{'mutator':8} {'gain':>8}  {_LEVEL:.0%} interval      attempts  kept  failed")
    for arm, runs in found.items():
        mean, low, high = interval([run.gain for run in runs])
        sums = [sum(getattr(run, what) for run in runs) for what in ("attempts", "kept", "failed")]
        print(f"{arm:8} {mean:8.4f}  {low:8.4f} to {high:7.4f}  {sums[0]:8} {sums[1]:5} {sums[2]:7}")


if __name__ == "__main__":
    main()
