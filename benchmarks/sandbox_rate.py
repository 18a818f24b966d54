"""What the sandbox costs: trivial Python trials a second through two slots, in bubblewrap and as plain processes.

    python -m benchmarks.sandbox_rate            # 1,000 trials each; promised: at least 40 % of the plain rate
    python -m benchmarks.sandbox_rate --kills 50 # how late the clock kills, in ms

Both rates are taken in the same run, in alternating blocks, so that a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from evolve.jobs import Limits
from evolve.workers.sandbox import Sandbox

__all__ = ["lateness", "rates"]

SLOTS = 2
PROGRAM = (sys.executable, "-I", "-S", "-c", "pass")
PROMISED = 0.4
BLOCKS = 5


def rates(sandbox: Sandbox, trials: int) -> tuple[float, float]:
    """Trials a second: in the sandbox, and by `subprocess.run`."""
    limits = Limits(seconds=10.0)

    def boxed(slot: int) -> None:
        ran = sandbox.run(PROGRAM, limits, slot=slot)
        if not ran.ok:
            raise RuntimeError(ran.reason)

    def bare(slot: int) -> None:
        subprocess.run(PROGRAM, env={}, stdin=subprocess.DEVNULL, capture_output=True, check=True)

    spent = {boxed: 0.0, bare: 0.0}
    with ThreadPoolExecutor(SLOTS) as slots:
        list(slots.map(boxed, range(SLOTS)))  # starts the wardens, which is done once a run
        for _ in range(BLOCKS):
            for job in spent:
                spent[job] += _timed(slots, job, trials // BLOCKS)
    done = trials // BLOCKS * BLOCKS
    return done / spent[boxed], done / spent[bare]


def _timed(slots: ThreadPoolExecutor, job: Callable[[int], None], count: int) -> float:
    started = time.perf_counter()

    def several(slot: int) -> None:
        for _ in range(slot, count, SLOTS):
            job(slot)

    list(slots.map(several, range(SLOTS)))
    return time.perf_counter() - started


def lateness(sandbox: Sandbox, kills: int) -> list[float]:
    """Seconds past budget and grace at which a whole tree that ignores SIGTERM was dead, kill by kill."""
    limits = Limits(seconds=0.2, grace=0.1)
    program = "import os, signal, time; signal.signal(15, 1); os.fork(); os.fork(); time.sleep(60)"
    late = []
    for _ in range(kills):
        ran = sandbox.run([sys.executable, "-I", "-S", "-c", program], limits)
        if ran.status != "timeout":
            raise RuntimeError(f"{ran.status}: {ran.reason}")
        late.append(ran.seconds - limits.seconds - limits.grace)
    return late


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=0, help="measure the lateness of so many kills instead")
    parser.add_argument("--mode", default="bwrap", help="auto, bwrap or plain")
    chosen = parser.parse_args(arguments)
    sandbox = Sandbox.find(chosen.mode)
    print(sandbox.said)
    try:
        if chosen.kills:
            late = [1000 * seconds for seconds in lateness(sandbox, chosen.kills)]
            print(f"{len(late)} kills: {statistics.median(late):.1f} ms late in the median, {max(late):.1f} at most")
            return 0
        boxed, bare = rates(sandbox, chosen.trials)
        share = boxed / bare
        print(f"{chosen.trials} trials, {SLOTS} slots: {boxed:.1f}/s in the sandbox, {bare:.1f}/s bare: {share:.0%}")
        print(f"promised: at least {PROMISED:.0%}: {'kept' if share >= PROMISED else 'BROKEN'}")
        return 0 if share >= PROMISED else 1
    finally:
        sandbox.close()


if __name__ == "__main__":
    sys.exit(main())
