"""The benchmark of the seed genome's speed in miniature: it runs, and what it says means something."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="pip install 'evolve[ml]'")

from benchmarks.ml_speed import Pace, Plain, Shape, paces, ratio, told  # noqa: E402

SMALL = {"ASPECT": 16, "HEAD": 16, "ROWS": 4, "CONTEXT": 32, "NGRAM_ROWS": 1024}


def test_both_train_by_turns() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = paces(1, 4.0, SMALL)
    finally:
        torch.set_num_threads(before)
    [(our, their)] = found
    assert our.tokens % 128 == their.tokens % 128 == 0
    assert our.tokens > 0 < their.tokens
    assert 0 < our.share < 1
    assert their.share == 0
    assert all(math.isfinite(x) and x > 0 for x in ratio(found))


def test_ratios_are_of_pairs_and_the_median_counts() -> None:
    pairs = [
        (Pace(100, 1.0, 0.5, 0.01, 0.002), Pace(100, 2.0, 1.0)),
        (Pace(100, 4.0, 2.0, 0.01, 0.002), Pace(100, 4.0, 2.0)),
        (Pace(300, 1.0, 1.0, 0.03, 0.001), Pace(100, 1.0, 1.5)),
    ]
    assert ratio(pairs) == (2.0, 2.0)
    said = told(pairs)
    assert "ratio 2.00 by the wall, 2.00 by the processor" in said
    assert "in the session 1.00%, kept back at its end 0.20%" in said


def test_the_peer_sees_no_later_token() -> None:
    torch.manual_seed(1)
    model = Plain(Shape(vocabulary=32, layers=2, width=16, heads=2, mlp=4, rows=2, context=8))
    tokens = torch.arange(16).view(2, 8)
    changed = tokens.clone()
    changed[:, 5:] += 3
    assert torch.allclose(model(tokens)[:, :5], model(changed)[:, :5], atol=1e-6)
    assert not torch.allclose(model(tokens)[:, 5:], model(changed)[:, 5:])
