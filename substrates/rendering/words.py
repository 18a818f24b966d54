"""What a model is told about an engine, and what a cheap look finds wrong with its answer."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator

from evolve.genome import Genome, foreign_imports, unreadable
from evolve.substrate import Metric
from substrates.rendering.task import Task

__all__ = ["brief", "objections"]

_MOST = 8  # objections at once (an assumption: a model mends a few things at a time)


def brief(task: Task, metric: Metric, counted: bool) -> str:
    what = (
        "Counted are all instructions that the process executes, those of Python's own C code too: a built-in, a "
        "comprehension or a method of str, bytes, list and dict does in one call what a loop pays for at each step."
        if counted
        else "Measured is the processor time of the process, against its parent's on the same jobs."
    )
    return "\n\n".join(
        [
            f"Make this {task.name} engine do less work ({metric.unit}, less is better) for the same answers. "
            f"{task.entry} defines {task.call}, which is called once a job: {task.asks}",
            "Every answer must stay the same, byte for byte, also where the engine must raise. The visible jobs and "
            "many hidden ones are checked before anything is measured, and every measured one as well; one wrong "
            "answer and the change is worth nothing.",
            f"It is plain Python {platform.python_version()} with the standard library only: no packages, no files, no "
            "network, no other processes. The files lie in one folder that is first on the path and import each other "
            f"by their bare names; they may be changed, added and removed, but {task.entry} and {task.call} stay.",
            f"{what} Each job is new and each process starts afresh: caches of answers are worthless, tables that many "
            "jobs share are not. Importing is counted, compiling is not; the garbage collector is off. Where the "
            "evidence has `hot`, it is each function's share of the executed lines: begin there. Change one thing.",
        ]
    )


def objections(task: Task, genome: Genome) -> list[str]:
    """A sentence each; nothing of the genome runs."""
    said = [] if task.entry in genome else [f"{task.entry} is missing: it must define {task.call}"]
    for path, text in genome.items():
        if (problem := unreadable(path, text)) is not None:
            said.append(problem)
    return [*said, *_foreign(genome)][:_MOST]


def _foreign(genome: Genome) -> Iterator[str]:
    """Imports of what is neither the standard library nor the genome's own."""
    for path, line, name in foreign_imports(genome):
        if name.partition(".")[0] not in sys.stdlib_module_names:
            yield f"{path}, line {line}: it imports {name}, and only the standard library is there"
