"""The seed engine agrees with python-liquid; each control is what its name says.

LIQUID_JOBS=5000 compares more pages than the suite has time for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.substrate import Control
from substrates.rendering.liquid import Liquid
from substrates.rendering.task import Job
from substrates.rendering.templates import page

SEED = Path(__file__).parents[3] / "populations" / "rendering" / "liquid" / "liquid"
JOBS = int(os.environ.get("LIQUID_JOBS", "300"))

WORKER = """
import json, os, sys
sys.path.insert(0, os.getcwd())
from engine import render
answers = []
for template, data in json.load(sys.stdin):
    try:
        answers.append(render(template, data))
    except Exception as error:
        answers.append({"raised": type(error).__name__})
sys.__stdout__.write(json.dumps(answers))
"""


def seed() -> Genome:
    return Genome({path.name: path.read_text(encoding="utf-8") for path in SEED.glob("*.py")})


@pytest.fixture(scope="module")
def jobs() -> list[Job]:
    try:
        return Liquid().jobs(seed=7, count=JOBS)
    except UsageError as error:
        pytest.skip(str(error))


def run(
    genome: Genome, folder: Path, jobs: Sequence[Job], timeout: float = 20 + JOBS / 20
) -> subprocess.CompletedProcess[bytes]:
    for path, text in genome.items():
        (folder / path).write_text(text, encoding="utf-8")
    stdin = json.dumps([job.args for job in jobs]).encode()
    command = [sys.executable, "-S", "-B", "-c", WORKER]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=folder, timeout=timeout, check=False)


def answers(genome: Genome, folder: Path, jobs: Sequence[Job]) -> list[Any]:
    ran = run(genome, folder, jobs)
    assert ran.returncode == 0, ran.stderr.decode()
    found = json.loads(ran.stdout)
    assert isinstance(found, list)
    return found


def wrong(genome: Genome, folder: Path, jobs: Sequence[Job]) -> list[int]:
    """The jobs that the genome answers otherwise; any exception is an answer to what must raise."""
    found = answers(genome, folder, jobs)
    said = [b"!error" if isinstance(answer, dict) else answer.encode() for answer in found]
    return [i for i, (job, answer) in enumerate(zip(jobs, said, strict=True)) if job.expected != answer]


def control(word: str) -> Control:
    found = [each for each in Liquid().controls(seed()) if word in each.name]
    assert len(found) == 1
    return found[0]


def genome(word: str) -> Genome:
    found = control(word).genome
    assert found is not None
    return found


def test_the_seed_agrees_on_fresh_pages(jobs: list[Job], tmp_path: Path) -> None:
    assert wrong(seed(), tmp_path, jobs) == []


def test_the_seed_agrees_on_the_golden_cases(tmp_path: Path) -> None:
    assert wrong(seed(), tmp_path, Liquid().visible()) == []


def test_python_liquid_agrees_with_the_golden_cases() -> None:
    liquid = pytest.importorskip("liquid", reason="needs python-liquid: pip install -e '.[rendering]'")
    for job in Liquid().visible():
        try:
            expected = liquid.Environment().from_string(job.args[0]).render(job.args[1]).encode()
        except liquid.exceptions.LiquidError:
            expected = b"!error"
        assert expected == job.expected, job.args[0]


def test_malformed_templates_raise_the_one_error_of_the_engine(jobs: list[Job], tmp_path: Path) -> None:
    malformed = [job for job in [*jobs, *Liquid().visible()] if job.expected == b"!error"]
    assert len(malformed) > JOBS * 0.05
    assert all(answer == {"raised": "LiquidError"} for answer in answers(seed(), tmp_path, malformed))


def test_a_damaged_page_is_rendered_or_refused_and_nothing_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    damaged = []
    for index in range(120):
        template, data = page(np.random.default_rng([11, index]))
        at = int(rng.integers(len(template)))
        piece = str(rng.choice(["{", "}", "%}", "{{", "|", "'", "..", "[", "]", ":", "-", ""]))
        damaged.append(Job((template[:at] + piece + template[at + int(rng.integers(4)) :], data), b""))
    found = answers(seed(), tmp_path, damaged)
    refused = [answer for answer in found if not isinstance(answer, str)]
    assert len(found) == 120
    assert 10 < len(refused) < 110
    assert all(answer == {"raised": "LiquidError"} for answer in refused)


def test_equal_seeds_give_equal_jobs_whatever_the_count(jobs: list[Job]) -> None:
    assert Liquid().jobs(7, 20) == jobs[:20]
    assert Liquid().jobs(8, 1) != jobs[:1]


def test_the_jobs_are_fresh_and_say_something(jobs: list[Job]) -> None:
    assert len({job.args[0] for job in jobs}) == len(jobs)
    assert not {job.args[0] for job in jobs} & {job.args[0] for job in Liquid().visible()}
    assert all(job.args == tuple(json.loads(json.dumps(job.args))) for job in jobs)
    everything = "".join(job.args[0] for job in jobs)
    for part in ("{% for", "{% case", "{% unless", "{% capture", "{% tablerow", "{% cycle", "offset:continue", "{%-"):
        assert part in everything
    for text in ("| escape", "| where", "| sort", "| map", "| truncate", "| url_encode", "| strip_html", "| round"):
        assert text in everything


def test_without_python_liquid_the_install_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "liquid", None)
    with pytest.raises(UsageError, match=r"pip install -e '\.\[rendering\]'"):
        Liquid().jobs(0, 1)


def test_every_control_is_a_genome_of_its_own() -> None:
    found = Liquid().controls(seed())
    genomes = {each.genome for each in found} | {seed()}
    assert len(genomes) == len(found) + 1
    assert {each.kind for each in found} == {"null", "worse", "cheat"}


@pytest.mark.parametrize("word", ["null", "twice", "remembers", "table", "clocks"])
def test_controls_that_render_well_gain_nothing_by_their_answers(word: str, jobs: list[Job], tmp_path: Path) -> None:
    assert wrong(genome(word), tmp_path, jobs[:60]) == []
    assert wrong(genome(word), tmp_path, Liquid().visible()) == []


def test_the_table_has_the_visible_answers_without_any_engine(tmp_path: Path) -> None:
    shown = [job for job in Liquid().visible() if job.expected != b"!error"]
    gutted = Genome({**genome("table"), "original.py": ""})
    assert wrong(gutted, tmp_path, shown) == []


def test_without_escaping_pages_are_wrong(jobs: list[Job], tmp_path: Path) -> None:
    assert wrong(genome("escaping"), tmp_path, jobs[:60])
    assert wrong(genome("escaping"), tmp_path, Liquid().visible())


@pytest.mark.parametrize("template", ["{", "{ {{ site.name }}", "body { color: red }"])
def test_a_stray_brace_hangs_the_control_and_not_the_seed(template: str, tmp_path: Path) -> None:
    data = {"site": {"name": "moss"}}
    assert answers(seed(), tmp_path, [Job((template, data), b"")]) == [template.replace("{{ site.name }}", "moss")]
    with pytest.raises(subprocess.TimeoutExpired):
        run(genome("stray"), tmp_path, [Job((template, data), b"")], timeout=0.7)
    assert answers(genome("stray"), tmp_path, [Job(("{{ site.name }}", data), b"")]) == ["moss"]


def test_the_stopped_clocks_stand_still(tmp_path: Path) -> None:
    for path, text in genome("clocks").items():
        (tmp_path / path).write_text(text, encoding="utf-8")
    code = (
        "import sys, os; sys.path.insert(0, os.getcwd()); import engine, time, resource; sum(range(10**6)); "
        "print(time.perf_counter(), time.process_time_ns(), resource.getrusage(resource.RUSAGE_SELF).ru_utime)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=tmp_path, timeout=20, check=True)
    assert ran.stdout.split() == [b"0.0", b"0", b"0"]


def test_the_own_score_is_written_and_nothing_is_rendered(tmp_path: Path) -> None:
    ran = run(genome("own score"), tmp_path, Liquid().visible())
    assert ran.returncode == 0
    assert json.loads((tmp_path / "score.json").read_text())["score"] == 1
    assert b"METRIC score=1" in ran.stdout
    assert b"Moss" not in ran.stdout
