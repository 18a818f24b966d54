"""Programs without a sandbox: how they end, and that they do."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer.launch import Allowed, Bare, Program


@pytest.fixture
def bare() -> Iterator[Bare]:
    with Bare.here() as launcher:
        yield launcher


def begin(bare: Bare, program: str, seconds: float = 60.0, files: dict[str, str] | None = None) -> Program:
    return bare.start(
        [sys.executable, "-I", "-c", program],
        files or {},
        Allowed(seconds=seconds, memory_mb=512, processes=16, file_mb=16),
    )


def ended(program: Program) -> None:
    end = time.monotonic() + 60
    while not program.done() and time.monotonic() < end:
        time.sleep(0.01)


def test_what_it_wrote_and_that_it_was_right(bare: Bare) -> None:
    end = begin(bare, "import sys; print(open('a/b.txt').read()); print('x', file=sys.stderr)", files={"a/b.txt": "hi"})
    found = end.result()
    assert (found.status, found.stdout, found.stderr) == ("ok", b"hi\n", b"x\n")


@pytest.mark.parametrize(
    ("program", "reason"),
    [("raise SystemExit(7)", "exit code 7"), ("import os; os.kill(os.getpid(), 11)", "ended by signal 11 (SIGSEGV)")],
)
def test_a_crash_stays_a_crash_when_it_is_stopped_afterwards(bare: Bare, program: str, reason: str) -> None:
    running = begin(bare, program)
    ended(running)
    running.stop()
    assert (running.result().status, running.result().reason) == ("crash", reason)


def test_stopped(bare: Bare) -> None:
    running = begin(bare, "import time; time.sleep(300)")
    running.stop()
    assert running.done()
    assert running.result().status == "stopped"


def test_the_clock_kills_it_with_its_children(bare: Bare) -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(300)'])"
    running = begin(bare, program, seconds=1.0)
    assert running.result().status == "timeout"


def test_the_clock_of_what_has_ended_changes_nothing(bare: Bare) -> None:
    running = begin(bare, "print(1)", seconds=2.0)
    ended(running)
    time.sleep(2.2)
    assert running.result().status == "ok"


def test_of_a_flood_the_end_is_kept(bare: Bare) -> None:
    running = begin(bare, "for _ in range(3000): print('x' * 999)\nprint('last')")
    out = running.result().stdout
    assert out.endswith(b"last\n")
    assert len(out) <= 1 << 18


def test_what_outlives_its_group_does_not_stop_the_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in a session of its own, that writes into its folder while that is removed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    survivor = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    end = time.monotonic() + 4\n"
        "    n = 0\n"
        "    while time.monotonic() < end:\n"
        "        n += 1\n"
        "        try: open(f'f{n}', 'w').close()\n"
        "        except OSError: break\n"
        "    os._exit(0)\n"
    )
    with Bare.here() as other:
        running = begin(other, survivor)
        assert running.result().status == "ok"
