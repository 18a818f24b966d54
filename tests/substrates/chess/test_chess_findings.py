"""What a run of chess says at its end."""

from __future__ import annotations

from typing import Any

from evolve.genome import Genome
from evolve.substrate import Outcome, Record
from substrates.chess.findings import findings_of

SEED, CHILD = Genome({"engine.py": "1"}), Genome({"engine.py": "2"})
SLIP = {"fen": "8/8/8/8/8/8/8/K1k5 w - - 0 1", "played": "a1a2", "better": "a1b1", "lost": 321}


def measured(elo: float, **evidence: Any) -> Outcome:
    return Outcome("ok", elo, {"elo_low": elo - 50, "elo_high": elo + 50, "pairs": 20.0}, evidence)


def record(final: Genome, gain: tuple[float, float, float]) -> Record:
    first = measured(1500, play={"ends": {"checkmate": 3, "late": 1}}, slips=[SLIP])
    second = measured(1580, play={"ends": {"checkmate": 4}})
    figures = dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
    audit = Outcome("ok", 1500 + gain[0], {**figures, "pairs": 200.0})
    return Record(
        {"a": SEED},
        ({"a": SEED}, {"a": final}),
        ({"a": first}, {"a": second}),
        ({}, {}),
        (),
        {"a": final},
        {},
        {("a", final.digest): audit},
    )


def test_a_gain_is_said_with_its_interval_and_pairs() -> None:
    found = findings_of(record(CHILD, (42.0, 11.0, 73.0)))
    assert "a beats its seed, by +42 Elo (95 % interval +11 to +73) in 200 pairs" in found.sentence
    assert found.helped
    assert found.figures == {"gain": 42.0, "gain_low": 11.0, "gain_high": 73.0}


def test_what_the_interval_does_not_show_is_not_claimed() -> None:
    found = findings_of(record(CHILD, (12.0, -9.0, 33.0)))
    assert "cannot be shown to beat" in found.sentence
    assert found.helped is False
    assert findings_of(record(SEED, (0.0, 0.0, 0.0))).sentence.startswith("No evidence")


def test_ends_slips_and_ratings_are_told() -> None:
    found = findings_of(record(CHILD, (42.0, 11.0, 73.0)))
    tables = {table.title: table for table in found.tables}
    assert tables["How champions' games ended"].rows == (("checkmate", 7), ("late", 1))
    assert tables["Moves that lost games"].rows == ((SLIP["fen"], "a1a2", "a1b1", 321),)
    (row,) = tables["Champions"].rows
    assert row[3:6] == ("1500 (1450 to 1550)", "1580 (1530 to 1630)", "+42")
    (chart,) = found.charts
    assert chart.lines[0] == ("rating", (1500, 1580))
    assert type(found).from_json(found.to_json()) == found
