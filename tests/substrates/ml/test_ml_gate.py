"""What a look at a genome's text finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from evolve.genome import Genome
from substrates.ml import gate
from trainer.constants import constants, with_constants

SEED = Path(__file__).parents[3] / "populations" / "ml" / "gpt" / "train.py"
PLAIN = "class Model: ...\n\n\ndef train(session): ...\n"


def genome(text: str) -> Genome:
    return Genome({"train.py": text})


def test_the_seed_meets_no_objection() -> None:
    seed = genome(SEED.read_text(encoding="utf-8"))
    assert gate.objections(seed) == []
    assert gate.broken(seed) == gate.seeds_itself(seed) == ""


@pytest.mark.parametrize(
    "line",
    [
        "torch.manual_seed(1337)",
        "from torch import manual_seed; manual_seed(n)",
        "torch.cuda.manual_seed_all(3)",
        "random.seed(4)",
        "np.random.seed(4)",
        "torch.set_rng_state(state)",
        "g = torch.Generator().manual_seed(7)",
        "rng = np.random.default_rng(42)",
        "rng = random.Random(x=5)",
    ],
)
def test_a_seed_that_is_picked_is_refused(line: str) -> None:
    said = gate.seeds_itself(genome(f"{PLAIN}\n{line}\n"))
    assert "sets a random seed" in said
    assert said in gate.objections(genome(f"{PLAIN}\n{line}\n"))


@pytest.mark.parametrize("line", ["np.random.default_rng()", "rng = np.random.default_rng(session.seed)", "seed = 3"])
def test_chance_from_outside_is_not(line: str) -> None:
    assert gate.seeds_itself(genome(f"{PLAIN}\n{line}\n")) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def train(session): ...\n", "does not define Model"),
        ("class Model: ...\n", "does not define train"),
        ("x = 1\n", "does not define Model and train"),
        ("def train(:\n", "train.py"),
    ],
)
def test_what_is_missing_is_named(text: str, said: str) -> None:
    assert said in gate.broken(genome(text))
    assert any(said in one for one in gate.objections(genome(text)))


def test_what_is_imported_counts_as_defined() -> None:
    there = Genome({"train.py": "import inner\nfrom inner import Model\n\ntrain = inner.train\n", "inner.py": PLAIN})
    assert gate.broken(there) == ""
    assert gate.objections(there) == []


def test_an_import_that_is_not_there_is_named() -> None:
    said = gate.objections(genome(f"import no_such_package\n{PLAIN}"))
    assert said == ["train.py line 1 imports no_such_package, which isn't there"]


def test_no_file_at_all() -> None:
    assert "train.py is missing" in gate.broken(Genome({"agent.txt": "hello"}))


@given(st.dictionaries(st.sampled_from(["train.py", "a.py", "b.json"]), st.text(max_size=200), min_size=1))
def test_no_text_breaks_the_gate(files: dict[str, str]) -> None:
    there = Genome(files)
    gate.objections(there)
    gate.broken(there)
    gate.seeds_itself(there)


@pytest.mark.parametrize("clock", ["cpu_30s", "gpu_5min"])
def test_the_constants_of_a_clock_are_those_of_the_seed(clock: str) -> None:
    conf = OmegaConf.load(Path(__file__).parents[3] / "conf" / "clock" / f"{clock}.yaml")
    wanted = OmegaConf.to_container(conf.constants)
    assert isinstance(wanted, dict)
    scaled = with_constants(SEED.read_text(encoding="utf-8"), {str(name): value for name, value in wanted.items()})
    assert {name: constants(scaled)[str(name)] for name in wanted} == wanted
    assert gate.broken(genome(scaled)) == ""
