"""Numbers as a person reads them."""

from __future__ import annotations

import pytest

from evolve.cli.console import generation_line
from evolve.printable import rounded
from evolve.substrate import Metric, Outcome


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (0.01234, "0.0123"),
        (-1.234, "-1.23"),
        (999.4, "999"),
        (999.6, "1,000"),
        (1979.6, "1,980"),
        (-28_800.2, "-28,800"),
        (1e12, "1e+12"),
    ],
)
def test_three_digits_and_all_before_the_point(value: float, said: str) -> None:
    assert rounded(value) == said


def test_a_slow_run_is_told_by_the_hour() -> None:
    what = {"attempts": [], "outcomes": {"a": Outcome("ok", 1979.6)}, "seconds": 60.0, "generation": 1, "left": 11}
    line = generation_line(what, Metric("elo", "Elo", "higher", "why"))
    assert line == "generation 1, 11 left; best 1,980; kept 0 of 0; trials: 0 an hour, 0 a night; about 11 min left"
