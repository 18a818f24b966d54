"""Trials of honest genomes, and of those that are merely wrong: each ends in time, with one clear reason."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from genomes import changed, with_train

from trainer.corpus import Corpus
from trainer.launch import Bare
from trainer.plan import Plan
from trainer.result import Result
from trainer.trial import trial

pytest.importorskip("torch", reason="pip install -e '.[ml]'")

PLAN = Plan(seconds=60.0, context=32, windows=8, rows=8)
"""A clock that is never used up: these genomes return after a few steps."""

FEW = ("STEPS = 200", "STEPS = 5")
ENOUGH = ("STEPS = 200", "STEPS = 60")


def scored(result: Result) -> float:
    assert result.status == "ok", (result.reason, result.log)
    assert result.bits_per_byte is not None
    return result.bits_per_byte


@pytest.fixture(scope="module")
def plain(tiny: Corpus, warm: Bare) -> Result:
    return trial(changed(*ENOUGH), tiny, "validation", PLAN, 0, warm)


def test_a_plain_model_beats_guessing(plain: Result) -> None:
    assert scored(plain) < 4.0 < math.log2(256)
    assert plain.returned
    assert plain.saved_share == 1.0
    assert plain.steps == 60
    assert plain.tokens == 60 * 16 * 32
    assert plain.parameters > 10_000
    assert plain.differs < 1e-3
    assert 0 < plain.training < 60


def test_its_curve_falls_and_is_of_steps_and_seconds(plain: Result) -> None:
    seconds, steps, losses = zip(*plain.curve, strict=True)
    assert list(seconds) == sorted(seconds)
    assert list(steps) == sorted(steps)
    assert losses[0] == pytest.approx(math.log(256), abs=1.0)
    assert losses[-1] < losses[0]


def test_a_score_does_not_depend_on_the_size_of_a_request_nor_on_who_started_it(plain: Result, tiny: Corpus) -> None:
    """The same seed, other batches, and a Python of its own: the same number."""
    other = Plan(seconds=60.0, context=32, windows=8, rows=3)
    with Bare.here() as bare:
        found = trial(changed(*ENOUGH), tiny, "validation", other, 0, bare)
    assert scored(found) == pytest.approx(scored(plain), rel=1e-5)


def test_another_seed_and_another_split_give_another_score(plain: Result, tiny: Corpus, warm: Bare) -> None:
    found = trial(changed(*ENOUGH), tiny, "audit", PLAN, 1, warm)
    assert found.split == "audit"
    assert scored(found) != pytest.approx(scored(plain), rel=1e-6)


def test_a_fixed_seed_in_the_genome_leaves_the_luck_of_the_batches(tiny: Corpus, warm: Bare) -> None:
    fixed = changed(*FEW, "    model = Model", "    torch.manual_seed(5)\n    model = Model")
    first, second = (scored(trial(fixed, tiny, "validation", PLAN, seed, warm)) for seed in (0, 1))
    assert first != pytest.approx(second, rel=1e-9)


def test_whoever_watches_is_told(tiny: Corpus, warm: Bare) -> None:
    told: list[tuple[float, int, float]] = []
    plan = Plan(seconds=2.5, context=32, windows=2)
    genome = changed("STEPS = 200", "STEPS = 0 - 1")
    scored(trial(genome, tiny, "validation", plan, 0, warm, watch=lambda *seen: told.append(seen)))
    assert told
    assert all(0 < seconds < 2.5 and steps >= 0 for seconds, steps, _ in told)


def test_the_genome_of_the_handbook_is_one(tiny: Corpus, warm: Bare) -> None:
    text = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    (genome,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert scored(trial({"train.py": genome}, tiny, "validation", Plan(seconds=4.0, windows=2), 0, warm)) < 9


def test_what_never_returns_is_killed_and_scored_by_what_it_saved(tiny: Corpus) -> None:
    """Equal odds for all bytes, which no training gives: what was saved last is what was scored."""
    genome = with_train("""
session.start(model)
session.save()
nn.init.zeros_(model.head.weight)
nn.init.zeros_(model.head.bias)
session.save()
nn.init.ones_(model.head.bias[:128])
while True:
    pass
""")
    with Bare.here() as bare:
        found = trial(genome, tiny, "validation", Plan(seconds=3.0, context=32, windows=8), 0, bare)
    assert scored(found) == pytest.approx(8.0, abs=1e-5)
    assert not found.returned
    assert found.training == pytest.approx(3.0, abs=2.0)


def test_what_hangs_before_it_starts_costs_its_warm_up_and_its_clock(tiny: Corpus, warm: Bare) -> None:
    genome = with_train("import time\ntime.sleep(300)")
    plan = Plan(seconds=1.0, warmup=1.0, context=32, windows=2)
    found = trial(genome, tiny, "validation", plan, 0, warm)
    assert found.status == "timeout"
    assert "no weights were saved before the bell" in found.reason
    assert 1.0 <= found.loading < 20
    assert 1.0 <= found.training < 20


STEP = "        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())\n"
START = "    session.start(model)\n"
LAST = "        return logits\n"

WRONG = {
    "an exception": (
        changed(STEP, "        if step == 3:\n            raise ValueError('broken on purpose')\n" + STEP),
        "crash",
        "ValueError: broken on purpose (while training)",
    ),
    "syntax": ({"train.py": "x = 1\ndef train(:\n"}, "invalid", "train.py line 2: invalid syntax"),
    "an import": (
        {"train.py": "import not_there_at_all"},
        "invalid",
        "train.py imports not_there_at_all, which isn't there",
    ),
    "no train": (changed("def train(", "def drain("), "invalid", "train.py has no train: a genome defines"),
    "no Model": (changed("class Model(", "class M(", "= Model(", "= M("), "invalid", "train.py has no Model"),
    "no file": ({"other.py": ""}, "invalid", "there is no train.py"),
    "no start": (with_train("return"), "crash", "RuntimeError: train(session) returned without session.start(model)"),
    "an exit": (changed(START, START + "    raise SystemExit\n"), "crash", "it ended by itself while training"),
    "a signal": (
        changed(START, START + "    import os\n    os.kill(os.getpid(), 9)\n"),
        "crash",
        "while training",
    ),
    "shape": (
        changed(*FEW, LAST, "        return logits if self.training else logits[:, :-1]\n"),
        "invalid",
        "Model gives logits of shape (8, 31, 256); wanted (8, 32, 256)",
    ),
    "NaN loss": (changed(STEP, STEP + "        loss = loss * float('nan')\n"), "invalid", "the loss was nan at step"),
    "exploding loss": (changed(STEP, STEP + "        loss = loss * 10\n"), "invalid", "the loss was "),
    "NaN logits": (
        changed(*FEW, LAST, "        return logits if self.training else logits / 0 * 0\n"),
        "invalid",
        "the model's logits are not finite numbers",
    ),
    "state dict": (
        changed(*FEW, START, START + "    model.more = nn.Linear(2, 2)\n"),
        "crash",
        "RuntimeError: Error(s) in loading state_dict for Model: Unexpected key(s) in state_dict",
    ),
    "memory": (
        changed(START, "    torch.empty(10**15)\n" + START),
        "crash",
        "out of memory while training",
    ),
    "memory in forward": (
        changed(*FEW, LAST, "        return logits if self.training else torch.empty(10**15)\n"),
        "crash",
        "out of memory while it was scored: ",
    ),
    "text before the clock": (
        changed(START, "    session.batch(1, 8)\n" + START),
        "crash",
        "RuntimeError: there is no text before the clock starts",
    ),
    "two starts": (changed(START, START * 2), "crash", "RuntimeError: the clock has started already"),
    "a context as long as the text": (
        changed("session.batches(ROWS, session.facts.context)", "session.batches(1, 10**7)"),
        "crash",
        "RuntimeError: the training text has",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_genome_has_one_reason_and_the_end_of_its_log(name: str, tiny: Corpus, warm: Bare) -> None:
    genome, status, reason = WRONG[name]
    found = trial(genome, tiny, "validation", PLAN, 0, warm)
    assert (found.status, found.bits_per_byte) == (status, None), found
    assert reason in found.reason
    assert "\n" not in found.reason
    assert len(found.reason) < 500
    if "RuntimeError" in reason or "ValueError" in reason:
        assert "Traceback" in found.log
    json.dumps(asdict(found), allow_nan=False)


def test_an_answer_that_never_comes_ends_by_its_own_clock(tiny: Corpus, warm: Bare) -> None:
    genome = changed(*FEW, LAST, "        import time\n        return logits if self.training else time.sleep(300)\n")
    plan = Plan(seconds=60.0, evaluation=1.0, context=32, windows=2)
    found = trial(genome, tiny, "validation", plan, 0, warm)
    assert (found.status, found.reason) == ("timeout", "it had not answered everything 1 s after the bell")
