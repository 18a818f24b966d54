"""Really hostile programs: each costs one clock, leaves nothing, and disturbs nobody."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.errors import UsageError
from evolve.jobs import Limits, Ran
from evolve.workers.sandbox import Sandbox
from evolve.workers.sandbox import sandbox as module

NEEDS = "the sandbox's tests need bubblewrap: apt-get install bubblewrap"
WIDE = 3.0
SHORT = Limits(seconds=0.3, grace=0.1, processes=16, memory_mb=256)
LONG = Limits(seconds=20.0, processes=16, memory_mb=512)


def found(mode: str) -> Sandbox:
    if mode == "bwrap" and shutil.which("bwrap") is None:
        pytest.skip(NEEDS)
    return Sandbox.find(mode)


@pytest.fixture(scope="module", params=["bwrap", "plain"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    box = found(request.param)
    yield box
    box.close()


@pytest.fixture(scope="module")
def bubble() -> Iterator[Sandbox]:
    box = found("bwrap")
    yield box
    box.close()


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def alive(mark: str) -> list[str]:
    """Processes with the mark in their arguments or environment, as text."""
    mine = str(os.getpid())
    seen = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("cmdline", "environ"):
            try:
                content = Path("/proc", pid, name).read_bytes()
            except OSError:
                continue
            if mark.encode() in content and pid != mine:
                seen.append(f"{pid}: {content[:300]!r}")
    return seen


def is_our_warden(pid: str) -> bool:
    try:
        mine = f"PPid:\t{os.getpid()}\n" in Path("/proc", pid, "status").read_text()
        return mine and b"sandbox.warden" in Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return False


HEAD = "import os, signal, sys, time\n"
HOSTILE = {
    "sleeps for ever": "time.sleep(1e6)",
    "ignores every signal": """
for number in signal.valid_signals():
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass""",
    "has grandchildren": """
for _ in range(3): os.fork()
while True: time.sleep(1)""",
    "leaves a daemon and hangs": """
if not os.fork():
    os.setsid()
    if os.fork(): os._exit(0)
    os.closerange(0, 100)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
while True: time.sleep(1)""",
    "writes without end": "while True: os.write(1, bytes(1 << 20)), os.write(2, bytes(1 << 20))",
    "closes every descriptor": """
os.closerange(0, 4096)
while True: time.sleep(1)""",
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "fills its folder": """
try:
    for i in range(10 ** 6): open(f"f{i}", "wb").write(bytes(1 << 20))
except OSError: pass
while True: time.sleep(1)""",
    "threads": """
import threading
for _ in range(8): threading.Thread(target=time.sleep, args=(1e6,)).start()""",
}


def with_bystander(box: Sandbox, argv: list[str], limits: Limits, mark: str) -> tuple[Ran, float]:
    """The hostile run and its wall time, next to a decent one in another slot that must come out right."""
    decent: list[Ran] = []
    code = "import time\ntotal = 0\nfor i in range(30): total += i; time.sleep(0.01)\nprint(total)"
    other = threading.Thread(target=lambda: decent.append(box.run(python(code), LONG, slot=1)))
    other.start()
    started = time.monotonic()
    ran = box.run(argv, limits, environment={"MARK": mark}, slot=0)
    wall = time.monotonic() - started
    assert alive(mark) == []
    other.join(LONG.seconds)
    assert [(r.status, r.stdout) for r in decent] == [("ok", b"435\n")]
    return ran, wall


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs_cost_one_clock(sandbox: Sandbox, name: str) -> None:
    code = HEAD + HOSTILE[name]
    if sandbox.kind == "plain":
        code = code.replace("10 ** 6", "10")  # nothing but the program itself bounds it there
    ran, wall = with_bystander(sandbox, python(code), SHORT, uuid.uuid4().hex)
    assert ran.status == "timeout", ran
    assert ran.code is None
    assert ran.reason
    assert wall < SHORT.seconds + SHORT.grace + WIDE
    assert SHORT.seconds + SHORT.grace <= ran.seconds < SHORT.seconds + SHORT.grace + WIDE
    assert len(ran.stdout) <= SHORT.output_kb << 10


def test_a_fork_bomb(sandbox: Sandbox) -> None:
    endless = "while True:\n    try: os.fork()\n    except OSError: time.sleep(0.01)"
    bounded = "for _ in range(5): os.fork()\ntime.sleep(60)"  # 32 processes: plainly nothing but we would end more
    code = HEAD + (endless if sandbox.kind == "bwrap" else bounded)
    ran, wall = with_bystander(sandbox, python(code), SHORT, uuid.uuid4().hex)
    assert ran.status == ("timeout" if sandbox.kind == "bwrap" else "crash"), ran
    assert sandbox.kind == "bwrap" or ran.reason == "killed: more than 16 processes"
    assert wall < SHORT.seconds + SHORT.grace + WIDE


def test_memory_of_all_processes_together(sandbox: Sandbox) -> None:
    code = HEAD + "os.fork(); os.fork()\nkept = [bytearray(1 << 20) for _ in range(150)]\ntime.sleep(60)"
    ran, wall = with_bystander(sandbox, python(code), LONG, uuid.uuid4().hex)
    assert (ran.status, ran.code, ran.reason) == ("crash", None, "killed: more than 512 MB of memory")
    assert wall < 10.0


def test_shared_memory_is_counted_once(sandbox: Sandbox) -> None:
    code = HEAD + "kept = bytearray(200 << 20)\nfor _ in range(3): os.fork()\ntime.sleep(0.3)"
    assert sandbox.run(python(code), LONG).ok


def test_gigabytes_of_output(bubble: Sandbox) -> None:
    code = "import os\npiece = bytes(1 << 20)\nfor _ in range(2 << 10): os.write(1, piece)"
    ran = bubble.run(python(code), Limits(seconds=60.0, memory_mb=128))
    assert ran.ok, ran.reason
    assert ran.stdout == bytes(256 << 10)
    wardens = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if is_our_warden(pid)]
    assert wardens
    for pid in wardens:
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc", pid, "status").read_text())
        assert int(peak) < 100_000


def test_what_a_program_gets_and_gives(sandbox: Sandbox) -> None:
    code = """
import os, sys
print(sorted(os.listdir(".")), open("in/a.txt").read(), sys.stdin.read(), os.environ["A"])
print(os.getcwd() == os.environ["HOME"])
os.mkdir("out"); open("out/r", "wb").write(b"\\0\\1"); open("in/a.txt", "a").write("+"); sys.exit(3)"""
    ran = sandbox.run(
        python(code),
        LONG,
        files={"in/a.txt": "text", "b": b"\0"},
        keep=["out/r", "in/a.txt", "missing", "in/no/where"],
        stdin=b"said",
        environment={"A": "a b=c"},
    )
    assert (ran.status, ran.code, ran.reason) == ("crash", 3, "exit code 3")
    assert ran.stdout == b"['b', 'in'] text said a b=c\nTrue\n"
    assert ran.files == {"out/r": b"\0\1", "in/a.txt": b"text+"}


def test_scripts_can_be_started(sandbox: Sandbox) -> None:
    ran = sandbox.run(["./go", "x"], LONG, files={"go": "#!/bin/sh\necho $1; . ./data", "data": "echo y"})
    assert ran.stdout == b"x\ny\n", ran
    assert sandbox.run(["./data"], LONG, files={"data": "echo y"}).reason.endswith(
        "could not be started (Permission denied)"
    )


def test_ends_are_told_apart(sandbox: Sandbox) -> None:
    assert sandbox.run(["true"], LONG) == Ran(
        "ok", 0, seconds=pytest.approx(0, abs=WIDE), cpu_seconds=pytest.approx(0, abs=1)
    )
    ran = sandbox.run(python("import os; os.kill(os.getpid(), 11)"), LONG)
    assert (ran.status, ran.code, ran.reason) == ("crash", -11, "ended by signal 11 (SIGSEGV)")
    ran = sandbox.run(python("while True: pass"), Limits(seconds=20, cpu_seconds=1))
    assert (ran.status, ran.code) == ("crash", -24)
    assert "more than 1 s of CPU" in ran.reason
    assert 0.5 < ran.cpu_seconds < 2.1
    ran = sandbox.run(
        python("import signal; signal.signal(25, 0); open('f', 'wb').write(bytes(3 << 20))"), Limits(5, file_mb=2)
    )
    assert (ran.code, ran.reason) == (-25, "killed: a file of more than 2 MB")


@pytest.mark.parametrize("environment", [{}, {"A": "b"}])
@pytest.mark.parametrize("program", ["no-such-program", "./nothing", "/etc"])
def test_a_program_that_cannot_start(sandbox: Sandbox, program: str, environment: dict[str, str]) -> None:
    ran = sandbox.run([program, "x"], LONG, environment=environment)
    assert ran.status == "crash"
    assert ran.reason.startswith(f"the program {program!r} could not be started (")


def test_a_daemon_dies_with_the_program(sandbox: Sandbox) -> None:
    code = HEAD + "if not os.fork():\n    os.setsid()\n    if os.fork(): os._exit(0)\n    time.sleep(1e6)\nos.wait()"
    ran, wall = with_bystander(sandbox, python(code), LONG, uuid.uuid4().hex)
    assert ran.ok, ran
    assert wall < WIDE


def test_kept_files_are_never_links_pipes_or_too_large(sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    code = f"""
import os
os.symlink({str(secret)!r}, "link"); os.symlink({str(tmp_path)!r}, "folder"); os.mkfifo("pipe"); os.mkdir("d")
os.symlink("/proc/self/environ", "proc"); open("large", "wb").truncate(2 << 20); open("fits", "wb").truncate(1 << 20)"""
    limits = Limits(seconds=20.0, scratch_mb=1)
    ran = sandbox.run(python(code), limits, keep=["link", "folder/secret", "pipe", "proc", "d", "large", "fits"])
    assert ran.ok, ran
    assert list(ran.files) == ["fits"]


def test_bad_requests_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    for bad in ("../a", "/a", "", "a/../../b", "a\0"):
        with pytest.raises(ValueError, match="folder"):
            sandbox.run(["true"], LONG, files={bad: ""})
        with pytest.raises(ValueError, match="folder"):
            sandbox.run(["true"], LONG, keep=[bad])
    for bad_argv in ("true", [], [""], ["-c"], ["a\0"]):
        with pytest.raises(ValueError, match="program"):
            sandbox.run(bad_argv, LONG)
    for path in (Path("/"), Path("/proc/1"), tmp_path / "nothing", Path("relative")):
        with pytest.raises(ValueError, match="cannot be shown"):
            sandbox.run(["true"], LONG, visible=[path])
    with pytest.raises(ValueError, match="environment variable"):
        sandbox.run(["true"], LONG, environment={"A=B": "c"})
    with pytest.raises(UsageError, match="auto, bwrap, plain"):
        Sandbox.find("docker")


def test_nothing_is_inherited(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even what the harness left open on purpose, nor what is in its environment."""
    monkeypatch.setenv("API_KEY", "secret")
    here, there = socket.socketpair()
    with here, there:
        there.set_inheritable(True)
        fresh = found(sandbox.kind)
        ran = fresh.run(python("import os; print(os.listdir('/proc/self/fd'), sorted(os.environ))"), LONG)
        fresh.close()
    descriptors, _, names = ran.stdout.decode().partition("] ")
    assert descriptors == "['0', '1', '2', '3'"  # the last is the listing itself
    assert "API_KEY" not in names


def test_from_inside_nothing_works(bubble: Sandbox, tmp_path: Path) -> None:
    held = bubble.canary()
    assert [what for what, holds, said in held if not holds] == [], held
    assert {what for what, _, _ in held} >= {"clock", "network", "host files", "environment", "writing", "processes"}


def test_plainly_only_what_is_promised_is_probed() -> None:
    box = found("plain")
    assert [(what, holds) for what, holds, _ in box.canary()] == [("clock", True), ("descriptors", True)]
    assert "NOT ENFORCED: network" in box.said
    box.close()


def test_another_slots_folder_and_the_filter(bubble: Sandbox) -> None:
    """While one trial holds a file, the other looks for it everywhere; and forbidden calls fail."""
    holder = python("import time; [open(f + '/mark', 'w') for f in ('/trial', '/tmp', '/dev/shm')]; time.sleep(1.5)")
    other = threading.Thread(target=lambda: bubble.run(holder, LONG, slot=1))
    other.start()
    time.sleep(0.5)
    code = """
import ctypes, json, os, socket
found = [f for f in ("/trial", "/tmp", "/dev/shm", "/proc/1/root" + "/trial") if os.path.exists(f + "/mark")]
libc = ctypes.CDLL(None, use_errno=True)
errors = {}
def call(name, *arguments):
    errors[name] = 0 if getattr(libc, name)(*arguments) >= 0 else ctypes.get_errno()
call("unshare", 0x10000000); call("ptrace", 16, 1, 0, 0); call("shmget", 1, 4096, 0o1777); call("memfd_create", b"a", 0)
call("socket", 40, 1, 0); call("mount", b"none", b"/tmp", b"tmpfs", 0, None)
libc.syscall.restype = ctypes.c_long
call("syscall", 56, 0x10000000 | 17, 0, 0, 0, 0)
print(json.dumps([found, errors, os.popen("grep -c . /proc/1/environ").read()]))"""
    ran = bubble.run([sys.executable, "-I", "-c", code], LONG, slot=0)
    other.join()
    found_files, errors, environ = json.loads(ran.stdout)
    assert found_files == []
    assert environ.strip() in ("", "0")
    names = {"unshare", "ptrace", "shmget", "memfd_create", "socket", "mount", "syscall"}
    assert set(errors) == names
    if module.seccomp.program() is not None:
        assert all(errors.values()), errors


def test_a_bomb_of_signals(bubble: Sandbox) -> None:
    """It kills all it can reach: that is itself."""
    ran, _ = with_bystander(
        bubble,
        python(
            "import contextlib, os\nfor victim in -1, 1, 0:\n    with contextlib.suppress(OSError): os.kill(victim, 9)"
        ),
        LONG,
        uuid.uuid4().hex,
    )
    assert (ran.status, ran.code) == ("crash", -9)


def test_many_small_files_and_a_full_folder(bubble: Sandbox) -> None:
    code = "import os\nfor i in range(10 ** 7): os.close(os.open(f'f{i}', os.O_CREAT | os.O_WRONLY))"
    ran = bubble.run(python(code), LONG)
    assert (ran.status, ran.reason) == ("crash", "killed: more than 65,536 files")
    code = "open('a', 'wb').write(bytes(3 << 20))"
    ran = bubble.run(python(code), Limits(seconds=20.0, scratch_mb=2))
    assert b"No space left" in ran.stderr
    with pytest.raises(ValueError, match="scratch_mb=2"):
        bubble.run(["true"], Limits(seconds=20.0, scratch_mb=2), files={"a": bytes(3 << 20)})


def test_visible_is_visible_and_only_readable(bubble: Sandbox, tmp_path: Path) -> None:
    shown, hidden = tmp_path / "shown", tmp_path / "hidden"
    for folder in (shown, hidden):
        folder.mkdir()
        (folder / "a").write_text("text")
        (folder / "a").chmod(0o666)
    code = f"""
import os
games = "/usr/games"
print(open({str(shown / "a")!r}).read(), os.path.exists({str(hidden)!r}), os.path.isdir(games) and os.listdir(games))
open({str(shown / "a")!r}, "w")"""
    ran = bubble.run(python(code), LONG, visible=[shown])
    assert ran.stdout == (b"text False []\n" if Path("/usr/games").is_dir() else b"text False False\n")
    assert b"Read-only file system" in ran.stderr


def test_packages_are_there(bubble: Sandbox) -> None:
    ran = bubble.run([sys.executable, "-I", "-c", "import numpy; print(numpy.arange(3).sum())"], Limits(seconds=30.0))
    assert ran.stdout == b"3\n", ran


def test_cores_and_devices(sandbox: Sandbox) -> None:
    core = min(os.sched_getaffinity(0))
    code = "import os; print(os.sched_getaffinity(0), os.environ['CUDA_VISIBLE_DEVICES'])"
    ran = sandbox.run(python(code), LONG, cores=[core], devices=["cuda:2", "cuda:3"])
    assert ran.stdout == f"{{{core}}} 2,3\n".encode()


@pytest.mark.parametrize("mode", ["bwrap", "plain"])
@pytest.mark.parametrize("delay", [0.0, 0.02, 0.5])
def test_a_killed_harness_leaves_nothing(mode: str, delay: float) -> None:
    found(mode).close()
    mark = uuid.uuid4().hex
    harness = f"""
import sys
from evolve.jobs import Limits
from evolve.workers.sandbox import Sandbox
box = Sandbox.find({mode!r})
box.run(["true"], Limits(5))
print("ready", flush=True)
box.run({python(HEAD + HOSTILE["leaves a daemon and hangs"])!r}, Limits(600), environment={{"MARK": {mark!r}}})
"""
    process = subprocess.Popen([sys.executable, "-c", harness], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    end = time.monotonic() + WIDE
    while (left := alive(mark)) and time.monotonic() < end:
        time.sleep(0.02)
    assert left == []


def test_a_closed_sandbox_kills_what_runs(sandbox: Sandbox) -> None:
    mark, box = uuid.uuid4().hex, found(sandbox.kind)
    runs: list[Ran] = []
    thread = threading.Thread(
        target=lambda: runs.append(box.run(["sleep", "600"], Limits(600), environment={"MARK": mark}))
    )
    thread.start()
    time.sleep(0.5)
    assert alive(mark)
    box.close()
    thread.join(WIDE)
    assert alive(mark) == []
    assert [ran.status for ran in runs] == ["crash"]


def test_without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match="apt-get install bubblewrap"):
        Sandbox.find("bwrap")
    box = Sandbox.find("auto")
    assert box.kind == "plain"
    assert box.said.startswith(
        "sandbox: NONE (bubblewrap is not installed (apt-get install bubblewrap)); enforced: clock"
    )
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/false")
    with pytest.raises(UsageError, match=r"does not work here .* apt-get install bubblewrap"):
        Sandbox.find("bwrap")


def test_neither_the_cores_of_others_nor_news_of_their_files(bubble: Sandbox) -> None:
    code = """
import ctypes, os
try:
    os.sched_setaffinity(0, range(os.cpu_count()))
    print("all cores")
except PermissionError:
    pass
libc = ctypes.CDLL(None)
print(len(os.sched_getaffinity(0)), libc.inotify_init(), libc.inotify_init1(0), libc.fanotify_init(0, 0))
"""
    if module.seccomp.program() is None:
        pytest.skip("the filter of system calls is not known for this processor")
    ran = bubble.run(python(code), Limits(seconds=20.0), cores=[min(os.sched_getaffinity(0))])
    assert ran.stdout.split() == [b"1", b"-1", b"-1", b"-1"]


@pytest.mark.parametrize("children", [True, False])
def test_no_child_where_none_is_allowed_and_threads_all_the_same(bubble: Sandbox, children: bool) -> None:
    code = """
import ctypes, os, subprocess, sys, threading

def tried(how):
    try:
        how()
        print("yes", end=" ", flush=True)
    except (OSError, RuntimeError):
        print("no", end=" ", flush=True)

def forked(call):
    if (pid := call()) == 0:
        os._exit(0)
    if pid < 0:
        raise OSError
    os.waitpid(pid, 0)

def threaded():
    one = threading.Thread(target=int)
    one.start()
    one.join()

libc = ctypes.CDLL(None)
tried(lambda: forked(os.fork))
tried(lambda: forked(lambda: libc.syscall(57)) if os.uname().machine == "x86_64" else forked(os.fork))
tried(lambda: subprocess.run([sys.executable, "-c", ""], check=True))
tried(lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0))
tried(threaded)
"""
    if module.seccomp.program() is None:
        pytest.skip("the filter of system calls is not known for this processor")
    ran = bubble.run(python(code), Limits(seconds=20.0, children=children))
    assert ran.ok, ran.stderr
    assert ran.stdout.split() == [b"yes" if children else b"no"] * 4 + [b"yes"]
