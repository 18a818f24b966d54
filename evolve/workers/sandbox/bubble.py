"""A trial in bubblewrap: started behind a gate, ended through its PID 1.

The order: bwrap makes the namespaces and runs a short shell script, which reports and waits. We learn its process
id from the kernel (the credentials of its message), lay the trial's files, set its limits, and say go; the script
then becomes the program, by way of `setpriv` where there is a user to change to. If we die, reading "go" fails and
the program never starts. PID 1 is bwrap itself: it has no environment and no descriptor that tells anything but
an exit code, so there is nothing in it worth a look; the folder is read by us, from outside, when PID 1 is dead.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress

from evolve.jobs import Limits
from evolve.workers.sandbox.cover import cover
from evolve.workers.sandbox.kernel import (
    BrokenSandbox,
    counts_users_by_namespace,
    parent_of,
    read_at,
    reap,
    rlimits,
    sealed,
    wait_readable,
)
from evolve.workers.sandbox.view import HOME
from evolve.workers.sandbox.watch import INODES, members_excess

__all__ = ["BrokenSandbox", "Bubble"]

_GATE, _FILTER, _ARGUMENTS = 3, 4, 5
"""Descriptors of bwrap. The script closes the gate before it becomes the program, bwrap the others."""

_SCRIPT = f'echo >&{_GATE} && read -r go <&{_GATE} || exit 125; exec "$@" {_GATE}>&-'
_START = 10.0
"""Seconds for bwrap to be ready: some 5 ms are usual; beyond this the machine is broken."""

_DEATH = 10.0
"""Seconds for killed processes to go: some ms are usual; the kernel may hold one that waits for a broken disk."""

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
_SIGNALS = range(129, 193)
"""bwrap reports the end by signal N as exit code 128 + N, as shells do."""


class Bubble:
    """One trial. `user`: the user and group it becomes, None to stay what bwrap made it. `covered`: folders and files
    that it sees empty."""

    def __init__(
        self,
        command: Sequence[str],
        user: int | None,
        filter_file: int | None,
        outputs: Sequence[int],
        covered: tuple[Sequence[str], Sequence[str]] = ((), ()),
    ) -> None:
        self._command, self._user, self._filter, self._outputs = list(command), user, filter_file, list(outputs)
        self._covered = covered
        self._owned: list[int] = []
        self._folders: list[int] = []
        self._gate: socket.socket | None = None
        self._init = self._first = -1
        self._spent = self._unreaped = 0.0
        self._outer = self.exited = -1
        self._ended: dict[int, tuple[int, float]] = {}

    def start(self, argv: Sequence[str], environment: Mapping[str, str], stdin: int) -> tuple[int, int | None]:
        """Up to the gate. Returns a descriptor of the trial's folder, and who must own what is laid into it."""
        self._gate, theirs = socket.socketpair()
        self._gate.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        moves = [(stdin, 0), (self._outputs[0], 1), (self._outputs[1], 2), (theirs.fileno(), _GATE)]
        bwrap, *rest = self._command
        # Not in its argv: that has a limit, and PID 1's is there for the trial to read.
        arguments = self._own(sealed("".join(f"{word}\0" for word in rest).encode(errors="surrogateescape")))
        moves.append((arguments, _ARGUMENTS))
        command = [bwrap, "--args", str(_ARGUMENTS)]
        if self._filter is not None:
            os.lseek(self._filter, 0, os.SEEK_SET)
            moves.append((self._filter, _FILTER))
            command += ["--seccomp", str(_FILTER)]
        command += ["--", "/bin/sh", "-c", _SCRIPT, "sh", *self._drop(), *_with(environment), *argv]
        with theirs:
            self._outer = os.posix_spawn(
                command[0],
                command,
                {},
                file_actions=[(os.POSIX_SPAWN_DUP2, source, to) for source, to in moves],
                setsigmask=[],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which Python ignores, and ignoring is inherited
            )
        self.exited = self._own(os.pidfd_open(self._outer))
        self._first = self._reported()
        init = parent_of(self._first)
        self._init = self._own(os.pidfd_open(init))
        if any(self._covered):
            cover(init, *self._covered)
        root = f"/proc/{init}/root"
        # Once open, these outlive the namespace.
        self._folders = [self._own(_open(root + at)) for at in (HOME, "/tmp", "/dev/shm", "/proc")]
        if self._user is not None:
            os.fchown(self._folders[0], self._user, self._user)
        self._spent = _cpu(init) + _cpu(self._first)
        return self._folders[0], self._user

    def go(self, limits: Limits, cores: Sequence[int]) -> None:
        """Open the gate: from here on it is the program's time."""
        assert self._gate is not None
        for what, values in rlimits(limits, self._processes(limits)):
            resource.prlimit(self._first, what, values)
        if cores:
            os.sched_setaffinity(self._first, cores)
        self._gate.sendall(b"go\n")

    def excess(self, limits: Limits) -> str:
        folder = self._folders[3]
        pids = [name for name in os.listdir(folder) if name.isdigit() and name != "1"]
        for files in self._folders[:3]:
            state = os.fstatvfs(files)
            if state.f_files - state.f_ffree > INODES:
                return f"killed: more than {INODES:,} files"
        return members_excess(folder, pids, limits)

    def stop(self) -> None:
        """Kill whatever is left; returns when the last process is dead. Raises BrokenSandbox after 10 s."""
        if self._init >= 0:
            with suppress(OSError):  # nothing may come before the kill
                self._unreaped = _spent_in(self._folders[3]) if self._folders else 0.0
            _kill(self._init)
            if not wait_readable([self._init], _DEATH):
                raise BrokenSandbox("processes of a trial could not be ended")
        elif self.exited >= 0:
            # Before its report nothing of the genome runs; what is left of bwrap finds the gate gone, and ends.
            _kill(self.exited)
        self._shut()
        self._ended |= reap(_DEATH)

    def end(self) -> tuple[int, float]:
        """After `stop`: the exit code (-N for signal N) and the CPU seconds of the trial's processes that ended."""
        if self._outer not in self._ended:
            raise BrokenSandbox("bubblewrap could not be ended")
        code = os.waitstatus_to_exitcode(self._ended[self._outer][0])
        # What is killed with its namespace is reaped by nobody who tells.
        spent = max(sum(cpu for _, cpu in self._ended.values()), self._unreaped) - self._spent
        return (128 - code if code in _SIGNALS else code), max(0.0, round(spent, 6))

    def release(self) -> None:
        """Close what is open for it."""
        self._shut()
        for descriptor in self._owned:
            os.close(descriptor)
        self._owned.clear()

    def _shut(self) -> None:
        if self._gate is not None:
            self._gate.close()

    def _processes(self, limits: Limits) -> int | None:
        """What RLIMIT_NPROC must be: its user's processes, where a trial has one that counts for itself."""
        if self._user is not None:
            return limits.processes
        return limits.processes + 1 if counts_users_by_namespace() else None  # 1: bwrap's own, PID 1

    def _drop(self) -> list[str]:
        if self._user is None:
            return []
        who = [f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups", "--inh-caps=-all"]
        return ["/usr/bin/setpriv", *who, "--no-new-privs", "--"]

    def _reported(self) -> int:
        """The process id of the script, by the kernel's word."""
        assert self._gate is not None
        if self._gate.fileno() not in wait_readable([self._gate.fileno(), self.exited], _START):
            raise BrokenSandbox("bubblewrap did not start the program")
        _, extra, _, _ = self._gate.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size))
        for level, kind, data in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                pid = int(_CREDENTIALS.unpack(data[: _CREDENTIALS.size])[0])
                if pid:
                    return pid
        raise BrokenSandbox("bubblewrap ended before it started the program")

    def _own(self, descriptor: int) -> int:
        self._owned.append(descriptor)
        return descriptor


def _with(environment: Mapping[str, str]) -> list[str]:
    """By env(1), after the change of user: LD_PRELOAD must not reach the shell and setpriv."""
    return ["/usr/bin/env", *(f"{name}={value}" for name, value in environment.items())] if environment else []


def _spent_in(proc: int) -> float:
    """CPU seconds of all processes of a /proc, and of those that they have waited for; to the kernel's ticks."""
    found = 0
    for pid in filter(str.isdigit, os.listdir(proc)):
        fields = read_at(proc, f"{pid}/stat").rpartition(b")")[2].split()
        found += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return found / os.sysconf("SC_CLK_TCK")


def _open(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _kill(process: int) -> None:
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def _cpu(pid: int) -> float:
    """CPU seconds of a process so far, of its first thread; 0 where the kernel does not tell."""
    fields = read_at(None, f"/proc/{pid}/schedstat").split()
    return int(fields[0]) / 1e9 if fields else 0.0
