"""Do slow answers hold each other up? Rewrites a run gets from a server that takes its time, beside the ideal.

    python -m benchmarks.llm_pace
    python -m benchmarks.llm_pace --rewrites 80 --seconds 5 --concurrency 16

The engine, the ledger and the client are the real ones; the server is on this machine, answers after so many seconds
and does nothing meanwhile; the domain and the mutator are as small as they can be. Forty lineages are rewritten in one
generation. With answers of 2 s and 8 in flight the ideal is 40 / 8 * 2 = 10 s: from there all overhead of the run
counts, its ledger, its trials and its findings included. As many rewrites are under way as `mutator=openai` lets be
(mutator.concurrency=64): while one answer is tried and written down, another is asked for.

Promised: 1.05 times the ideal at most.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evolve.config import (
    AuditSettings,
    AuditWhen,
    LLMSettings,
    MutatorSettings,
    RunSettings,
    SelectionSettings,
    Settings,
)
from evolve.genome import Genome
from evolve.ledger import Entry, Ledger
from evolve.llm import LLM, Message, Request
from evolve.llm.connect import connect
from evolve.mutators import Mutator
from evolve.run import Run
from evolve.substrate import Bench, Brief, Case, Clock, Metric, Outcome, Rewrite, Substrate
from evolve.testing import ScriptedServer
from evolve.workers import LocalWorkers

__all__ = ["Pace", "pace"]

PROMISED = 1.05


@dataclass(frozen=True)
class NothingSettings:
    """Nothing can be set."""


class Nothing(Substrate):
    """A trial reads its genome and is done."""

    schema = NothingSettings
    metric = Metric("size", "characters", "higher", "Nobody plays.")
    clock = Clock(1, "look", "a look takes no time")
    deterministic = True

    def trial(self, case: Case, bench: Bench) -> Outcome:
        return Outcome("ok", float(case.genome.size), seconds=1e-6)


class Asking(Mutator):
    """The answer is the genome."""

    needs_model = True

    def __init__(self, llm: LLM) -> None:
        self._llm = llm

    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        asked = Request((Message("user", f"Rewrite {brief.lineage}."),), seed=int(rng.integers(2**31)))
        answer = self._llm.ask(asked)
        return [Rewrite(Genome({"agent.md": answer.text}), "writes it anew", cost=answer.cost)]


@dataclass(frozen=True)
class Pace:
    """`calls`: that the server saw; `most`: at most so many at once."""

    seconds: float
    ideal: float
    calls: int
    most: int

    @property
    def ratio(self) -> float:
        return self.seconds / self.ideal


def pace(rewrites: int, seconds: float, concurrency: int) -> Pace:
    """One generation of so many rewrites, by answers of so many seconds."""
    settings = Settings(
        domain="nothing",
        run=RunSettings(generations=1, baselines=[], preflight=False),
        selection=SelectionSettings(rewrite=rewrites, donors=0),
        mutator=MutatorSettings(name="asking", concurrency=64),
        audit=AuditSettings(AuditWhen.never),
    )
    seeds = {f"line-{number}": Genome({"agent.md": f"agent {number}\n"}) for number in range(rewrites)}
    answered = "Rank by momentum; hold the top five; rebalance monthly.\n"
    workers = LocalWorkers(1)
    with (
        tempfile.TemporaryDirectory() as folder,
        ScriptedServer(lambda request, number: f"{answered}{number}\n", delay=seconds) as server,
        Ledger.open(Path(folder) / "lineages.git", "pace") as ledger,
    ):
        asked = LLMSettings(base_url=server.base_url, models=["scripted"], concurrency=concurrency)
        llm = connect(asked, lambda: Path(folder) / "answers")
        ledger.append(Entry("run", "run", {"domain": "nothing"}), summary="run pace")
        run = Run(settings, Nothing(), lambda: Asking(llm), workers, seeds, name="pace", journal=ledger)
        llm.attach(run.memory.calls, run.memory.add_call, print)
        began = time.perf_counter()
        run.execute()
        took = time.perf_counter() - began
        llm.close()
        found = Pace(took, math.ceil(rewrites / concurrency) * seconds, len(server.requests), server.most)
    workers.close()
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rewrites", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=2.0, help="that the server takes for an answer")
    parser.add_argument("--concurrency", type=int, default=8, help="calls in flight")
    options = parser.parse_args(arguments)
    found = pace(options.rewrites, options.seconds, options.concurrency)
    print(
        f"{found.calls} answers of {options.seconds:g} s, {found.most} in flight: {found.seconds:.2f} s, "
        f"ideal {found.ideal:g} s, ratio {found.ratio:.3f} (promised: {PROMISED:g} at most)"
    )


if __name__ == "__main__":
    main()
