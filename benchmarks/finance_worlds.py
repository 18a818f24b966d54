"""Does the loop claim what is not there, and find what is? Runs in worlds whose answer is known.

    python -m benchmarks.finance_worlds null --seeds 40
    python -m benchmarks.finance_worlds momentum --seeds 10 --sharpe 2.0
    python -m benchmarks.finance_worlds regime --seeds 10 --sharpe 2.0

One line a seed, then the counts with exact binomial bounds. A full run takes about 12 s a seed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy.stats import binomtest

from evolve.cli.configure import composed
from evolve.config import AuditSettings, AuditWhen, RunSettings
from evolve.mutators import Embedded
from evolve.population import read_seeds
from evolve.run import Result, Run
from evolve.workers import LocalWorkers
from substrates.finance.substrate import Finance
from substrates.finance.worlds import MOMENTUM, REGIME, null_world, planted_world

__all__ = ["Played", "later_differences", "play"]

RULES = {"momentum": MOMENTUM, "regime": REGIME}


@dataclass(frozen=True)
class Played:
    """A run in one world."""

    finance: Finance
    result: Result

    @property
    def helped(self) -> bool:
        return self.result.findings is not None and bool(self.result.findings.helped)

    def figure(self, name: str) -> float:
        return self.result.findings.figures[name] if self.result.findings else math.nan


def play(world: str, seed: int, sharpe: float = 0.0, generations: int | None = None) -> Played:
    """The default finance run (its settings, its seeds), in the null or a planted world of this seed."""
    real = Finance()
    if world == "null":
        panel = null_world(real.panel, seed, real.calendar)
    else:
        panel = planted_world(real.panel, seed, RULES[world], sharpe, real.calendar, real.settings.team())
    finance = Finance(panel=panel)
    settings = replace(
        composed(["+domain=finance", f"seed={seed}"]),
        run=RunSettings(generations=generations, baselines=["frozen"], preflight=False),
        audit=AuditSettings(AuditWhen.never),
    )
    seeds, workers = read_seeds(settings.population.path), LocalWorkers(1)
    finance.admit(seeds)
    try:
        result = Run(settings, finance, lambda: Embedded(finance, settings.mutator), workers, seeds).execute()
    finally:
        workers.close()
    return Played(finance, result)


def later_differences(played: Played) -> list[float]:
    """Of each kept child: its mean daily difference to its parent, after the window in which it was kept."""
    record, finance, found = played.result.record, played.finance, []
    for attempt in record.attempts:
        if attempt.verdict != "keep":
            continue
        state = record.states[attempt.generation]
        start = int(state.get("start", finance.calendar.first)) + finance.settings.window
        if start >= finance.calendar.end - finance.settings.window:
            continue
        desk = finance.desk
        child, parent = (desk.agent(attempt.lineage, g) for g in (attempt.genome, attempt.parent))
        team = desk.team(record.champions[attempt.generation])
        found.append(float(desk.paired(child, parent, team, slice(start, finance.calendar.end)).mean()))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("world", choices=["null", *RULES])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--sharpe", type=float, default=2.0, help="realised, a year, net of costs (planted worlds)")
    parser.add_argument("--generations", type=int, help="fewer than the whole walk")
    options = parser.parse_args(arguments)
    claims, p05, children = 0, 0, 0
    later: list[float] = []  # a world's mean: children that were kept in one world are no independent evidence
    for seed in range(options.first, options.first + options.seeds):
        played = play(options.world, seed, options.sharpe, options.generations)
        claims += played.helped
        p05 += played.figure("p") < 0.05 and played.figure("difference") > 0
        differences = later_differences(played)
        children += len(differences)
        later += [sum(differences) / len(differences)] if differences else []
        print(
            f"{options.world} seed {seed}: kept {played.figure('kept'):.0f} of {played.figure('attempts'):.0f}; "
            f"Sharpe difference {played.figure('difference'):+.3f}, p {played.figure('p'):.4f}"
            f"{', claimed' if played.helped else ''}",
            flush=True,
        )
    share = binomtest(claims, options.seeds).proportion_ci(method="exact")
    bounds = f"exact 95 % bounds {share.low:.3f} to {share.high:.3f}"
    print(f"claimed in {claims} of {options.seeds} ({bounds}); p < 0.05 in {p05}")
    if len(later) > 1:
        mean = sum(later) / len(later)
        error = math.sqrt(sum((d - mean) ** 2 for d in later) / (len(later) - 1) / len(later))
        said = f"{mean * 1e4:+.3f} bps ± {error * 1e4:.3f} (one standard error)"
        print(f"later daily difference of {children} kept children, means of {len(later)} worlds: {said}")


if __name__ == "__main__":
    main()
