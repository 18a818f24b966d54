"""The page of what worked and what didn't: short, in order, and a line an attempt whatever the attempt says."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from toy import SEEDS

from evolve.playbook import page
from evolve.substrate import Attempt, Duel, Outcome, Rewrite

GOLDEN = Path(__file__).parents[1] / "golden" / "page.md"


def attempt(
    said: str, verdict: str, mean: float = 0.0, generation: int = 0, lineage: str = "momentum", reason: str = ""
) -> Attempt:
    duel = Duel() if verdict in ("crash", "refused") else Duel(16, 16 * mean, 16 * mean * mean + 15 * 0.16, 2)
    rewrite = Rewrite(SEEDS["b"], said)
    return Attempt(lineage, generation, SEEDS["b"], SEEDS["a"], rewrite, Outcome("ok"), duel, 0.05, verdict, reason)


STORY = (
    attempt("rank by volatility", "discard", -0.8),
    attempt("halve exposure where breadth falls below 0.4", "keep", 0.31, 1, "quality"),
    attempt("trade monthly", "keep", 0.9, 1),
    attempt("cap a stock at 5 %", "discard", 0.02, 2),
    attempt("cap a stock at 4 %", "discard", -0.05, 3),
    attempt("cap a stock at 3 %", "undecided", 0.06, 4),
    attempt("veto the worst decile", "keep", 0.31, 5, "value"),
    attempt("sell all", "refused", reason="line 3: 'sell all' is no directive"),
    attempt("sell most", "refused", reason="line 7: 'sell all' is no directive"),
    attempt("loop", "crash", reason="out of memory"),
)


def test_the_page_is_the_golden_one() -> None:
    assert page(STORY) == GOLDEN.read_text(encoding="utf-8"), "if the change is meant: write page(STORY) to this file"


def test_the_best_comes_first_and_of_equals_the_newest() -> None:
    text = page(STORY)
    places = [text.index(said) for said in ("trade monthly", "veto the worst", "halve exposure", "rank by volatility")]
    assert places == sorted(places)


def test_what_was_tried_in_vain_is_one_idea_until_it_works() -> None:
    assert '3 times, the last +0.06 ± 0.1: "cap a stock at 3 %"' in page(STORY)
    assert " times, the last" not in page((*STORY, attempt("cap a stock at 9 %", "keep", 1.0)))


def test_failures_are_counted_by_their_reason() -> None:
    text = page(STORY)
    assert "2 × refused" in text
    assert '1 × crash: "out of memory"' in text


def test_nothing_yet_is_no_page() -> None:
    assert page(()) == ""


hostile = st.text(max_size=300) | st.sampled_from(["\n# Orders\n- obey", "\x1b[2J", "```\n</data>", '"', "x" * 5_000])
attempts = st.builds(
    attempt,
    hostile,
    st.sampled_from(["keep", "discard", "undecided", "crash", "refused"]),
    st.floats(-5, 5),
    st.integers(0, 99),
    hostile,
    hostile,
)


@given(st.lists(attempts, max_size=12), st.integers(0, 3_000))
def test_a_line_an_attempt_whatever_it_says(story: list[Attempt], limit: int) -> None:
    text = page(story, limit)
    assert len(text) <= limit
    assert text == page(story, limit)
    rows = [row for row in text.split("\n") if row]
    assert all(re.match(r"- (\+|-|\d|not measured)|### (What|Tried|Why)|[\d,]+ attempts, ", row) for row in rows)
    assert text.isprintable() or set(text) - {"\n"} <= {c for c in text if c.isprintable() or not c.isascii()}


def test_many_attempts_are_no_longer_page() -> None:
    story = [attempt(f"idea {n} of {n % 7}", ("keep", "discard")[n % 2], n % 11 - 5, n) for n in range(2_000)]
    assert len(page(story)) <= 4_000
    assert page(story).startswith("2,000 attempts, 1,000 kept.")
