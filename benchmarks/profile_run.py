"""Where the time of a finance run goes: the default run in this process, sampled, by part and by phase.

    python -m benchmarks.profile_run
    python -m benchmarks.profile_run run.generations=8

A thread looks every few milliseconds at what all others are doing, and books the time since its last look to the
innermost function of ours that is at work: what numpy or git do for it is its own. The phase is what the run itself
is waiting for at that moment. Imports count from the start of this module on; the interpreter's own start is not seen.
"""

from __future__ import annotations

import io
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from types import FrameType

__all__ = ["Sampler", "phase_of", "table", "work_of"]

INTERVAL = 0.004
"""Seconds between two looks."""

SWITCH = 1e-4
"""Seconds for which a thread may hold the interpreter while another wants it. With Python's own 5 ms the looks would
fall where it is let go of its own accord, and numpy, zlib and the disk would seem to take all the time."""

PARTS = (  # of a path, the first that fits
    ("importlib", "imports"),
    ("/numba/", "compiled loops: loading, compiling"),
    ("/llvmlite/", "compiled loops: loading, compiling"),
)
OURS = (  # of the innermost file of ours, the first that fits
    ("substrates/finance/market/", "market"),
    ("substrates/finance/signals/", "signals"),
    ("substrates/finance/directives/", "directives: read, written, varied"),
    ("substrates/finance/agent", "directives: read, written, varied"),
    ("substrates/finance/team", "team simulation"),
    ("substrates/finance/portfolio", "team simulation"),
    ("substrates/finance/loops", "team simulation"),
    ("substrates/finance/ground", "team simulation"),
    ("substrates/finance/proposals", "proposals"),
    ("substrates/finance/statistics", "statistics and bootstrap"),
    ("substrates/finance/findings", "findings"),
    ("substrates/finance/charts", "findings"),
    ("substrates/finance/", "desk: outcomes, evidence, controls"),
    ("evolve/ledger/", "ledger"),
    ("evolve/report/", "report and exports"),
    ("evolve/cli/", "command line"),
    ("evolve/", "engine"),
)
KEYS = ("content_key", "_key_with", "to_json", "from_json")
"""Functions of the engine that are booked as keys and JSON."""

PHASES = {  # the outermost function of these, in the thread that runs the run
    ("evolve/cli/launch.py", "build"): "building",
    ("evolve/cli/launch.py", "_preflight"): "preflight",
    ("evolve/cli/launch.py", "_fold"): "compaction",
    ("evolve/run.py", "_loop"): "walk",
    ("evolve/run.py", "_baselines"): "baseline",
    ("evolve/run.py", "_audit"): "audit",
    ("substrates/finance/findings.py", "findings"): "findings",
    ("evolve/report/write.py", "write_report"): "report",
}
SHOWN = 10
"""Functions in the list below the table."""

WAITING = ("threading.py", "concurrent/futures/_base.py", "concurrent/futures/thread.py")

ROOT = Path(__file__).resolve().parents[1]


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    """Innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _place(frame: FrameType) -> str:
    """The file of a frame, from our root where it is ours."""
    name = frame.f_code.co_filename
    return name[len(str(ROOT)) + 1 :] if name.startswith(str(ROOT)) and "site-packages" not in name else name


def work_of(frame: FrameType) -> tuple[str, str] | None:
    """The part that a thread is working at, and the innermost function of ours; None while it waits for another."""
    if frame.f_code.co_filename.endswith(WAITING):
        return None
    frames = list(_stack(frame))
    for mark, part in PARTS:
        if any(mark in one.f_code.co_filename for one in frames):
            return part, part
    for one in frames:
        place, function = _place(one), one.f_code.co_name
        if place.startswith("evolve/") and function in KEYS:
            return "keys and JSON", f"{place}: {function}"
        for start, part in OURS:
            if place.startswith(start):
                return part, f"{place}: {function}"
    return "the rest", "the rest"


def phase_of(frame: FrameType | None) -> str:
    """How far the run has come, told by the thread that runs it."""
    for one in reversed(list(_stack(frame))):
        phase = PHASES.get((_place(one), one.f_code.co_name))
        if phase == "baseline":
            return str(one.f_locals.get("name", phase))
        if phase is not None:
            return phase
    return "start, end"


class Sampler(threading.Thread):
    """Looks at the thread that made it, and at all others, until it is stopped.

    `seconds`: by (part, phase); `functions`: by the innermost function of ours.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.functions: defaultdict[str, float] = defaultdict(float)
        self._over = threading.Event()
        self._watched = threading.get_ident()

    def run(self) -> None:
        last, own = time.perf_counter(), threading.get_ident()
        while not self._over.wait(INTERVAL):
            frames = sys._current_frames()
            now = time.perf_counter()
            phase = phase_of(frames.get(self._watched))
            working = [work for thread, frame in frames.items() if thread != own and (work := work_of(frame))]
            for part, function in working or [("waiting", "waiting")]:
                self.seconds[part, phase] += (now - last) / max(len(working), 1)
                self.functions[function] += (now - last) / max(len(working), 1)
            last = now

    def stop(self) -> None:
        self._over.set()
        self.join()


def table(seconds: Mapping[tuple[str, str], float]) -> list[str]:
    """Parts by phases, in seconds; parts with the largest first, phases in their order; then the two largest parts."""
    total = sum(seconds.values())
    parts: defaultdict[str, float] = defaultdict(float)
    phases: defaultdict[str, float] = defaultdict(float)
    for (part, phase), spent in seconds.items():
        parts[part] += spent
        phases[phase] += spent
    largest = sorted(parts.items(), key=lambda pair: -pair[1])
    width = max(map(len, parts))
    lines = ["  ".join(["seconds".ljust(width), "    all", "    %", *(phase.rjust(_CELL) for phase in phases)])]
    for part, spent in largest:
        cells = [_cell(seconds.get((part, phase), 0.0)) for phase in phases]
        lines.append("  ".join([part.ljust(width), f"{spent:7.2f}", f"{100 * spent / total:5.1f}", *cells]))
    lines.append("  ".join(["all".ljust(width), f"{total:7.2f}", "100.0", *map(_cell, phases.values())]))
    named = ", ".join(f"{part} ({100 * spent / total:.0f} %)" for part, spent in largest[:2])
    return [*lines, f"the two largest: {named}"]


_CELL = 10  # characters of a cell


def _cell(spent: float) -> str:
    return (f"{spent:.2f}" if spent >= 0.005 else ".").rjust(_CELL)


def main(arguments: Sequence[str] | None = None) -> None:
    overrides = list(sys.argv[1:] if arguments is None else arguments)
    sys.setswitchinterval(SWITCH)
    sampler = Sampler()
    sampler.start()
    started, said = time.perf_counter(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(said):
        from evolve.__main__ import main as evolve

        places = [f"ledger.repository={folder}/lineages.git", f"hydra.run.dir={folder}/out"]
        code = evolve(["+domain=finance", *places, *overrides])
        took = time.perf_counter() - started
        sampler.stop()
    if code:
        sys.exit(code)
    print(f"python -m evolve {' '.join(['+domain=finance', *overrides])}: {took:.1f} s")
    print(*(line for line in said.getvalue().splitlines() if line.startswith("The run ended")))
    print(*table(sampler.seconds), sep="\n")
    print("the functions that take most, with what is done for them outside of evolve:")
    for function, spent in sorted(sampler.functions.items(), key=lambda pair: -pair[1])[:SHOWN]:
        print(f"{spent:7.2f}  {100 * spent / sum(sampler.functions.values()):5.1f}  {function}")


if __name__ == "__main__":
    main()
