"""The few things of Linux that Python has no function for, and what /proc tells of processes."""

from __future__ import annotations

import ctypes
import fcntl
import math
import os
import resource
import select
import signal
import time
from collections.abc import Iterable

from evolve.jobs import Limits

__all__ = [
    "BrokenSandbox",
    "adopt_orphans",
    "born_of",
    "children_of",
    "counts_users_by_namespace",
    "die_with_parent",
    "enter_mounts",
    "forbid_privileges",
    "lists_children",
    "mount",
    "parent_of",
    "parents",
    "read_at",
    "reap",
    "resident",
    "rlimits",
    "sealed",
    "share_of",
    "unmount",
    "wait_readable",
]


class BrokenSandbox(RuntimeError):
    """It could not be set up or torn down: the machine's fault, not the program's."""


PAGE = os.sysconf("SC_PAGE_SIZE")
_SET_PARENT_DEATH_SIGNAL, _SET_CHILD_SUBREAPER, _SET_NO_NEW_PRIVS = 1, 36, 38  # linux/prctl.h

_GET_OWNER, _DETACH = 0xB701, 2  # NS_GET_USERNS of linux/nsfs.h, MNT_DETACH of sys/mount.h

_libc = ctypes.CDLL(None, use_errno=True)


def _check(failed: int) -> None:
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, value, 0, 0, 0))


def adopt_orphans() -> None:
    """From now on, a descendant whose parent has died becomes a child of this process."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """SIGKILL to this process when its parent ends."""
    _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def forbid_privileges() -> None:
    """No program that this process executes gains privileges by its file (set-user-id and the like)."""
    _prctl(_SET_NO_NEW_PRIVS, 1)


def enter_mounts(process: int) -> None:
    """See the files as another process does, with the right to change that. For a process of one thread, which cannot
    come back."""
    mounts = os.open(f"/proc/{process}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    users = fcntl.ioctl(mounts, _GET_OWNER)
    if os.fstat(users).st_ino != os.stat("/proc/self/ns/user").st_ino:  # to enter one's own is an error
        _check(_libc.setns(users, 0))
    _check(_libc.setns(mounts, 0))


def mount(source: str, place: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2). An existing folder or file is bound with no kind."""
    words = [os.fsencode(word) or None for word in (source, place, kind)]
    _check(_libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(options) or None))


def unmount(place: str) -> None:
    """No path leads there any more; what is bound from it stays."""
    _check(_libc.umount2(os.fsencode(place), _DETACH))


def wait_readable(descriptors: Iterable[int], seconds: float) -> list[int]:
    """Those that have something, at the latest after `seconds`. A pidfd has when its process has ended."""
    return select.select(list(descriptors), [], [], max(0.0, seconds))[0]


def read_at(folder: int | None, path: str) -> bytes:
    """A file of a /proc, whole; empty where it is gone or closed to us."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return b""
    try:
        return os.read(file, 1 << 16)
    except OSError:
        return b""
    finally:
        os.close(file)


def resident(folder: int, pid: str) -> int:
    """Bytes in memory of a process, shared ones counted in full: an upper bound, and cheap."""
    fields = read_at(folder, f"{pid}/statm").split()
    return int(fields[1]) * PAGE if len(fields) > 1 else 0


def share_of(folder: int, pid: str) -> int:
    """Bytes in memory of a process, shared ones divided by their users; dearer. `resident`, where that is closed."""
    for line in read_at(folder, f"{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) << 10
    return resident(folder, pid)


def parents() -> dict[int, int]:
    """Process -> parent, of every process in sight."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (parent := parent_of(int(name))):
            found[int(name)] = parent
    return found


def parent_of(pid: int) -> int:
    """The parent of a process; 0 where there is none, or no such process."""
    fields = read_at(None, f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def born_of(pid: int) -> set[int]:
    """All descendants, by the kernel's own lists: quick, and good enough to sample; some may be missed."""
    found: set[int] = set()
    todo = [str(pid)]
    while todo:
        parent = todo.pop()
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for thread in threads:
            for child in read_at(None, f"/proc/{parent}/task/{thread}/children").split():
                if int(child) not in found:
                    found.add(int(child))
                    todo.append(child.decode())
    return found


def lists_children() -> bool:
    """Does this kernel keep the lists that `born_of` reads?"""
    return os.path.exists("/proc/thread-self/children")


def counts_users_by_namespace() -> bool:
    """Does RLIMIT_NPROC count a user's processes within its user namespace (Linux 5.14), not on the whole host?"""
    major, minor = (int("".join(filter(str.isdigit, part))) for part in os.uname().release.split(".")[:2])
    return (major, minor) >= (5, 14)


def children_of(pid: int) -> set[int]:
    """All descendants of a process, by one look; more may be born meanwhile."""
    below: dict[int, list[int]] = {}
    for child, parent in parents().items():
        below.setdefault(parent, []).append(child)
    found: set[int] = set()
    todo = [pid]
    while todo:
        for child in below.get(todo.pop(), []):
            if child not in found:
                found.add(child)
                todo.append(child)
    return found


def rlimits(limits: Limits, processes: int | None) -> list[tuple[int, tuple[int, int]]]:
    """What the kernel itself holds a process to: resource -> soft and hard limit. `processes`: of its user."""
    size = limits.file_mb << 20
    found = [
        (resource.RLIMIT_CORE, (0, 0)),
        (resource.RLIMIT_FSIZE, (size, size)),
        (resource.RLIMIT_MSGQUEUE, (0, 0)),
        (resource.RLIMIT_NOFILE, (1024, 4096)),
    ]
    if limits.cpu_seconds is not None:
        whole = max(1, math.ceil(limits.cpu_seconds))  # the kernel counts in whole seconds
        found.append((resource.RLIMIT_CPU, (whole, whole + 1)))
    if processes is not None:
        found.append((resource.RLIMIT_NPROC, (processes, processes)))
    return [(what, (_at_most(what, soft), _at_most(what, hard))) for what, (soft, hard) in found]


def _at_most(what: int, value: int) -> int:
    """No more than we are allowed ourselves: who may not raise a limit gets an error for trying."""
    ours = resource.getrlimit(what)[1]
    return value if ours == resource.RLIM_INFINITY else min(value, ours)


def reap(seconds: float) -> dict[int, tuple[int, float]]:
    """Collect ended children until none is left or `seconds` are over: pid -> wait status, CPU seconds."""
    found: dict[int, tuple[int, float]] = {}
    end = time.monotonic() + seconds
    pause = 0.0002
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid:
            found[pid] = (status, usage.ru_utime + usage.ru_stime)
        elif time.monotonic() > end:
            return found
        else:
            time.sleep(pause)
            pause = min(2 * pause, 0.02)


def sealed(content: bytes) -> int:
    """A file in memory with this content that nobody can change any more; its descriptor."""
    file = os.memfd_create("evolve", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
    os.lseek(file, 0, os.SEEK_SET)
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
    return file
