"""What a model is told about an engine, and what a cheap look says of its answer. Nothing is measured here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.genome import Genome
from evolve.population import read_seeds
from substrates.rendering.settings import Measure, RenderingSettings
from substrates.rendering.substrate import Rendering

TASKS = ("liquid", "canvas")


def made(task: str) -> tuple[Rendering, Genome]:
    return Rendering(RenderingSettings(task=task, measure=Measure.time)), read_seeds(
        f"pkg://populations.rendering.{task}"
    )[task]


@pytest.mark.parametrize("task", TASKS)
def test_a_model_is_told_what_is_called_and_what_is_measured(task: str) -> None:
    substrate, _ = made(task)
    said = substrate.brief()
    for word in (
        substrate.task.entry,
        f"{substrate.task.call}(",
        "byte for byte",
        "standard library",
        "caches",
        "hidden",
    ):
        assert word in said
    assert "processor time" in said
    assert len(said) < 6000


@pytest.mark.parametrize("task", TASKS)
def test_nothing_is_wrong_with_a_seed(task: str) -> None:
    substrate, seed = made(task)
    assert substrate.objections(seed) == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"engine.py": "def draw(:\n"}, ["engine.py, line 1: invalid syntax"]),
        ({"other.py": "x = 1\n"}, ["engine.py is missing: it must define draw"]),
        (
            {"engine.py": "import numpy.linalg, os\n\ndef draw(s):\n    from PIL import Image\n"},
            [
                "engine.py, line 1: it imports numpy.linalg, and only the standard library is there",
                "engine.py, line 4: it imports PIL, and only the standard library is there",
            ],
        ),
        ({"engine.py": "import blend, shapes.box\nfrom . import x\n", "blend.py": "", "shapes/box.py": ""}, []),
    ],
)
def test_what_is_wrong_is_said(files: dict[str, str], said: list[str]) -> None:
    substrate, _ = made("canvas")
    assert substrate.objections(Genome(files)) == said


def test_objections_end() -> None:
    substrate, _ = made("canvas")
    many = Genome({"engine.py": "".join(f"import nothing_{i}\n" for i in range(1000))})
    assert len(substrate.objections(many)) == 8


@given(st.text())
def test_any_text_is_looked_at(text: str) -> None:
    substrate, _ = made("canvas")
    for sentence in substrate.objections(Genome({"engine.py": text})):
        assert sentence.startswith("engine.py")
