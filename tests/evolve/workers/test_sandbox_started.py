"""Programs that are started and not waited for: stopped whole, at any time, and the sandbox serves on."""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evolve.jobs import Limits, Running
from evolve.workers.sandbox import Sandbox

NEEDS = "the sandbox's tests need bubblewrap: apt-get install bubblewrap"
WIDE = 5.0
LONG = Limits(seconds=60.0, processes=32, memory_mb=512)

TREE = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_IGN)
os.fork()
if not os.fork():
    os.setsid()
    if os.fork(): os._exit(0)
    os.closerange(0, 100)
else:
    open("ready", "w").close(); print("ready", flush=True)
while True: time.sleep(1)
"""


@pytest.fixture(scope="module", params=["bwrap", "plain"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    if request.param == "bwrap" and shutil.which("bwrap") is None:
        pytest.skip(NEEDS)
    box = Sandbox.find(request.param)
    yield box
    box.close()


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def alive(mark: str) -> list[str]:
    """Processes with the mark in their environment."""
    seen = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark.encode() in Path("/proc", pid, "environ").read_bytes():
                seen.append(pid)
        except OSError:
            continue
    return seen


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WIDE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_stubborn_tree_is_stopped_whole(sandbox: Sandbox) -> None:
    mark = uuid.uuid4().hex
    running = sandbox.start(python(TREE), LONG, environment={"MARK": mark}, keep=["ready"])
    until(lambda: len(alive(mark)) >= 4)
    assert not running.done()
    started = time.monotonic()
    running.stop()
    assert alive(mark) == []
    assert time.monotonic() - started < WIDE
    assert running.done()
    ran = running.result()
    assert (ran.status, ran.code, ran.reason, ran.ok) == ("stopped", None, "", False)
    assert ran.stdout.startswith(b"ready\n")
    assert ran.files == {"ready": b""}
    running.stop()
    assert running.result() is ran
    assert sandbox.run(["echo", "next"], LONG).stdout == b"next\n"


def test_to_stop_what_has_ended_changes_nothing(sandbox: Sandbox) -> None:
    running = sandbox.start(python("print(1); raise SystemExit(3)"), LONG)
    assert running.result().code == 3
    running.stop()
    assert (running.result().status, running.done()) == ("crash", True)


def test_a_stop_about_when_the_program_ends_never_meets_the_next(sandbox: Sandbox) -> None:
    rng, ends, box = random.Random(1), {"ok": 0, "stopped": 0}, Sandbox(sandbox.kind, shutil.which("bwrap") or "")
    fast = Limits(seconds=20.0)
    for turn in range(200):
        running = box.start(["sleep", "0.01"], fast)
        # A quarter are stopped as soon as they are seen to end, by a thread that knows no better.
        if turn % 4:
            time.sleep(rng.uniform(0.0, 0.05))
        else:
            other = threading.Thread(target=running.stop)
            running.result()
            other.start()
            assert box.run(["echo", "other"], fast).stdout == b"other\n"
            other.join()
        running.stop()
        ends[running.result().status] += 1
    assert min(ends.values()) > 10, ends
    assert sum(map(len, box._idle.values())) == 1, "one warden did it all"
    assert box.run(["echo", "next"], fast).stdout == b"next\n"
    box.close()


def test_a_late_number_in_the_socket_is_passed_over(sandbox: Sandbox) -> None:
    """As where the stop is sent while the answer is on its way."""
    running = sandbox.start(["true"], LONG, slot=9)
    running.result()
    (warden,) = sandbox._idle[9]
    warden.stop(warden._number)
    slow = sandbox.start(["sleep", "0.3"], LONG, slot=9)
    warden.stop(warden._number - 1)
    assert (slow.result().status, sandbox.run(["echo", "1"], LONG, slot=9).stdout) == ("ok", b"1\n")
    assert sandbox._idle[9] == [warden]


def test_many_may_wait_for_one_and_one_stops_it(sandbox: Sandbox) -> None:
    running, ends = sandbox.start(["sleep", "600"], LONG), []
    waiting = [threading.Thread(target=lambda: ends.append(running.result())) for _ in range(3)]
    stopping = [threading.Thread(target=running.stop) for _ in range(3)]
    for thread in (*waiting, *stopping):
        thread.start()
    for thread in (*waiting, *stopping):
        thread.join(WIDE)
    assert [end.status for end in ends] == ["stopped"] * 3


def test_several_at_once_share_a_slot(sandbox: Sandbox) -> None:
    """They run together, and to stop one disturbs no other."""
    mark = uuid.uuid4().hex
    several = [sandbox.start(["sleep", "600"], LONG, slot=4, environment={"MARK": mark}) for _ in range(3)]
    until(lambda: len(alive(mark)) >= 3)
    several[1].stop()
    assert [running.done() for running in several] == [False, True, False]
    for running in several:
        running.stop()
    assert alive(mark) == []
    assert len(sandbox._idle[4]) == 3


def test_the_clock_and_refusals_come_with_the_result(sandbox: Sandbox) -> None:
    late = sandbox.start(["sleep", "600"], Limits(seconds=0.2, grace=0.1))
    assert late.result().status == "timeout"
    with pytest.raises(ValueError, match="program"):
        sandbox.start([], LONG)
    running = sandbox.start(["true"], LONG, files={"a": "", "a/b": ""})
    for _ in range(2):
        with pytest.raises(ValueError, match="cannot be laid out"):
            running.result()
    running.stop()


def test_a_closed_sandbox_ends_what_was_started(sandbox: Sandbox) -> None:
    mark, box = uuid.uuid4().hex, Sandbox(sandbox.kind, shutil.which("bwrap") or "")
    running: Running = box.start(["sleep", "600"], LONG, environment={"MARK": mark})
    until(lambda: bool(alive(mark)))
    box.close()
    assert alive(mark) == []
    assert running.result().status == "crash"
    running.stop()


def test_a_killed_warden_is_a_crash(sandbox: Sandbox) -> None:
    mark, box = uuid.uuid4().hex, Sandbox(sandbox.kind, shutil.which("bwrap") or "")
    running = box.start(["sleep", "600"], LONG, environment={"MARK": mark})
    until(lambda: bool(alive(mark)))
    (warden,) = box._all
    warden._process.kill()
    assert running.result().reason == "the process that watched the program was killed"
    running.stop()
    until(lambda: alive(mark) == [])
    assert box.run(["true"], LONG).ok
    box.close()
