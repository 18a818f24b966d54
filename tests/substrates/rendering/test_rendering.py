"""The rendering domain, with the real sandbox, the real counter and the real cheats."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.cli.configure import composed
from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.population import read_seeds
from evolve.preflight import preflight
from evolve.substrate import Case, Limits, Outcome
from evolve.testing import SubstrateConformance
from evolve.workers import LocalWorkers, RecordedBench
from substrates.rendering.meter import answers, instructions_of
from substrates.rendering.settings import Measure, Objective, RenderingSettings
from substrates.rendering.substrate import Rendering

needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="apt-get install valgrind")
SEED = read_seeds("pkg://populations.rendering.canvas")["canvas"]
SMALL = RenderingSettings(task="canvas", jobs=1, gate=5, audits=2)


@pytest.fixture(scope="module")
def workers() -> Iterator[LocalWorkers]:
    made = LocalWorkers(2)
    yield made
    made.close()


def rendering(settings: RenderingSettings = SMALL) -> Rendering:
    made = Rendering(settings)
    made.admit({"canvas": SEED})
    return made


def tried(
    made: Rendering, workers: LocalWorkers, genome: Genome, stream: str = "trial", audit: bool = False
) -> Outcome:
    bench = RecordedBench(made, workers, {}, lambda key, case, outcome: None)
    conditions = made.conditions(0, {}, "audit" if audit else "confirm")
    return bench.trials([Case(genome, "canvas", conditions, stream)])[0]


class TestCanvas(SubstrateConformance):
    make = staticmethod(lambda: (rendering(), {"canvas": SEED}))
    generations = 1


@needs_valgrind
def test_equal_programs_execute_equally_many_instructions(workers: LocalWorkers) -> None:
    first, second = (tried(rendering(), workers, SEED) for _ in range(2))
    assert first.ok, first.evidence
    assert first.score == second.score


@needs_valgrind
def test_more_work_is_more_instructions_and_the_gain_a_log_ratio(workers: LocalWorkers) -> None:
    made = rendering(replace(SMALL, jobs=4))
    twice = next(c.genome for c in made.controls() if c.kind == "worse")
    assert twice is not None
    bench = RecordedBench(made, workers, {}, lambda key, case, outcome: None)
    conditions = made.conditions(0, {}, "confirm")
    base = Case(SEED, "canvas", conditions, "duel x")
    worse, same = made.compare(base, [replace(base, genome=twice), base], bench)
    assert worse.exact
    assert -0.75 < worse.total < -0.5, "about twice the work"
    assert same.total == 0


@needs_valgrind
@pytest.mark.parametrize("when", ["not asked", "asked"])
def test_work_that_is_wasted_on_import_gains_nothing(when: str, workers: LocalWorkers) -> None:
    """Not where the engine is asked nothing either: what is subtracted is no start of its own."""
    wasted = f"""
asked = open("jobs.jsonl").read().splitlines()
for turn in range(200_000 if {when} else 0):
    pass
"""
    seed = tried(rendering(), workers, SEED)
    burning = tried(rendering(), workers, Genome({**SEED, "engine.py": SEED["engine.py"] + wasted}))
    assert seed.score is not None
    assert burning.score is not None, burning.evidence
    assert burning.score > seed.score


@needs_valgrind
def test_another_program_in_its_place_is_killed(workers: LocalWorkers) -> None:
    """Plain Python answers as well, is counted by nobody, and could say any number."""
    leaving = """
import os, sys
if "COUNTED" not in os.environ:
    print("==7== I   refs:      1,000", file=sys.stderr, flush=True)
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "COUNTED": "no"})
"""
    outcome = tried(rendering(), workers, Genome({**SEED, "engine.py": SEED["engine.py"] + leaving}))
    assert outcome.status == "crash", outcome


@needs_valgrind
def test_what_counts_is_closed_to_the_genome(workers: LocalWorkers) -> None:
    opening = 'open("/proc/self/mem", "r+b").close()\n'
    assert tried(rendering(), workers, Genome({**SEED, "engine.py": SEED["engine.py"] + opening})).status == "crash"


def test_hidden_jobs_are_not_told_by_way_of_a_log(workers: LocalWorkers) -> None:
    """The visible jobs' log may be read: there is nothing in it that the mutator could not know."""
    telling = """
import os, sys
asked = open("jobs.jsonl").read()
def draw(scene, right=draw):
    if len(asked.splitlines()) == 5:
        print("HIDDEN", asked, file=sys.stderr, flush=True)
        os._exit(1)
    return right(scene)
"""
    made = rendering()
    outcome = tried(made, workers, Genome({**SEED, "engine.py": SEED["engine.py"] + telling}))
    assert outcome.status == "crash"
    assert "HIDDEN" not in str(outcome.to_json())
    assert "hidden job" in outcome.evidence["reason"]


@pytest.mark.parametrize("stream", ["select", "audit"])
def test_who_answers_wrongly_where_allocations_are_counted_is_invalid(stream: str, workers: LocalWorkers) -> None:
    pytest.importorskip("memray", reason="pip install -e '.[rendering]'")
    watching = """
import sys
def draw(scene, right=draw):
    return b"" if "memray" in sys.modules else right(scene)
"""
    made = rendering(replace(SMALL, measure=Measure.time))
    genome = Genome({**SEED, "engine.py": SEED["engine.py"] + watching})
    assert tried(made, workers, genome, stream, stream == "audit").status == "invalid"


def test_an_answer_that_only_says_error_has_not_raised() -> None:
    assert answers(b"=6\n!error!0\n") == [b"=!error", b"!error"]


@needs_valgrind
def test_a_gain_that_time_contradicts_is_invalid(workers: LocalWorkers) -> None:
    """As if a genome had written into what counts."""
    made = rendering()
    bench = RecordedBench(made, workers, {}, lambda key, case, outcome: None)
    base = Case(SEED, "canvas", made.conditions(0, {}, "confirm"), "duel x")
    forged = replace(base, genome=Genome({**SEED, "extra.py": ""}))
    bench.remember(forged, Outcome("ok", 0.5))
    (bout,) = made.compare(base, [forged], bench)
    assert bout.failed == "invalid"


def test_every_generation_duels_on_jobs_of_its_own() -> None:
    made = rendering()
    first, second = (made.conditions(g, {}, "confirm") for g in (0, 1))
    assert made._jobs(Case(SEED, "canvas", first, "duel x"), 0) != made._jobs(Case(SEED, "canvas", second, "duel x"), 0)
    assert made._jobs(Case(SEED, "canvas", first, "trial"), 0) == made._jobs(
        Case(SEED, "canvas", second, "trial", 1), 0
    )
    assert made.conditions(0, {}, "select") == made.conditions(1, {}, "select")


@needs_valgrind
def test_comments_cost_nothing(workers: LocalWorkers) -> None:
    said = Genome({**SEED, "engine.py": "# a remark\n" + SEED["engine.py"] + "# and another\n"})
    assert tried(rendering(), workers, said).score == tried(rendering(), workers, SEED).score


def test_what_does_not_compile_is_a_crash(workers: LocalWorkers) -> None:
    outcome = tried(rendering(), workers, Genome({**SEED, "blend.py": "def blend(:\n"}))
    assert outcome.status == "crash"
    assert "compile" in outcome.evidence["reason"]


def test_every_control_behaves(workers: LocalWorkers) -> None:
    made = rendering()
    settings = composed(["+domain=rendering", "substrate.task=canvas", "population.copies=1"])
    checks = list(preflight(settings, made, workers, {"canvas": SEED}))
    assert [c for c in checks if not c.holds] == []
    said = {c.name: c.said for c in checks}
    assert len([name for name in said if name.startswith("cheat")]) >= 6


@pytest.mark.parametrize("measure", [Measure.time, pytest.param(Measure.instructions, marks=needs_valgrind)])
def test_what_is_hidden_stays_hidden_and_what_is_visible_is_shown(measure: Measure, workers: LocalWorkers) -> None:
    made = rendering(replace(SMALL, measure=measure))
    table = Genome({**SEED, "engine.py": "def draw(scene):\n    return b''\n"})
    outcome = tried(made, workers, table)
    assert outcome.status == "invalid"
    assert "visible job 1" in outcome.evidence["reason"]
    assert set(outcome.evidence) == {"reason", "asked", "wanted", "got"}
    cheat = next(c.genome for c in made.controls() if "blending" in c.name)
    assert cheat is not None
    assert tried(made, workers, cheat).status == "invalid"


def test_a_stuck_engine_ends_with_its_clock(workers: LocalWorkers) -> None:
    made = rendering(replace(SMALL, job_seconds=0.5))
    stuck = Genome({**SEED, "engine.py": "def draw(scene):\n    while True:\n        pass\n"})
    outcome = tried(made, workers, stuck)
    assert outcome.status == "timeout"
    assert outcome.score is None


def test_processor_time_is_compared_in_interleaved_pairs(workers: LocalWorkers) -> None:
    made = rendering(replace(SMALL, measure=Measure.time, jobs=6, pairs=4))
    twice = next(c.genome for c in made.controls() if c.kind == "worse")
    assert twice is not None
    bench = RecordedBench(made, workers, {}, lambda key, case, outcome: None)
    base = Case(SEED, "canvas", made.conditions(0, {}, "confirm"), "duel x")
    (bout,) = made.compare(base, [replace(base, genome=twice)], bench)
    assert bout.count == 4
    assert bout.total < 0
    assert not made.deterministic


def test_an_audit_gives_blocks_on_jobs_of_its_own(workers: LocalWorkers) -> None:
    made = rendering(replace(SMALL, measure=Measure.time))
    outcome = tried(made, workers, SEED, "audit", audit=True)
    assert outcome.ok, outcome.evidence
    assert len(outcome.evidence["blocks"]) == SMALL.audits
    select, confirm, audit = (made.conditions(0, {}, purpose)["drawn"] for purpose in ("select", "confirm", "audit"))
    assert select == confirm != audit


def test_pareto_ranks_put_the_front_first() -> None:
    made = rendering(replace(SMALL, objectives=[Objective.work, Objective.allocations]))

    def outcome(work: float, allocations: float) -> Outcome:
        return Outcome("ok", work, {"allocations_per_job": allocations})

    ranks = made.rank(
        [{"a": outcome(1, 9), "b": outcome(9, 1), "c": outcome(9, 9), "d": outcome(10, 10), "e": Outcome("crash")}], {}
    )
    assert sorted(ranks, key=lambda name: -ranks[name])[2:] == ["c", "d", "e"]


def test_answers_are_read_as_far_as_they_are_such() -> None:
    assert answers(b"=3\nabc!0\n=0\n") == [b"abc", b"!error", b""]
    assert answers(b"=3\nabcgarbage") == [b"abc"]
    assert answers(b"=99999999999999999999\n") == []
    assert answers(b"") == []


@pytest.mark.parametrize(
    ("stderr", "count"),
    [
        (b"==7== \n==7== I   refs:      1,234,567\n", 1234567),
        (b"==7== I   refs:      1\n==7== I   refs:      1,234,567\n", None),
        (b"nothing\n", None),
        (b"==7== I   refs:      5\n" + b"x" * 70_000, None),
    ],
)
def test_a_count_is_believed_only_alone(stderr: bytes, count: int | None) -> None:

    assert instructions_of(stderr, Limits(1.0, output_kb=64)) == count


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (RenderingSettings(task="svg"), "substrate.task=svg"),
        (RenderingSettings(jobs=0), "substrate.jobs=0"),
        (RenderingSettings(objectives=[Objective.allocations]), "substrate.objectives"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: RenderingSettings, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Rendering(settings)


def test_a_seed_without_its_entry_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no file engine\.py"):
        Rendering(SMALL).admit({"a": Genome({"other.py": ""})})


def test_only_the_standard_library_is_there(workers: LocalWorkers) -> None:
    if workers.sandbox.kind != "bwrap":
        pytest.skip("apt-get install bubblewrap")
    import numpy

    borrowing = f"import sys\nsys.path.append({str(Path(numpy.__file__).parents[1])!r})\nimport numpy\n"
    made = rendering(replace(SMALL, measure=Measure.time))
    outcome = tried(made, workers, Genome({**SEED, "engine.py": borrowing + SEED["engine.py"]}))
    assert outcome.status == "crash"
    assert "numpy" in outcome.evidence["log"]
