"""What a training on a processor core is promised to be: several hundred steps in 30 s, scored in a fifth of that.

    pip install 'evolve[ml]'
    taskset -c 0 python -m benchmarks.ml_promises

One trial of the seed genome on the default text, as `python -m trainer` runs it. Exit code 1 where a promise is broken.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from trainer.corpus import CorpusSettings, prepare
from trainer.launch import Bare
from trainer.plan import Plan
from trainer.trial import trial

STEPS, SHARE, BYTE = 300, 0.2, 2.0
"""Steps at least, scoring at most as a share of the clock, bits per byte at most."""


def main() -> int:
    plan = Plan(seconds=30.0, context=256, windows=192)
    genome = {"train.py": files("populations.ml.gpt").joinpath("train.py").read_text(encoding="utf-8")}
    with TemporaryDirectory() as cache, Bare.here() as launcher:
        corpus = prepare(CorpusSettings(), Path(cache), least=(plan.context + 1) * plan.windows)
        found = trial(genome, corpus, "validation", plan, 0, launcher, 1)
    if found.bits_per_byte is None:
        print(f"{found.status}: {found.reason}")
        return 1
    share = found.evaluation / plan.seconds
    kept = found.steps >= STEPS and share <= SHARE and found.bits_per_byte <= BYTE
    print(
        f"{found.steps} steps (promised: {STEPS} or more), {found.bits_per_byte:.3f} bits per byte ({BYTE:g} or less), "
        f"loading {found.loading:.1f} s, training {found.training:.1f} s, scoring {found.evaluation:.1f} s: "
        f"{share:.0%} of the clock (promised: {SHARE:.0%} or less)"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
