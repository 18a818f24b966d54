"""What the morning's page says of a night of training."""

from __future__ import annotations

from evolve.evidence import Duel
from evolve.genome import Genome
from evolve.substrate import Attempt, Outcome, Record, Rewrite
from substrates.ml.findings import findings_of

SEED, BETTER = Genome({"train.py": "seed"}), Genome({"train.py": "better"})
CURVE = [[0.0, 1, 5.0], [1.0, 9, 2.0]]


def attempt(genome: Genome, outcome: Outcome, verdict: str) -> Attempt:
    return Attempt("gpt", 0, genome, SEED, Rewrite(genome, "try"), outcome, Duel(), 0.05, verdict)


def audited(*scores: float) -> Outcome:
    return Outcome("ok", sum(scores) / len(scores), {}, {"trainings": list(scores), "curve": CURVE})


def record(champion: Genome) -> Record:
    return Record(
        seeds={"gpt": SEED},
        champions=({"gpt": SEED},),
        outcomes=({"gpt": Outcome("ok", 3.0)},),
        states=({},),
        attempts=(
            attempt(Genome({"train.py": "lucky"}), Outcome("ok", 2.5), "discard"),
            attempt(Genome({"train.py": "broken"}), Outcome("crash", None, {}, {"reason": "no memory"}), "crash"),
            attempt(BETTER, Outcome("ok", 2.75), "keep"),
        ),
        final={"gpt": champion},
        state={},
        audits={("gpt", SEED.digest): audited(3.0, 3.1, 3.2), ("gpt", BETTER.digest): audited(2.7, 2.81, 2.9)},
    )


def test_the_best_score_is_a_kept_one() -> None:
    chart = next(chart for chart in findings_of(record(BETTER)).charts if chart.title == "The best score over attempts")
    assert chart.lines == (("best kept", (3.0, 3.0, 2.75)),)


def test_a_gain_has_an_interval_and_a_curve() -> None:
    found = findings_of(record(BETTER))
    assert found.helped
    assert 0 < found.figures["gain_low"] < found.figures["gain"] < found.figures["gain_high"]
    assert [chart.title for chart in found.charts] == ["The best score over attempts", "How they train"]
    assert any("no memory" in row for table in found.tables for row in table.rows)


def test_nothing_kept_is_no_evidence() -> None:
    found = findings_of(record(SEED))
    assert not found.helped
    assert found.sentence.startswith("No evidence of a gain")
