"""A bench without a sandbox, and small repositories to measure: for these tests alone."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Unpack

from evolve.substrate import Case, Given, Limits, Outcome, Ran, Substrate


class PlainBench:
    """Programs as plain processes in a temporary folder. `exclusive` counts how often the machine was taken whole."""

    def __init__(self, substrate: Substrate, place: Path) -> None:
        self._substrate = substrate
        self.scratch = place / "scratch"
        self.scratch.mkdir(exist_ok=True)
        self.deadline = float("inf")
        self.devices: Sequence[str] = ()
        self.taken = 0
        self.started: list[Sequence[str]] = []

    def trials(self, cases: Sequence[Case]) -> list[Outcome]:
        return [self._substrate.trial(case, self) for case in cases]

    def run(self, argv: Sequence[str], limits: Limits, **given: Unpack[Given]) -> Ran:
        self.started.append(argv)
        return run_plainly(
            argv, limits, given.get("files") or {}, given.get("keep", ()), given.get("environment") or {}
        )

    @contextmanager
    def lease(self) -> Iterator[PlainBench]:
        yield self

    @contextmanager
    def exclusive(self) -> Iterator[PlainBench]:
        self.taken += 1
        yield self


def run_plainly(
    argv: Sequence[str],
    limits: Limits,
    files: Mapping[str, str | bytes],
    keep: Sequence[str],
    environment: Mapping[str, str],
) -> Ran:
    with tempfile.TemporaryDirectory(prefix="plain-") as folder:
        for path, content in files.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        started = time.monotonic()
        done = subprocess.Popen(
            argv,
            cwd=folder,
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        late = threading.Event()
        clock = threading.Timer(
            limits.seconds + limits.grace, lambda: (late.set(), os.killpg(done.pid, signal.SIGKILL))
        )
        clock.start()
        out, err = done.communicate()
        clock.cancel()
        took = time.monotonic() - started
        kept = {name: (Path(folder) / name).read_bytes() for name in keep if (Path(folder) / name).is_file()}
    most = limits.output_kb * 1024
    if late.is_set():
        return Ran("timeout", None, out[:most], err[:most], took, 0.0, kept, "the clock killed it")
    ok = done.returncode == 0
    reason = "" if ok else f"exit code {done.returncode}."
    return Ran("ok" if ok else "crash", done.returncode, out[:most], err[:most], took, 0.0, kept, reason)


def git(place: Path, *args: str) -> str:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *args], cwd=place, check=True, capture_output=True, text=True)
    return done.stdout


def repository(place: Path, files: Mapping[str, str]) -> Path:
    """A fresh repository with one commit of these files; scripts (`*.sh`) are executable."""
    place.mkdir(parents=True)
    git(place, "init", "--quiet", "--initial-branch=main")
    write(place, files)
    git(place, "add", "--all", "--force")
    git(place, "commit", "--quiet", "--message", "what is there")
    return place


def write(place: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        if path.endswith(".sh"):
            target.chmod(0o755)


def state_of(place: Path) -> tuple[str, str, str, dict[str, bytes]]:
    """Whatever a run must leave as it was: status, HEAD and refs, and the files of the working tree."""
    files = {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(place).parts
    }
    return git(place, "status", "--porcelain"), git(place, "rev-parse", "HEAD"), git(place, "for-each-ref"), files


SMALL = {
    "src/words.txt": "one\ntwo\nthree\nfour\n",
    "src/more/extra.txt": "five\n",
    "measure.sh": "#!/bin/sh\nset -e\n"
    "echo METRIC lines=$(cat src/words.txt src/more/extra.txt | wc -l)\necho METRIC files=2\n",
    "check.sh": "#!/bin/sh\ngrep -q one src/words.txt || { echo 'one is missing'; exit 1; }\n",
    "README.md": "# Small\n",
}
"""Fewer lines are better, and the word `one` has to stay."""
