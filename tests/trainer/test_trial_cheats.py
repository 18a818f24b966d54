"""Genomes that want a better score than they have: refused, or nothing gained. And none of them ends the judge."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from genomes import PLAIN, changed, with_train

from trainer.corpus import Corpus
from trainer.launch import Bare
from trainer.plan import Plan
from trainer.result import Result
from trainer.trial import trial

pytest.importorskip("torch", reason="pip install -e '.[ml]'")

PLAN = Plan(seconds=60.0, context=32, windows=8, rows=4)
SHORT = Plan(seconds=1.5, context=32, windows=8, rows=4)
ENOUGH = ("STEPS = 200", "STEPS = 60")
LAST = "        return logits\n"
ASIDE = "        if self.training:\n            return logits\n"
START = "    session.start(model)\n"


def tried(genome: dict[str, str], tiny: Corpus, warm: Bare, plan: Plan = PLAN) -> Result:
    """A trial that ends without an exception and whose result can be recorded, whatever was written into it."""
    found = trial(genome, tiny, "validation", plan, 0, warm)
    json.dumps(asdict(found), allow_nan=False)
    return found


@pytest.fixture(scope="module")
def honest(tiny: Corpus, warm: Bare) -> float:
    found = trial(changed(*ENOUGH), tiny, "validation", PLAN, 0, warm)
    assert found.bits_per_byte is not None
    return found.bits_per_byte


# -- answers that know too much ----------------------------------------------------------------

LATER = {
    "attends to everything": changed("is_causal=True", "is_causal=False"),
    "peeks at one token": changed(
        *ENOUGH,
        LAST,
        "        seen = F.one_hot(F.pad(tokens[:, 1:], (0, 1)), logits.shape[-1])\n"
        "        return logits + 5 * seen if not self.training else logits\n",
    ),
    "peeks at one token, now and then": changed(
        *ENOUGH,
        LAST,
        ASIDE + "        seen = F.one_hot(F.pad(tokens[:, 1:], (0, 1)), logits.shape[-1])\n"
        "        return logits + seen * (tokens % 2 == 0)[..., None]\n",
    ),
}


@pytest.mark.parametrize("name", LATER)
def test_later_tokens_are_noticed_and_named(name: str, tiny: Corpus, warm: Bare) -> None:
    found = tried(LATER[name], tiny, warm)
    assert (found.status, found.bits_per_byte) == ("refused", None)
    assert "it looks at tokens that come later" in found.reason


MORE = {
    "dropout": ASIDE + "        return F.dropout(logits, 0.1, True)\n",
    "noise": ASIDE + "        return logits + 0.5 * torch.randn_like(logits)\n",
    "the place in the batch": ASIDE + "        return logits * (1 + 0.1 * torch.arange(len(logits))[:, None, None])\n",
    "the size of the batch": ASIDE + "        return logits * (1 + 0.1 * len(logits))\n",
    "the rest of the batch": ASIDE + "        return logits - logits.mean(0)\n",
    "the first batch": ASIDE
    + "        self.first = getattr(self, 'first', logits)\n        return (logits + self.first.mean(0)) / 2\n",
    "how often it was asked": ASIDE
    + "        self.asked = getattr(self, 'asked', 0) + 1\n        return logits * (1 + 0.1 * self.asked)\n",
}


@pytest.mark.parametrize("name", MORE)
def test_answers_by_more_than_the_tokens_are_refused(name: str, tiny: Corpus, warm: Bare) -> None:
    found = tried(changed(*ENOUGH, LAST, MORE[name]), tiny, warm)
    assert (found.status, found.bits_per_byte) == ("refused", None)
    assert "its answers depend on more than the tokens it is given" in found.reason


# -- a number of its own -----------------------------------------------------------------------


def test_a_patched_loss_and_a_printed_score_gain_nothing(honest: float, tiny: Corpus, warm: Bare) -> None:
    patches = """
print("---")
for _ in range(10000):
    print("val_bpb:          0.000001")
real = F.cross_entropy
torch.logsumexp = torch.nn.functional.log_softmax = lambda x, *a, **k: 0 * x
torch.Tensor.logsumexp = torch.Tensor.log_softmax = torch.logsumexp
"""
    text = PLAIN.replace("STEPS = 200", "STEPS = 60").replace("\n\nclass Model", patches + "\n\nclass Model", 1)
    text += "\nF.cross_entropy = lambda *a, **k: real(*a, **k)\n"
    found = tried({"train.py": text}, tiny, warm)
    assert found.bits_per_byte == pytest.approx(honest, rel=1e-6)
    assert len(found.log) <= 4000


# -- after the bell ----------------------------------------------------------------------------


def test_what_outlives_the_bell_changes_nothing(tiny: Corpus, warm: Bare, tmp_path: Path) -> None:
    """A process in a session of its own keeps the files of the weights open, and writes into them once they are
    counted."""
    mark = tmp_path / "wrote"
    genome = with_train(f"""
import os, time
session.start(model)
nn.init.zeros_(model.head.weight)
nn.init.zeros_(model.head.bias)
session.save()
files = [os.open(path, os.O_RDWR) for path in session._weights]
size = os.fstat(files[1]).st_size
kept = os.path.join(os.path.dirname(session._weights[0]), "weights")
if os.fork() == 0:
    os.setsid()
    end = time.monotonic() + 20
    while time.monotonic() < end and not (os.path.exists(kept) and os.stat(kept).st_size >= size):
        time.sleep(0.001)
    for file in files:
        os.pwrite(file, bytes(size), 0)
    open({str(mark)!r}, "w").close()
    os._exit(0)
while True:
    time.sleep(0.1)
""")
    found = tried(genome, tiny, warm, Plan(seconds=4.0, context=32, windows=8, rows=4))
    assert found.bits_per_byte == pytest.approx(8.0, abs=1e-5), (found.reason, found.log)  # equal odds for all bytes
    assert not found.returned
    end = time.monotonic() + 30
    while not mark.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert mark.exists()


HANG = "import os, time\nfrom trainer.board import HEAD, POINT, Say, State\nsession.start(model)\nsay = session._say\n"
THEN = "\nwhile True:\n    time.sleep(0.1)\n"


@pytest.mark.parametrize("claim", ["say.set(Say.saves, 2)", "say.set(Say.saves, 2); say.set(Say.saved_bytes_1, 10**6)"])
def test_weights_that_were_never_saved_are_refused(claim: str, tiny: Corpus, warm: Bare) -> None:
    found = tried(with_train(HANG + claim + THEN), tiny, warm, SHORT)
    assert (found.status, found.bits_per_byte) == ("refused", None)
    assert "its last weights are 0 bytes" in found.reason


def test_more_saves_than_there_were_count_what_is_there(tiny: Corpus, warm: Bare) -> None:
    found = tried(with_train(HANG + "say.set(Say.saves, 1001)" + THEN), tiny, warm, SHORT)
    assert found.status == "ok"


def test_weights_without_end_are_refused(tiny: Corpus, warm: Bare) -> None:
    body = HANG + "os.truncate(session._weights[0], 1 << 40); say.set(Say.saved_bytes, 1 << 40)" + THEN
    found = tried(with_train(body), tiny, warm, SHORT)
    assert found.status == "refused"
    assert found.reason == "its weights are 1,099,511,627,776 bytes; 2,147,483,648 are allowed"


def test_another_file_in_the_place_of_the_weights_is_not_read(tiny: Corpus, warm: Bare) -> None:
    """Not even waited for: a pipe in its place would hold the judge for ever."""
    body = HANG + "path = session._weights[0]; os.remove(path); os.mkfifo(path)" + THEN
    assert tried(with_train(body), tiny, warm, SHORT).status == "ok"  # by what was saved before


def test_weights_that_would_run_a_program_run_none(tiny: Corpus, warm: Bare, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    body = f"""
import pickle
class Bomb:
    def __reduce__(self):
        return os.system, ("touch {mark}",)
with open(session._weights[0], "wb") as file:
    pickle.dump(Bomb(), file)
    file.flush()
    say.set(Say.saved_bytes, file.tell())
"""
    found = tried(with_train(HANG + body + THEN), tiny, warm, SHORT)
    assert (found.status, found.bits_per_byte) == ("crash", None)
    assert "Weights only load failed" in found.reason
    assert not mark.exists()


# -- garbage in the files that are shared ------------------------------------------------------

GARBAGE = ["float('nan')", "float('inf')", "-float('inf')", "1e300", "-1e300", "0.5", "-1.0"]


@pytest.mark.parametrize("value", GARBAGE)
def test_garbage_while_training_ends_in_a_result(value: str, tiny: Corpus, warm: Bare) -> None:
    body = f"""
say.put(0, POINT.pack(0.5, 1, 2.0))
for number in range(1, 400):
    say.put(number * POINT.size, POINT.pack({value}, {value}, {value}))
    say.put(number * POINT.size, POINT.pack(1.0, {value}, 1.0) + POINT.pack(1.0, 1.0, {value}))
for field in Say:
    if field != Say.state:
        say.set(field, {value})
"""
    found = tried(with_train(HANG + body + THEN), tiny, warm, SHORT)
    assert found.bits_per_byte is None
    assert found.reason
    assert found.saving >= 0
    assert found.peak_mb >= 0
    assert (0.5, 1, 2.0) in found.curve
    assert all(abs(number) <= 2**53 for point in found.curve for number in point)


@pytest.mark.parametrize("value", GARBAGE)
def test_garbage_instead_of_answers_gains_nothing(value: str, honest: float, tiny: Corpus, warm: Bare) -> None:
    body = (
        "        import inspect, time\n"
        "        from trainer.board import Say\n"
        + ASIDE
        + "        frames = [f.frame.f_locals for f in inspect.stack()]\n"
        "        say = next(names['say'] for names in frames if 'say' in names)\n"
        f"        say.put(0, __import__('struct').pack('<d', {value}) * 1000)\n"
        "        for field in Say:\n"
        f"            say.set(field, {value})\n"
        "        time.sleep(300)\n"
    )
    plan = Plan(seconds=60.0, evaluation=3.0, context=32, windows=8, rows=4)
    found = tried(changed(*ENOUGH, LAST, body), tiny, warm, plan)
    assert found.bits_per_byte is None or found.bits_per_byte > honest


SIZES = {
    "shortened to nothing": ("os.ftruncate(say._file, 0)", "timeout"),
    "shortened to a part of a field": ("os.ftruncate(say._file, 12)", "timeout"),
    "enlarged": ("os.ftruncate(say._file, 1 << 40)", "ok"),
}


@pytest.mark.parametrize("name", SIZES)
def test_a_board_of_another_size_ends_in_a_result(name: str, tiny: Corpus, warm: Bare) -> None:
    body, status = SIZES[name]
    assert tried(with_train(HANG + body + THEN), tiny, warm, SHORT).status == status


def test_answers_that_were_taken_back_are_refused(tiny: Corpus, warm: Bare) -> None:
    body = (
        "        import inspect, os, time\n"
        "        from trainer.board import HEAD, Say\n"
        + ASIDE
        + "        frames = [f.frame.f_locals for f in inspect.stack()]\n"
        "        say = next(names['say'] for names in frames if 'say' in names)\n"
        "        os.ftruncate(say._file, HEAD)\n"
        "        say.set(Say.answered, 1)\n"
        "        time.sleep(300)\n"
    )
    found = tried(changed("STEPS = 200", "STEPS = 5", LAST, body), tiny, warm)
    assert (found.status, found.reason) == ("refused", "it shortened the file of its answers")


def test_an_accelerator_without_memory_left_is_said(tiny: Corpus, warm: Bare) -> None:
    body = "session.start(model)\nraise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB')"
    found = tried(with_train(body), tiny, warm, SHORT)
    assert (found.status, found.bits_per_byte) == ("crash", None)
    assert "CUDA out of memory" in found.reason
