"""How many trials a night holds, and how its slots were used."""

from __future__ import annotations

import pytest

from evolve.cli.night import fits
from evolve.substrate import Clock

HALF = Clock(30.0, "seconds", "a test", 10.0)
SEEN = [{"name": "sandbox", "said": "holds"}, {"name": "baseline", "said": "worked", "seconds": 36.0}]


@pytest.mark.parametrize(
    ("said", "given"),
    [
        (
            "8 h on 2 slots: about 1,600 trials of 30 s (each 36 s with loading and scoring)",
            {"slots": 2, "overlap": False, "checks": SEEN},
        ),
        (
            "8 h on 2 slots: about 1,600 trials of 30 s or more (each 36 s with loading and scoring, which overlap)",
            {"slots": 2, "overlap": True, "checks": SEEN},
        ),
        ("8 h on 1 slot: about 720 trials of 30 s (each 40 s with its grace)", {"checks": []}),
        ("7.5 h on 1 slot: about 680 trials of 30 s (each 40 s with its grace)", {"before": 1800.0}),
        ("0 h on 1 slot: about 0 trials of 30 s (each 40 s with its grace)", {"before": 50_000.0}),
    ],
)
def test_what_fits_is_said(said: str, given: dict[str, object]) -> None:
    asked = {"before": 0.0, "slots": 1, "clock": HALF, "overlap": True, "checks": [], **given}
    assert fits(8.0, **asked) == said  # type: ignore[arg-type]
