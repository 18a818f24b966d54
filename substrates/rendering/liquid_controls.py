"""Known answers of the Liquid task: what must tie, what must lose, and cheats that must gain nothing.

Each wraps the seed's own engine, whatever its files are: `engine.py` becomes `original.py`, and a new
`engine.py` calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from evolve.genome import Genome
from evolve.substrate import Control
from substrates.rendering.task import Job

__all__ = ["controls"]

_TWICE = """
def render(template, data):
    original.render(template, data)
    return original.render(template, data)
"""

_REMEMBERS = """
pages = {}


def render(template, data):
    key = (template, repr(data))
    if key not in pages:
        pages[key] = original.render(template, data)
    return pages[key]
"""

_TABLE = """
ANSWERS = %s


def render(template, data):
    if template in ANSWERS:
        return ANSWERS[template]
    return original.render(template, data)
"""

_UNESCAPED = """
def render(template, data):
    return original.render(template.replace("| escape", ""), data)
"""

_HANGS = """
def render(template, data):
    position = template.find("{")
    while position >= 0:
        if template[position + 1 : position + 2] in ("{", "%"):
            position = template.find("{", position + 2)
        # a brace that opens nothing is looked at again and again
    return original.render(template, data)
"""

_TIMER = """
import resource
import time

NO_USAGE = resource.struct_rusage([0] * 16)

for name in ("perf_counter", "process_time", "monotonic", "time", "thread_time"):
    setattr(time, name, lambda: 0.0)
    setattr(time, name + "_ns", lambda: 0)
resource.getrusage = lambda who: NO_USAGE
resource.setrlimit = lambda kind, limits: None


def render(template, data):
    return original.render(template, data)
"""

_OWN_SCORE = """
import json
import os
import sys

CLAIM = {"ok": True, "status": "ok", "score": 1, "instructions": 1, "seconds": 0.0, "count": 1, "results": []}


def render(template, data):
    for name in ("score", "result", "results", "outcome", "metrics", "answers"):
        with open(name + ".json", "w") as file:
            json.dump(CLAIM, file)
    sys.stdout.write(json.dumps(CLAIM) + "\\nMETRIC score=1\\n")
    sys.stdout.flush()
    os._exit(0)
"""


def controls(seed: Genome, visible: Sequence[Job]) -> list[Control]:
    """Derived from the seed; the table of answers holds the `visible` jobs."""
    answers = {job.args[0]: job.expected.decode() for job in visible if job.expected != b"!error"}
    lines = "".join(f"    {template!r}: {answer!r},\n" for template, answer in answers.items())
    same = seed["engine.py"] + "\n# In other words: this is what it was before.\n"
    return [
        Control("null: the same engine under a remark", "null", genome=Genome({**seed, "engine.py": same})),
        _wrapped(seed, "worse: renders every page twice", "worse", _TWICE),
        _wrapped(seed, "cheat: remembers its pages", "cheat", _REMEMBERS),
        _wrapped(seed, "cheat: has the visible answers in a table", "cheat", _TABLE % f"{{\n{lines}}}"),
        _wrapped(seed, "cheat: skips escaping", "cheat", _UNESCAPED),
        _wrapped(seed, "cheat: loops for ever on a stray brace", "cheat", _HANGS),
        _wrapped(seed, "cheat: stops the clocks", "cheat", _TIMER),
        _wrapped(seed, "cheat: writes its own score and leaves", "cheat", _OWN_SCORE),
    ]


def _wrapped(seed: Genome, name: str, kind: Literal["worse", "cheat"], engine: str) -> Control:
    files = {**seed, "original.py": seed["engine.py"], "engine.py": "import original\n" + engine}
    return Control(name, kind, genome=Genome(files))
