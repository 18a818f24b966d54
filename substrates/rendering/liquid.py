"""Liquid pages: parse a template afresh and render it with its data, as python-liquid does."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.substrate import Control
from substrates.rendering.liquid_controls import controls
from substrates.rendering.task import Job, Task
from substrates.rendering.templates import golden, page

__all__ = ["Liquid"]

_ERROR = b"!error"


class Liquid(Task):
    """A job is one template with its data; its answer is the page, or that the template is malformed."""

    name = "liquid"
    entry = "engine.py"
    call = "render"
    asks = "render(template: str, data: dict) -> str, the page; it raises any exception for a malformed template."
    unit = "page"
    measured = 20

    def visible(self) -> list[Job]:
        return [
            Job((template, data), _ERROR if answer is None else answer.encode()) for template, data, answer in golden()
        ]

    def jobs(self, seed: int, count: int) -> list[Job]:
        """The first jobs of a seed are the same for every count. Raises UsageError without python-liquid."""
        liquid = _python_liquid()
        reference = liquid.Environment()  # strict: what is malformed raises
        found = []
        for index in range(count):
            template, data = page(np.random.default_rng([seed, index]))
            try:
                expected = reference.from_string(template).render(data).encode()
            except liquid.exceptions.LiquidError:
                expected = _ERROR
            found.append(Job((template, data), expected))
        return found

    def controls(self, seed_genome: Genome) -> list[Control]:
        return controls(seed_genome, self.visible())


def _python_liquid() -> ModuleType:
    try:
        import liquid
    except ModuleNotFoundError as error:
        raise UsageError(
            "The answers of Liquid jobs come from the package python-liquid, which is not installed. "
            "Install it: pip install -e '.[rendering]'."
        ) from error
    return liquid
