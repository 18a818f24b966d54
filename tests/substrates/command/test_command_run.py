"""Whole runs over a small repository: ends, findings, resume, export; and the conformance suite."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from plain_bench import SMALL, git, repository, state_of, write

from evolve.__main__ import main
from evolve.config import AcceptanceSettings, RunSettings, SelectionSettings, Settings
from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.ledger import journal
from evolve.population import copied
from evolve.run import Result, Run
from evolve.substrate import Attempt, Brief, Duel, GenomeSettings, Outcome, Rewrite, Substrate
from evolve.testing import Scripted, SubstrateConformance
from evolve.workers import LocalWorkers
from substrates.command import ends
from substrates.command.settings import CommandSettings
from substrates.command.substrate import Command

COUNT = CommandSettings(
    measure="./measure.sh", check="./check.sh", metric="lines", direction="lower", seconds=20, deterministic=True
)


@pytest.fixture(autouse=True)
def _plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return repository(tmp_path / "small", SMALL)


def shorter(brief: Brief) -> Sequence[Rewrite]:
    """Takes the last line away, as long as there is one."""
    lines = brief.parent["src/words.txt"].splitlines(keepends=True)
    return [Rewrite(Genome({**brief.parent, "src/words.txt": "".join(lines[:-1])}), f"drops {lines[-1].strip()}")]


def run(place: Path, generations: int = 8, **settings: object) -> Result:
    substrate = Command(replace(COUNT, repository=str(place), **settings))
    seeds = substrate.seeds(GenomeSettings(include=["src/**"]))
    assert seeds is not None
    substrate.admit(seeds)
    made = Settings(
        domain="command",
        run=RunSettings(generations=generations, baselines=[], preflight=False),
        selection=SelectionSettings(rewrite=1, donors=0),
        acceptance=AcceptanceSettings(bouts=4),
    )
    workers = LocalWorkers(1)
    try:
        return Run(made, substrate, lambda: Scripted(shorter), workers, seeds).execute()
    finally:
        workers.close()


def test_a_run_keeps_what_is_better_and_correct(place: Path) -> None:
    before = state_of(place)
    result = run(place, 5)
    assert [a.verdict for a in result.record.attempts] == ["keep", "keep", "keep", "invalid"]
    assert result.record.final["small"]["src/words.txt"] == "one\n"
    assert "the check failed" in result.record.attempts[3].reason
    findings = result.findings
    assert findings is not None
    assert findings.score == 2.0
    assert findings.figures["gain_factor"] == pytest.approx(5 / 2)
    assert findings.sentence == (
        "3 of 4 attempts were kept; by its duels, small is better than the unmodified code by a factor of 2.5; in the "
        "audit lines is 2, and 5 unmodified."
    )
    (table,) = [t for t in findings.tables if t.title == "Lineages"]
    assert table.rows == (("small", 3, "× 2.5", "2"),)
    assert state_of(place) == before


def test_time_like_scores_are_decided_by_pairs(place: Path) -> None:
    noisy = "#!/bin/sh\necho METRIC lines=$(($(cat src/words.txt src/more/extra.txt | wc -l)*1000 + EVOLVE_SEED % 7))\n"
    write(place, {"measure.sh": noisy})
    git(place, "commit", "--quiet", "--all", "--message", "noisy")
    result = run(place, 2, deterministic=False, pairs=3)
    first = result.record.attempts[0]
    assert first.verdict == "keep"
    assert first.duel.count >= 3
    assert first.duel.mean == pytest.approx(math.log(5 / 4), rel=0.01)


def test_a_run_ends_at_its_target(place: Path) -> None:
    result = run(place, target=3.0)
    assert result.reason == "the target is reached: lines is 3, and substrate.target=3"
    assert len(result.record.attempts) == 2


def test_a_run_ends_when_the_metric_is_saturated(place: Path) -> None:
    result = run(place, saturation=0.4, saturation_generations=2)
    assert result.reason == "saturated: in 2 generations no kept change gained substrate.saturation=0.4"
    assert len(result.record.attempts) == 2


def attempt(effect: float, verdict: str = "keep", score: float = 8.0) -> Attempt:
    genome, duel = Genome({"a": "b"}), Duel(count=2, total=2 * effect)
    return Attempt("a", 0, genome, genome, Rewrite(genome, "x"), Outcome("ok", score), duel, 0.05, verdict)


def test_the_ends_of_a_run() -> None:
    log = CommandSettings(direction="lower", saturation=0.05, saturation_generations=2, target=3.0, metric="ms")
    state = ends.advance(log, {}, {"a": Outcome("ok", 4.0), "b": Outcome("crash")}, [attempt(math.log(1.1))])
    assert state == {"best": 4.0, "gains": [pytest.approx(0.1)], "tried": 1}
    assert ends.stop(log, None, state) is None
    state = ends.advance(log, state, {"b": Outcome("crash")}, [attempt(0.5, "discard"), attempt(0.5, "undecided")])
    assert state == {"best": 4.0, "gains": [pytest.approx(0.1), 0.0], "tried": 3}
    state = ends.advance(log, state, {"a": Outcome("ok", 5.0)}, [])
    assert str(ends.stop(log, None, state)).startswith("saturated")
    assert ends.stop(replace(log, saturation=None), 3, state) == "maxIterations=3 of the repository's config.json"
    assert ends.stop(replace(log, direction="higher"), None, {"best": 3.0}) is not None
    assert ends.stop(log, None, {"best": 3.5}) is None
    assert ends.stop(log, None, {}) is None


@pytest.mark.parametrize(
    ("settings", "effect", "score", "gain"),
    [
        (CommandSettings(direction="lower"), math.log(2), 1.0, 1.0),
        (CommandSettings(direction="lower", scale="plain"), 2.0, 8.0, 0.25),
        (CommandSettings(direction="lower", scale="plain"), 2.0, -8.0, 1 / 3),
        (CommandSettings(direction="higher", scale="plain"), 2.0, 2.0, 1.0),
        (CommandSettings(direction="higher", scale="plain"), 2.0, 8.0, 2 / 6),
        (CommandSettings(direction="higher", deterministic=True), 2.0, 4.0, 1.0),
    ],
)
def test_gains_are_fractions_of_the_parent(settings: CommandSettings, effect: float, score: float, gain: float) -> None:
    assert ends.fraction(settings, attempt(effect, score=score)) == pytest.approx(gain)


# -- from the command line -----------------------------------------------------------------------

LINE = [
    "+domain=command",
    "substrate.repository=small",
    "substrate.measure=./measure.sh",
    "substrate.check=./check.sh",
    "substrate.metric=lines",
    "substrate.direction=lower",
    "substrate.deterministic=true",
    "genome.include=[src/**]",
    "mutator.name=embedded",
    "run.baselines=[]",
    "run.name=night",
]


def propose(self: Command, brief: Brief, rng: object) -> list[Rewrite]:
    rewrites = shorter(brief)
    return [r for r in rewrites if r.genome.digest not in brief.tried]


def test_a_night_from_the_command_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: Command, brief: Brief, rng: object) -> list[Rewrite]:
        if brief.generation:
            raise KeyboardInterrupt
        return propose(self, brief, rng)

    monkeypatch.setattr(Command, "propose", interrupted)
    assert main([*LINE, "run.generations=2"]) == 130
    assert "small at " in capsys.readouterr().out
    entries = journal(Path("lineages.git"), "night")
    assert sorted(e.key for e in entries if e.kind == "seed") == ["small-1", "small-2", "small-3", "small-4"]
    begun = next(e.value for e in entries if e.kind == "run")
    head = git(place, "rev-parse", "HEAD").strip()
    assert begun["settings"]["substrate"]["commit"] == begun["conditions"]["base"] == head
    assert begun["settings"]["substrate"]["repository"] == str(place)
    # The repository moves on, and is dirty; the run goes on over the commit that it began with.
    write(place, {"src/words.txt": "one\nand more\n"})
    git(place, "commit", "--quiet", "--all", "--message", "someone else's")
    write(place, {"src/words.txt": "one\ndirty\n"})
    moved = state_of(place)
    monkeypatch.setattr(Command, "propose", propose)
    assert main(["resume=night"]) == 0
    assert (
        "8 of 8 attempts were kept; by its duels, small-1 is better than the unmodified code by a factor of 1.667;"
        in " ".join(capsys.readouterr().out.split())
    )
    assert state_of(place) == moved
    assert main(["export", "small-1", "--repository", "small"]) == 0
    branch = "evolve/night/small-1"
    assert git(place, "log", "--format=%s", branch).splitlines() == ["drops three", "drops four", "what is there"]
    assert git(place, "show", f"{branch}:src/words.txt") == "one\ntwo\n"
    assert state_of(place)[0] == moved[0]
    record = next(e for e in journal(Path("lineages.git"), "night") if e.kind == "verdict")
    assert record.attempt is not None
    assert main(["replay", record.attempt]) == 0
    assert "It holds" in capsys.readouterr().out


def test_copies_of_seeds() -> None:
    one, two = Genome({"a": "1"}), Genome({"a": "2"})
    assert copied({"x": one}, 1) == {"x": one}
    assert copied({"x": one, "y": two}, 2) == {"x-1": one, "x-2": one, "y-1": two, "y-2": two}
    with pytest.raises(UsageError, match=r"population.copies=2: there is an agent 'x-1' already"):
        copied({"x": one, "x-1": two}, 2)


def conforming() -> tuple[Substrate, Mapping[str, Genome]]:
    shutil.rmtree("conforming", ignore_errors=True)
    place = repository(Path("conforming").resolve(), SMALL)
    substrate = Command(replace(COUNT, repository=str(place)))
    seeds = substrate.seeds(GenomeSettings(include=["src/**"]))
    assert seeds is not None
    substrate.admit(seeds)
    return substrate, copied(seeds, 2)


def conforming_noisy() -> tuple[Substrate, Mapping[str, Genome]]:
    substrate, seeds = conforming()
    assert isinstance(substrate, Command)
    substrate = Command(replace(substrate.settings, deterministic=False, pairs=2))
    substrate.seeds(GenomeSettings(include=["src/**"]))
    return substrate, seeds


class TestCommand(SubstrateConformance):
    make = staticmethod(conforming)


class TestNoisyCommand(SubstrateConformance):
    make = staticmethod(conforming_noisy)
