"""A whole domain in under 60 lines: guess a hidden number, with or without noise. What adding one costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evolve.genome import Genome
from evolve.substrate import Bench, Brief, Case, Clock, Control, Metric, Outcome, Rewrite, Substrate


@dataclass(frozen=True)
class ToySettings:
    target: float = 3.0
    noise: float = 0.0


def guess(number: float) -> Genome:
    return Genome({"agent.txt": f"{number!r}\n"})


class Toy(Substrate):
    schema = ToySettings
    metric = Metric("error", "units", "lower", "The target is in no file that a genome could read.")
    clock = Clock(1, "guess", "one guess costs nothing")

    def __init__(self, settings: ToySettings = ToySettings()) -> None:
        self.settings = settings
        self.deterministic = settings.noise == 0

    def trial(self, case: Case, bench: Bench) -> Outcome:
        try:
            number = float(case.genome["agent.txt"])
        except ValueError:
            return Outcome("refused", evidence={"reason": "the genome is not a number"})
        noise = self.settings.noise * np.random.default_rng([case.seed, int(case.genome.digest, 16)]).normal()
        return Outcome("ok", abs(number - self.settings.target) + float(noise), {"guess": number})

    def controls(self) -> Sequence[Control]:
        worse = Control("far off", "worse", "a", guess(100.0))
        return [worse, Control("words", "cheat", "a", Genome({"agent.txt": "the target"}))]

    def propose(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        number = float(brief.parent["agent.txt"])
        steps = [number + step for step in (-1.0, -0.25, 0.25, 1.0)]
        rng.shuffle(steps)
        said = f"for {number:g} gave {brief.outcome.score}"
        found = [Rewrite(guess(step), f"tries {step:g}, {said}") for step in steps]
        for name, donor in brief.donors.items():
            middle = (number + float(donor["agent.txt"])) / 2
            found.append(Rewrite(guess(middle), f"meets {name} half-way", donors=(name,)))
        return found


SEEDS = {name: guess(number) for name, number in {"a": 0.0, "b": 1.5, "c": 9.0, "d": -4.0}.items()}
