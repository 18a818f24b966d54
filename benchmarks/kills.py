"""SIGKILL at random moments, then `resume=`: is the end the same as of a run that was never killed?

    python -m benchmarks.kills --kills 200

Kills land between the moment at which the run holds its ledger and its end. After each run: trees and scores
are those of the run that was left alone, nothing was recorded twice, whatever was recorded before a kill is
still there, and `git fsck` finds nothing.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evolve.ledger import Entry, files_of, journal
from evolve.ledger.repository import Repository

__all__ = ["Killed", "kill_and_resume"]

LEDGER = "lineages.git"
WAIT = 120.0
"""Seconds in which a process must get somewhere: far more than it needs, so that a hang is an error."""

PART = 0.6
"""Kills come within this part of a whole run's time, so that most runs are killed more than once."""


@dataclass
class Killed:
    """What happened: kills done, runs brought to their end, and everything that was not as it should be."""

    kills: int = 0
    runs: int = 0
    faults: list[str] = field(default_factory=list)


def kill_and_resume(folder: Path, kills: int, seed: int, overrides: Sequence[str]) -> Killed:
    """Runs in `folder` until `kills` kills are done and the last run has ended."""
    rng, killed = random.Random(seed), Killed()
    process = _run(folder, ["+domain=finance", "run.name=whole", *overrides])
    _holds_ledger(folder, "whole", process)
    started = time.monotonic()
    process.wait(WAIT)
    length = time.monotonic() - started
    whole = Story.of(folder, "whole")
    while killed.kills < kills:
        name = f"killed-{killed.runs}"
        command = ["+domain=finance", f"run.name={name}", *overrides]
        before: list[Entry] = []
        while True:
            process = _run(folder, command)
            if not _holds_ledger(folder, name, process):
                killed.faults.append(f"{name}: ended with {process.returncode} before it held its ledger")
                return killed
            last = killed.kills >= kills
            try:
                process.wait(WAIT if last else rng.uniform(0, PART * length))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed.kills += 1
                command, before = _after(folder, name, before, command, killed)
                continue
            if process.returncode != 0:
                killed.faults.append(f"{name}: ended with {process.returncode}")
            break
        killed.runs += 1
        killed.faults += [f"{name}: {fault}" for fault in whole.faults_of(Story.of(folder, name))]
    return killed


def _after(
    folder: Path, name: str, before: list[Entry], command: list[str], killed: Killed
) -> tuple[list[str], list[Entry]]:
    """How to go on after a kill; checks that nothing recorded was lost."""
    known = f"refs/evolve/{name}/journal" in Repository.open(folder / LEDGER, create=False).refs("refs/evolve/")
    if not known:  # killed before its first record: nothing to resume
        return command, []
    now = journal(folder / LEDGER, name)
    if [e.key for e in now[: len(before)]] != [e.key for e in before]:
        killed.faults.append(f"{name}: entries that were recorded are gone")
    return [f"resume={name}"], now


@dataclass(frozen=True)
class Story:
    """What must come out the same, however often it was killed."""

    trees: dict[str, str]
    scores: dict[tuple[str, str], float | None]
    verdicts: list[tuple[str, str, str]]
    keys: list[tuple[str, str]]
    fsck: str

    @classmethod
    def of(cls, folder: Path, name: str) -> Story:
        repository = Repository.open(folder / LEDGER, create=False)
        prefix = f"refs/heads/{name}/"
        trees = {
            ref.removeprefix(prefix): repository.git("rev-parse", f"{commit}^{{tree}}").strip()
            for ref, commit in repository.refs(prefix).items()
        }
        files_of(folder / LEDGER, list(trees.values()))  # every champion can be read
        entries = journal(folder / LEDGER, name)
        outcomes = [e.value for e in entries if e.kind == "outcome"]
        return cls(
            trees=trees,
            scores={(e.kind, e.key): e.value["outcome"]["score"] for e in entries if e.kind == "outcome"},
            verdicts=[
                (e.value["lineage"], e.value["genome"], e.value["verdict"]) for e in entries if e.kind == "verdict"
            ],
            keys=[(e.kind, e.key) for e in entries if e.kind not in ("checkpoint", "run")],
            fsck=repository.git("fsck", "--full", "--no-dangling", check=False).strip() if outcomes else "empty",
        )

    def faults_of(self, other: Story) -> list[str]:
        found = []
        if other.trees != self.trees:
            found.append("its branches hold other trees")
        if other.scores != self.scores:
            found.append("its scores differ")
        if other.verdicts != self.verdicts:
            found.append("its verdicts differ")
        if len(set(other.keys)) != len(other.keys):
            found.append("something was recorded twice")
        if set(other.keys) != set(self.keys):
            found.append("other things were recorded")
        if other.fsck:
            found.append(f"git fsck says {other.fsck.splitlines()[0]}")
        return found


def _run(folder: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    with open(folder / "log.txt", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "evolve", *arguments], cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )


def _holds_ledger(folder: Path, name: str, process: subprocess.Popen[bytes]) -> bool:
    """Waits until the process has written its own number beside the run's lock."""
    holder, end = folder / LEDGER / "evolve" / f"{name}.pid", time.monotonic() + WAIT
    while time.monotonic() < end:
        if holder.exists() and holder.read_text().strip() == str(process.pid):
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.005)
    process.kill()
    process.wait()
    return False


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--generations", type=int, default=16)
    options = parser.parse_args(arguments)
    overrides = [f"run.generations={options.generations}", "run.baselines=[]", "run.preflight=false"]
    with tempfile.TemporaryDirectory() as folder:
        found = kill_and_resume(Path(folder), options.kills, options.seed, overrides)
    print(f"{found.kills} kills over {found.runs} runs: {len(found.faults)} faults", *found.faults, sep="\n")
    sys.exit(1 if found.faults else 0)


if __name__ == "__main__":
    main()
