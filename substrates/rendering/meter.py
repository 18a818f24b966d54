"""What an engine gives in the sandbox, and what it costs: answers, instructions, processor time, allocations, lines."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from shutil import which

from evolve.genome import Genome
from evolve.substrate import Bench, Limits, Ran, Status
from substrates.rendering.task import Job, Task

__all__ = ["DRIVER", "Engine", "Meter", "Wrong", "answers", "instructions_of"]

DRIVER = files("substrates.rendering").joinpath("driver.py").read_text(encoding="utf-8")
PYTHON = str(Path(sys.executable).resolve())
# Fixed addresses: with random ones equal programs differ by a part in a thousand (dictionaries by identity), without
# them by one in ten thousand.
VALGRIND = ("setarch", "-R", "valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
STILL = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
"""An environment in which equal programs execute equally many instructions."""

_COMPILE = """
import py_compile, sys
for path in sys.argv[1:]:
    py_compile.compile(path, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""
"""Compiles without running any of it, in a process of its own: so the code that is measured is the genome's text."""

_REFS = re.compile(rb"^==\d+== I\s+refs:\s+([\d,]+)$", re.MULTILINE)


class Wrong(Exception):
    """The engine failed. `status`: timeout, crash or invalid; `said`: what the mutator may read of it."""

    def __init__(self, status: Status, reason: str, **said: object) -> None:
        super().__init__(reason)
        self.status, self.reason, self.said = status, reason, said


@dataclass(frozen=True)
class Engine:
    """A genome and its compiled modules, by path in the trial's folder."""

    genome: Genome
    modules: Mapping[str, bytes]


@dataclass(frozen=True)
class Meter:
    """Runs one task's engines. Every method raises Wrong where the engine does not do what it must."""

    task: Task
    bench: Bench
    memory_mb: int = 512

    def compiled(self, genome: Genome, seconds: float) -> Engine:
        """The genome's modules as Python keeps them, to be laid beside the text: to compile is no part of the work, and
        would be most of it."""
        sources = [f"genome/{path}" for path in genome if path.endswith(".py")]
        kept = [cache_from_source(path) for path in sources]
        ran = self.bench.run(
            [PYTHON, "-I", "-S", "-c", _COMPILE, *sources],
            self._limits(seconds),
            files={f"genome/{path}": text for path, text in genome.items()},
            keep=kept,
            environment=STILL,
        )
        if not ran.ok or set(kept) - set(ran.files):
            raise Wrong("crash", "it does not compile", log=ran.stderr.decode("utf-8", "replace")[-1500:])
        return Engine(genome, dict(ran.files))

    def answers(self, engine: Engine, jobs: Sequence[Job], seconds: float, *, shown: bool = False) -> Ran:
        """Right answers to all jobs, plainly run; what it took. `shown`: what it prints may be read by the mutator."""
        return self._checked(engine, jobs, self._run(engine, jobs, self._python("run"), seconds, ("answers",)), shown)

    def instructions(self, engine: Engine, jobs: Sequence[Job], seconds: float) -> int:
        """Executed in the whole process, Python's own start included; the answers are checked too."""
        argv = [*VALGRIND, *self._python("run")]
        ran = self._checked(engine, jobs, self._run(engine, jobs, argv, seconds, ("answers",)))
        count = instructions_of(ran.stderr, self._limits(seconds))
        if count is None:
            raise Wrong("invalid", "cachegrind's one line of the executed instructions is missing or not alone")
        return count

    def lines(self, engine: Engine, jobs: Sequence[Job], seconds: float) -> dict[str, float]:
        """`file:function` -> its share of the executed lines, the largest first. Advice to a mutator, no score."""
        ran = self._run(engine, jobs, self._python("lines"), seconds, ("lines.json",))
        try:
            counts = {str(name): float(count) for name, count in json.loads(ran.files["lines.json"]).items()}
        except (KeyError, ValueError, AttributeError, TypeError):
            return {}
        total = sum(counts.values()) or 1.0
        shares = {name: round(count / total, 4) for name, count in counts.items() if count >= total / 500}
        return dict(sorted(shares.items(), key=lambda pair: (-pair[1], pair[0])))

    def allocations(self, engine: Engine, jobs: Sequence[Job], seconds: float) -> float | None:
        """Allocations in all, as memray counts them; None without memray. Its file is read in the sandbox too."""
        if find_spec("memray") is None:
            return None
        program = [
            sys.executable,
            "-I",
            "-m",
            "memray",
            "run",
            "--force",
            "-q",
            "--trace-python-allocators",
            "-o",
            "trace",
            "driver.py",
            "run",
        ]
        argv = [*program, self.task.entry, self.task.call]
        traced = self._checked(engine, jobs, self._run(engine, jobs, argv, seconds, ("answers", "trace"), processes=8))
        if "trace" not in traced.files:
            return None
        told = self.bench.run(
            [sys.executable, "-I", "-m", "memray", "stats", "--json", "-o", "stats.json", "trace"],
            self._limits(seconds, processes=8),
            files={"trace": traced.files["trace"]},
            keep=("stats.json",),
            environment=STILL,
        )
        try:
            return float(json.loads(told.files["stats.json"])["total_num_allocations"])
        except (KeyError, ValueError, TypeError):
            return None

    def _checked(self, engine: Engine, jobs: Sequence[Job], ran: Ran, shown: bool = False) -> Ran:
        if ran.status == "timeout":
            raise Wrong("timeout", f"it did not end within {ran.seconds:.1f} s")
        if not ran.ok:
            # A genome could print the hidden jobs.
            log = {"log": ran.stderr.decode("utf-8", "replace")[-1500:]} if shown else {}
            raise Wrong("crash", ran.reason or "it ended early", **log)
        found = answers(ran.files.get("answers", b""))
        for number, job in enumerate(jobs):
            got = found[number] if number < len(found) else None
            if got != job.expected:
                raise Wrong("invalid", f"answer {number + 1} of {len(jobs)} is wrong", job=number, got=got)
        return ran

    def _run(
        self,
        engine: Engine,
        jobs: Sequence[Job],
        argv: Sequence[str],
        seconds: float,
        keep: Sequence[str],
        processes: int = 1,
    ) -> Ran:
        laid: Mapping[str, str | bytes] = {
            **{f"genome/{path}": text for path, text in engine.genome.items()},
            **engine.modules,
            "driver.py": DRIVER,
            "jobs.jsonl": "".join(json.dumps(job.args) + "\n" for job in jobs),
        }
        limits = self._limits(seconds, processes)
        # Only memray is a package; to a genome they would be a faster language, and our own reference.
        packages = "memray" in argv
        return self.bench.run(argv, limits, files=laid, keep=keep, environment=STILL, packages=packages)

    def _python(self, mode: str) -> list[str]:
        # Without site: it would add a third to the instructions of a start, and only the standard library is promised.
        # Not -I, which would ignore the hash seed: the environment is ours alone.
        return [PYTHON, "-P", "-s", "-S", "-B", "driver.py", mode, self.task.entry, self.task.call]

    def _limits(self, seconds: float, processes: int = 1) -> Limits:
        # One process: a fork under cachegrind could outlive its parent and print a number of its own.
        return Limits(max(0.1, seconds), memory_mb=self.memory_mb, processes=processes, file_mb=32, output_kb=64)


def answers(data: bytes) -> list[bytes]:
    """The driver's file: a mark, a length, a line feed, the bytes; again and again. Stops where it is no such file."""
    found, at = [], 0
    while at < len(data):
        end = data.find(b"\n", at, at + 16)
        if end < 0 or not data[at + 1 : end].isdigit():
            break
        size = int(data[at + 1 : end])
        said = data[end + 1 : end + 1 + size]
        # An answer that only says so has not raised.
        found.append(b"!error" if data[at : at + 1] == b"!" else said if said != b"!error" else b"=!error")
        at = end + 1 + size
    return found


def instructions_of(stderr: bytes, limits: Limits) -> int | None:
    """What cachegrind says, where it says it once: a genome can print such a line, but it cannot keep the real one from
    following. A flood that would hide the real one fills the pipe's cap."""
    found = _REFS.findall(stderr)
    if len(found) != 1 or len(stderr) >= limits.output_kb * 1024:
        return None
    return int(found[0].replace(b",", b""))


def has_valgrind() -> bool:
    """Whether instructions can be counted here."""
    return which("valgrind") is not None and which("setarch") is not None
