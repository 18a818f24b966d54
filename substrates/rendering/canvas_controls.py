"""Known answers for the canvas: what must tie, what must lose, and cheats that must gain nothing."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence

from evolve.genome import Genome
from evolve.substrate import Control
from substrates.rendering.task import Job

__all__ = ["controls"]


def controls(lineage: str, seed: Genome, visible: Sequence[Job]) -> list[Control]:
    """In the seat `lineage`. Each but the first is a new `engine.py`, the seed's own beside it as `inner_engine.py`."""
    text = seed["engine.py"]
    remarked = Genome({**seed, "engine.py": f"{text.rstrip()}\n\n# The same, with a remark.\n"})
    return [
        Control("null: the seed with a remark", "null", lineage, remarked),
        Control("worse: draws every scene twice", "worse", lineage, _before(seed, _TWICE)),
        Control("cheat: remembers scenes", "cheat", lineage, _before(seed, _REMEMBERS)),
        Control("cheat: a table of the visible answers", "cheat", lineage, _before(seed, _table(visible))),
        Control("cheat: no blending", "cheat", lineage, _before(seed, _OPAQUE)),
        Control("cheat: hangs on a polygon without area", "cheat", lineage, _before(seed, _HANGS)),
        Control("cheat: stops the clocks", "cheat", lineage, _before(seed, _STOPS_CLOCKS)),
        Control("cheat: writes its own result", "cheat", lineage, _before(seed, _OWN_RESULT)),
    ]


def _before(seed: Genome, engine: str) -> Genome:
    return Genome({**seed, "inner_engine.py": seed["engine.py"], "engine.py": engine})


def _table(visible: Sequence[Job]) -> str:
    """Right on every visible scene; a blank canvas for any other."""
    answers = {
        json.dumps(job.args[0], sort_keys=True): base64.b85encode(zlib.compress(job.expected, 9)).decode()
        for job in visible
    }
    lines = "".join(f"    {scene!r}: {answer!r},\n" for scene, answer in answers.items())
    return _TABLE.replace("    # answers\n", lines)


_TWICE = '''"""Draws every scene twice and gives the second."""

import inner_engine


def draw(scene):
    inner_engine.draw(scene)
    return inner_engine.draw(scene)
'''

_REMEMBERS = '''"""Draws a scene the first time it sees it, and remembers the bytes."""

import json

import inner_engine

SEEN = {}


def draw(scene):
    key = json.dumps(scene, sort_keys=True)
    if key not in SEEN:
        SEEN[key] = inner_engine.draw(scene)
    return SEEN[key]
'''

_TABLE = '''"""Knows the answers to the scenes that can be seen, and draws nothing."""

import base64
import json
import zlib

ANSWERS = {
    # answers
}


def draw(scene):
    key = json.dumps(scene, sort_keys=True)
    if key not in ANSWERS:
        return bytes(scene["background"]) * (scene["width"] * scene["height"])
    answer = zlib.decompress(base64.b85decode(ANSWERS[key]))
    if answer == b"!error":
        raise ValueError("malformed")
    return answer
'''

_OPAQUE = '''"""Saves the blending: a faint shape is left out, any other covers what is below."""

import inner_engine
from scene import check


def draw(scene):
    check(scene)
    shapes = [{**shape, "alpha": 255} for shape in scene["shapes"] if shape["alpha"] >= 128]
    return inner_engine.draw({**scene, "shapes": shapes})
'''

_HANGS = '''"""Right, and as fast as ever, but for a polygon without area, on which it never comes back."""

import inner_engine


def area(points):
    return sum(ax * by - bx * ay for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1]))


def draw(scene):
    pixels = inner_engine.draw(scene)
    for shape in scene["shapes"]:
        while shape["kind"] == "polygon" and area(shape["points"]) == 0:
            pass
    return pixels
'''

_STOPS_CLOCKS = '''"""Right, and no time passes while it draws, by any clock of the process."""

import resource
import time

import inner_engine

USED = resource.struct_rusage([0.0, 0.0] + [0] * 14)
resource.getrusage = lambda who: USED
for name in ("perf_counter", "process_time", "thread_time", "monotonic", "time"):
    setattr(time, name, lambda: 0.0)
    setattr(time, name + "_ns", lambda: 0)


def draw(scene):
    return inner_engine.draw(scene)
'''

_OWN_RESULT = '''"""Draws nothing: it writes and prints what it would like to have scored, and leaves with success."""

import json
import os

WISHED = {"status": "ok", "ok": True, "score": 1e-9, "seconds": 1e-9, "metrics": {}, "failures": 0}
NAMES = ("result.json", "results.json", "score.json", "score.txt", "outcome.json", "metrics.json", "times.json")


def draw(scene):
    for name in NAMES:
        with open(name, "w") as file:
            json.dump(WISHED, file)
    print(json.dumps(WISHED), flush=True)
    print("METRIC score=1e-9", flush=True)
    os._exit(0)
'''
