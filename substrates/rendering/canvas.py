"""The canvas: a software rasteriser that must keep every byte. The trusted side; no trial imports it."""

from __future__ import annotations

import random
from typing import Any

from evolve.genome import Genome
from evolve.substrate import Control
from substrates.rendering import reference
from substrates.rendering.canvas_by_hand import by_hand
from substrates.rendering.canvas_controls import controls
from substrates.rendering.canvas_scenes import draw_scene
from substrates.rendering.task import Job, Task

__all__ = ["Canvas"]


class Canvas(Task):
    """`draw(scene)` gives a scene's pixels; what they are is said in `substrates.rendering.reference`."""

    name = "canvas"
    entry = "engine.py"
    call = "draw"
    asks = "draw(scene: dict) -> bytes, its pixels as RGB row by row; it raises any exception for a malformed scene."
    unit = "scene"
    measured = 3

    def visible(self) -> list[Job]:
        return [_job(scene) for scene in by_hand().values()]

    def jobs(self, seed: int, count: int) -> list[Job]:
        """Each from a stream of its own, so that the first n of more are the first n."""
        return [_job(draw_scene(random.Random(f"canvas/{seed}/{i}"))) for i in range(count)]

    def controls(self, seed_genome: Genome) -> list[Control]:
        return controls(self.name, seed_genome, self.visible())


def _job(scene: Any) -> Job:
    try:
        return Job((scene,), reference.render(scene))
    except ValueError:
        return Job((scene,), b"!error")
