"""The seed genome by itself: what it answers, that it learns, and that a tuner cannot break it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install 'evolve[ml]'")

from evolve.genome import Genome  # noqa: E402
from trainer.constants import Constant, constants, with_constants  # noqa: E402
from trainer.plan import Facts  # noqa: E402
from trainer.session import seed_everything  # noqa: E402

TEXT = files("populations.ml.gpt").joinpath("train.py").read_text(encoding="utf-8")
FACTS = Facts(vocabulary=256, context=48, seconds=2.0, device="cpu", cores=1)
SMALL: dict[str, Constant] = {
    "DEPTH": 2,
    "ASPECT": 16,
    "HEAD": 16,
    "ROWS": 8,
    "CONTEXT": 32,
    "NGRAM_ROWS": 4096,
    "SOFTCAP": 15.0,
}


def loaded(text: str) -> ModuleType:
    module = ModuleType("genome")
    exec(compile(text, "train.py", "exec"), module.__dict__)
    return module


@pytest.fixture(scope="module")
def small() -> ModuleType:
    return loaded(with_constants(TEXT, SMALL))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Short:
    """A session of so many steps, which are its clock, on a text of few words."""

    device = torch.device("cpu")

    def __init__(self, facts: Facts, steps: int) -> None:
        self.facts, self.losses, self.model = facts, [], None
        self._steps, self._done, self._random = steps, 0, np.random.default_rng(1)
        words = ["the ", "cat ", "sat ", "on ", "a ", "mat, ", "and ", "then "]
        text = "".join(self._random.choice(words, 4000)).encode()
        self._text = torch.from_numpy(np.frombuffer(text, np.uint8).astype(np.int64) % facts.vocabulary)

    def start(self, model: Any) -> None:
        self.model = model
        self.first = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    @property
    def progress(self) -> float:
        return self._done / self._steps

    def batches(self, rows: int, context: int) -> Iterator[tuple[Any, Any]]:
        while self.progress < 1:
            yield self.batch(rows, context)
            self._done += 1

    def batch(self, rows: int, context: int) -> tuple[Any, Any]:
        starts = torch.from_numpy(self._random.integers(0, len(self._text) - context, rows))
        picked = self._text[starts[:, None] + torch.arange(context + 1)]
        return picked[:, :-1], picked[:, 1:]

    def rehearsal(self, rows: int, context: int) -> tuple[Any, Any]:
        drawn = torch.from_numpy(self._random.integers(0, self.facts.vocabulary, (rows, context + 1)))
        return drawn[:, :-1], drawn[:, 1:]

    def log(self, loss: Any) -> None:
        self.losses.append(float(loss))


def trained(module: ModuleType, seed: int, steps: int = 12) -> Short:
    seed_everything(seed)
    session = Short(FACTS, steps)
    module.train(session)
    return session


@pytest.fixture(scope="module")
def session(small: ModuleType) -> Short:
    return trained(small, 1)


def test_a_small_loss_comes_soon(small: ModuleType) -> None:
    learned = trained(small, 1, steps=60)
    assert learned.losses[0] == pytest.approx(np.log(256), abs=1e-3)
    assert np.mean(learned.losses[-5:]) < 0.5 * np.log(256)


def test_equal_seeds_give_equal_weights_and_others_do_not(small: ModuleType, session: Short) -> None:
    again, other = trained(small, 1), trained(small, 2)
    assert again.losses == session.losses
    for name, tensor in session.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name
    assert not torch.equal(session.model.embed, other.model.embed)


def test_every_weight_is_trained(session: Short) -> None:
    same = [name for name, tensor in session.model.state_dict().items() if torch.equal(tensor, session.first[name])]
    assert same == []


@pytest.mark.parametrize("length", [1, 2, 3, 5, 48])
def test_logits_have_the_shape_that_the_judge_wants(session: Short, length: int) -> None:
    logits = session.model.eval()(torch.zeros(3, length, dtype=torch.int64))
    assert logits.shape == (3, length, 256)
    assert logits.dtype == torch.float32
    assert logits.abs().max() <= 15


def test_later_tokens_and_other_rows_change_nothing(session: Short) -> None:
    rng = np.random.default_rng(3)
    tokens = torch.from_numpy(rng.integers(0, 256, (6, 48)))
    with torch.inference_mode():
        whole = session.model(tokens)
        for cut in (1, 2, 17, 47):
            changed = tokens.clone()
            changed[:, cut:] = torch.from_numpy(rng.integers(0, 256, (6, 48 - cut)))
            assert torch.allclose(session.model(changed)[:, :cut], whole[:, :cut], atol=1e-5)
            assert not torch.allclose(session.model(changed)[:, cut:], whole[:, cut:], atol=1e-2)
        shuffled = torch.from_numpy(rng.permutation(6))
        assert torch.allclose(session.model(tokens[shuffled]), whole[shuffled], atol=1e-5)
        assert torch.allclose(session.model(tokens[:1]), whole[:1], atol=1e-5)
        assert torch.equal(session.model(tokens), whole)


def test_other_weights_are_read_back_by_a_new_model(small: ModuleType, session: Short, tmp_path: Path) -> None:
    torch.save(session.model.state_dict(), tmp_path / "weights")
    again = small.Model(FACTS)
    again.load_state_dict(torch.load(tmp_path / "weights", weights_only=True))
    tokens = torch.arange(40)[None]
    assert torch.equal(again(tokens), session.model(tokens))


def test_a_rehearsal_leaves_no_trace(small: ModuleType) -> None:
    seed_everything(1)
    model = small.Model(FACTS)
    found = small.optimisers(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    rates = [group["lr"] for group in small.groups(found)]
    small.rehearse(Short(FACTS, 1), model, found)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert [group["lr"] for group in small.groups(found)] == rates
    tables = [tensor for optimiser in found for state in optimiser.state.values() for tensor in state.values()]
    assert all(not torch.is_tensor(tensor) or not tensor.any() for tensor in tables)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_large_form_computes_in_bfloat16_and_learns() -> None:
    """What an accelerator is given, but for compiling: dense gradients, half the digits."""
    module = loaded(
        with_constants(TEXT, SMALL | {"DTYPE": "bfloat16", "SPARSE": False, "DEPTH": 3, "NGRAMS": 2, "ROWS": 4})
    )
    learned = trained(module, 1, steps=20)
    assert learned.model.embed.dtype == torch.bfloat16
    assert learned.losses[-1] < 0.8 * learned.losses[0]


def test_matrices_become_orthogonal() -> None:
    module = loaded(with_constants(TEXT, {"MUON_STEPS": 5}))
    for shape in [(3, 16, 16), (2, 64, 16), (2, 16, 64)]:
        found = module.orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(1)))
        assert found.shape == shape
        values = torch.linalg.svdvals(found)
        assert values.min() > 0.7
        assert values.max() < 1.3


@pytest.mark.parametrize("factor", [0.0, -1.0, 0.4, 1.6])
def test_marked_numbers_may_have_any_value(factor: float) -> None:
    """A tuner steps by a fifth of a number: three steps either way, and what it should never give."""
    pytest.importorskip("tree_sitter", reason="pip install 'evolve[code]'")
    from evolve.mutators.genetic.marks import marks

    found = marks(Genome({"train.py": TEXT}))
    names = {number.name.strip("`") for number in found.all}
    assert {"DEPTH", "ROWS", "CONTEXT", "MUON_LR", "WARMDOWN"} <= names <= set(constants(TEXT))
    assert len(names) == len(found.all) <= 24  # one number a line, few enough for CMA-ES
    genome = found.put([number.fitted(number.value * factor) for number in found.all])
    assert genome is not None
    module = loaded(with_constants(genome["train.py"], {"NGRAM_ROWS": 4096}))
    session = trained(module, 1, steps=1)
    assert session.model(torch.zeros(1, 48, dtype=torch.int64)).shape == (1, 48, 256)
