"""A program that is talked to while it runs: its stdin and stdout are pipes to us, and nothing else of ours."""

from __future__ import annotations

import os
import select
import shutil
import sys
import time
from collections.abc import Iterator
from io import FileIO

import pytest

from evolve.jobs import Limits, Running
from evolve.workers.sandbox import Sandbox

LONG = Limits(seconds=60.0, processes=32, memory_mb=512)
ECHO = "import sys\nfor line in sys.stdin: print(line.strip()[::-1], flush=True); print('seen', file=sys.stderr)"


@pytest.fixture(scope="module", params=["bwrap", "plain"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    if request.param == "bwrap" and shutil.which("bwrap") is None:
        pytest.skip("the sandbox's tests need bubblewrap: apt-get install bubblewrap")
    box = Sandbox.find(request.param)
    yield box
    box.close()


def talking(sandbox: Sandbox, code: str) -> tuple[Running, FileIO, FileIO]:
    running = sandbox.start([sys.executable, "-I", "-S", "-c", code], LONG, talks=True)
    assert running.talk is not None
    return (running, *running.talk)


def heard(source: FileIO, most: int = 1 << 16) -> bytes:
    assert select.select([source], [], [], 30.0)[0]
    return source.read(most) or b""


def test_it_answers_while_it_runs_and_ends_when_nobody_asks(sandbox: Sandbox) -> None:
    running, to, source = talking(sandbox, ECHO)
    for word in (b"abc\n", b"def\n"):
        to.write(word)
        assert heard(source) == word.strip()[::-1] + b"\n"
    assert not running.done()
    to.close()
    ran = running.result()
    assert (ran.status, ran.stdout, ran.stderr) == ("ok", b"", b"seen\nseen\n")
    assert heard(source) == b""
    source.close()


def test_who_is_stopped_hears_and_says_nothing_more(sandbox: Sandbox) -> None:
    running, to, source = talking(sandbox, ECHO)
    running.stop()
    assert running.result().status == "stopped"
    assert heard(source) == b""
    with pytest.raises(BrokenPipeError):
        to.write(b"abc\n")
    to.close()
    source.close()


def test_a_flood_waits_and_a_deaf_one_holds_nobody(sandbox: Sandbox) -> None:
    running, to, source = talking(sandbox, "while True: print('x' * 1000)")
    assert heard(source, 1 << 20)
    while to.write(b"y" * 65536):  # not blocking: None once the pipe is full
        pass
    running.stop()
    assert running.result().status == "stopped"
    to.close()
    source.close()


def test_it_holds_no_other_file_of_ours(sandbox: Sandbox) -> None:
    secret = os.open("/dev/null", os.O_RDONLY)
    running, to, source = talking(
        sandbox, "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))), flush=True)"
    )
    open_files = heard(source)
    assert open_files == b"[0, 1, 2, 3]\n"  # the last is that of the listing
    running.result()
    os.close(secret)
    to.close()
    source.close()


def test_nothing_is_left_open_here(sandbox: Sandbox) -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = count()
    for _ in range(5):
        running, to, source = talking(sandbox, "pass")
        running.result()
        to.close()
        source.close()
    end = time.monotonic() + 10
    while count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert count() <= before


def test_what_a_stopped_program_has_used_is_known(sandbox: Sandbox) -> None:
    """Its children's time, too, whether they have ended or not."""
    code = (
        "import os, time\n"
        "def burn():\n  while time.process_time() < 0.5: pass\n"
        "if not os.fork(): burn(); os._exit(0)\n"
        "os.wait()\n"
        "if not os.fork(): burn(); print('so', flush=True); time.sleep(60)\n"
        "os.wait()"
    )
    running, to, source = talking(sandbox, code)
    assert heard(source) == b"so\n"
    running.stop()
    assert 0.9 < running.result().cpu_seconds < 5
    to.close()
    source.close()
