"""What a run of chess says at its end."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import numpy as np

from evolve.genome import Genome
from evolve.substrate import Attempt, Duel, Outcome, Record, Rewrite
from substrates.chess.findings import findings_of
from substrates.chess.rating import Rung, head_to_head

SEED, CHILD = Genome({"engine.py": "1"}), Genome({"engine.py": "2"})
SLIP = {"fen": "8/8/8/8/8/8/1R6/K3k3 w - - 0 1", "played": "a1a2", "better": "a1b1", "lost": 321}
WON, DRAWN = (10, 20, 60, 60, 50), (20, 40, 70, 45, 25)
RUNGS = {name: Rung(name, elo, 12.0) for name, elo in (("n500", 1800.0), ("n1", 1500.0))}


def measured(elo: float, **evidence: Any) -> Outcome:
    figures = {"elo_low": elo - 50, "elo_high": elo + 50, "pairs": 20.0, "games": 40.0, "contaminated": 0.0}
    return Outcome("ok", elo, figures | evidence.pop("metrics", {}), evidence)


def record(final: Genome, tally: tuple[int, ...], lineages: str = "a", **metrics: float) -> Record:
    """The champion of each lineage is another engine, if it is no seed."""
    met = {"n500": [0, 1, 0, 0, 1], "n1": [0, 0, 0, 0, 3]}
    first = measured(1500, play={"ends": {"checkmate": 3, "late": 1}}, slips=[SLIP, SLIP], met=met, metrics=metrics)
    second = measured(1580, play={"ends": {"checkmate": 4}}, met={"n500": [0, 0, 2, 0, 0]})
    finals = {n: final if final == SEED else Genome({"engine.py": final["engine.py"] + n}) for n in lineages}
    audit = Outcome("ok", 1550.0, evidence={"tally": list(tally)})
    return Record(
        dict.fromkeys(lineages, SEED),
        (dict.fromkeys(lineages, SEED), finals),
        (dict.fromkeys(lineages, first), dict.fromkeys(lineages, second)),
        ({}, {}),
        (),
        finals,
        {},
        {(name, genome.digest): audit for name, genome in finals.items()},
    )


def test_a_gain_is_said_with_its_interval_and_pairs() -> None:
    found = findings_of(record(CHILD, WON))
    gain = head_to_head(WON, np.random.default_rng(1))
    assert gain is not None
    assert gain.low > 0
    said = f"a beats its seed, by {gain.elo:+.0f} Elo (95 % interval {gain.low:+.0f} to {gain.high:+.0f}) in 200 pairs"
    assert said in found.sentence
    assert found.helped
    assert (found.score, found.scored) == (gain.elo, "Elo gained, held out")
    assert found.figures == {"gain": gain.elo, "gain_low": gain.low, "gain_high": gain.high}


def test_the_best_of_many_champions_needs_more_evidence_than_one() -> None:
    """A tally whose 95 % interval just leaves nothing out is none where it is the best of twelve."""
    tally = (22, 38, 58, 50, 40)
    alone, among = findings_of(record(CHILD, tally)), findings_of(record(CHILD, tally, "abcdefghijkl"))
    assert alone.helped
    assert among.helped is False
    assert "the best of 12 being told" in among.sentence
    assert among.figures["gain"] == alone.figures["gain"]


def test_what_the_interval_does_not_show_is_not_claimed() -> None:
    found = findings_of(record(CHILD, DRAWN))
    assert "cannot be shown to beat" in found.sentence
    assert found.helped is False
    nothing = findings_of(record(SEED, WON))
    assert nothing.sentence.startswith("No evidence")
    assert nothing.score == 0.0, "a run that kept nothing gained nothing, beside others of its sweep"


def test_ends_slips_ratings_and_who_met_whom_are_told() -> None:
    found = findings_of(record(CHILD, WON), RUNGS)
    tables = {table.title: table for table in found.tables}
    assert tables["How champions' games ended"].rows == (("checkmate", 7), ("late", 1))
    assert tables["Moves that lost games"].rows == ((SLIP["fen"], "a1a2", "a1b1", 321),)
    (row,) = tables["Champions"].rows
    assert row[3:5] == ("1500 (1450 to 1550)", "1580 (1530 to 1630)")
    assert tables["Cross table: points of games"].columns == ("champion", "n500")
    assert tables["Cross table: points of games"].rows == (("a", "2 of 4"),)
    assert tables["The ladder"].rows == (("n1", 1500, "12", "6 of 6"), ("n500", 1800, "12", "4.5 of 8"))
    (chart,) = found.charts
    assert chart.lines[0] == ("rating", (1500, 1580))
    assert type(found).from_json(found.to_json()) == found


def test_a_league_has_a_cross_table_and_no_ladder() -> None:
    found = findings_of(record(CHILD, WON, "ab"), None)
    tables = {table.title: table for table in found.tables}
    assert tables["Cross table: points of games"].rows == (("a, b", "2 of 4"),)
    assert "The ladder" not in tables


def test_each_position_where_a_game_was_lost_is_a_picture() -> None:
    (picture,) = findings_of(record(CHILD, WON)).pictures
    assert picture.said == "White played Ka2 (red); Kb1 (green) is 3.2 pawns better."
    drawn = ElementTree.fromstring(picture.svg)
    assert drawn.tag.endswith("svg")
    assert picture.svg.count("<use ") == 3, "two kings and a rook"


def test_an_audit_that_was_refused_is_told() -> None:
    known = record(CHILD, WON)
    refused = Outcome("refused", evidence={"reason": "it computes while its opponent has the move"})
    found = findings_of(Record(**{**vars(known), "audits": dict.fromkeys(known.audits, refused)}))
    assert found.sentence == "No evidence of a gain: of 0 attempts none was kept."
    assert found.notes == ("The audit of a does not count: refused, it computes while its opponent has the move.",)


def test_games_on_a_busy_machine_are_told() -> None:
    assert findings_of(record(CHILD, WON)).notes == ()
    (note,) = findings_of(record(CHILD, WON, contaminated=3.0)).notes
    assert "In 3 of 80 games" in note


def test_contests_are_told_with_their_pairs_the_kept_first() -> None:
    def attempt(verdict: str, tally: tuple[int, ...]) -> Attempt:
        duel = Duel(sum(tally), tally=tally)
        rewrite = Rewrite(CHILD, f"makes it {verdict}")
        return Attempt("a", 2, CHILD, SEED, rewrite, Outcome("ok"), duel, 0.05, verdict)

    attempts = (attempt("discard", DRAWN), attempt("keep", WON), attempt("crash", ()))
    known = record(CHILD, WON)
    found = findings_of(Record(**{**vars(known), "attempts": attempts}))
    rows = next(table for table in found.tables if table.title == "Children against their parents").rows
    assert [row[:9] for row in rows] == [(2, "a", "keep", 200, *WON), (2, "a", "discard", 200, *DRAWN)]
