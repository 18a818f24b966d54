"""A trial without a sandbox: a session of its own, the kernel's limits, and no process left behind. Nothing hidden."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

from evolve.jobs import Limits
from evolve.workers.sandbox.kernel import (
    BrokenSandbox,
    born_of,
    children_of,
    forbid_privileges,
    lists_children,
    reap,
    rlimits,
)
from evolve.workers.sandbox.watch import members_excess

__all__ = ["Plain"]

_NOT_STARTED = 127


class Plain:
    """One trial in `folder`, with the PATH `path`. Whoever runs this must adopt orphans, and have no other children."""

    def __init__(self, folder: str, path: str, outputs: Sequence[int]) -> None:
        self.folder, self._path, self._outputs = folder, path, list(outputs)
        self._pid = self.exited = self._root = self._stdin = -1
        self._argv: list[str] = []
        self._environment: dict[str, str] = {}
        self._ended: dict[int, tuple[int, float]] = {}

    def start(self, argv: Sequence[str], environment: Mapping[str, str], stdin: int) -> tuple[int, int | None]:
        """Nothing runs yet. Returns a descriptor of the trial's folder, and that what is laid into it is ours."""
        self._argv, self._stdin = list(argv), stdin
        self._environment = {"PATH": self._path, "HOME": self.folder, **environment}
        self._root = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self._root, None

    def go(self, limits: Limits, cores: Sequence[int]) -> None:
        """Start the program."""
        # fork, not Popen with a function: there is one thread here, and this can be read.
        self._pid = os.fork()
        if not self._pid:
            self._become(limits, cores)
        self.exited = os.pidfd_open(self._pid)

    def _become(self, limits: Limits, cores: Sequence[int]) -> NoReturn:
        try:
            for source, to in zip([self._stdin, *self._outputs], range(3), strict=True):
                os.dup2(source, to)
            os.setsid()
            os.chdir(self.folder)
            for what, (soft, hard) in rlimits(limits, None):
                most = resource.getrlimit(what)[1]
                hard = hard if most == resource.RLIM_INFINITY else min(hard, most)
                resource.setrlimit(what, (min(soft, hard), hard))
            if cores:
                os.sched_setaffinity(0, cores)
            forbid_privileges()
            for number in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            # Every other descriptor closes here: Python marks all its own so.
            os.execvpe(self._argv[0], self._argv, self._environment)
        except OSError as error:
            os.write(2, f"{self._argv[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(_NOT_STARTED)

    def excess(self, limits: Limits) -> str:
        folder = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            pids = (born_of if lists_children() else children_of)(os.getpid())
            return members_excess(folder, [str(pid) for pid in pids], limits)
        finally:
            os.close(folder)

    def stop(self) -> None:
        """Kill all descendants; returns when none is left. Raises BrokenSandbox after 5 s: a bomb that is faster."""
        end = time.monotonic() + 5.0
        me = os.getpid()
        while time.monotonic() < end:
            stopped: set[int] = set()
            # Stopped first, for what is stopped does not fork; a pass that finds nobody new has them all.
            while new := children_of(me) - stopped:
                for pid in new:
                    _signal(pid, signal.SIGSTOP)
                stopped |= new
            for pid in stopped:
                _signal(pid, signal.SIGKILL)
            self._ended |= reap(0.5)
            if not children_of(me):
                return
        raise BrokenSandbox("processes of a trial could not be ended")

    def end(self) -> tuple[int, float]:
        """After `stop`: the exit code (-N for signal N) and the CPU seconds of the trial's processes that ended."""
        self._ended |= reap(0.0)
        for descriptor in (self.exited, self._root):
            if descriptor >= 0:
                os.close(descriptor)
        status = self._ended.get(self._pid, (0, 0.0))[0]
        return os.waitstatus_to_exitcode(status), round(sum(cpu for _, cpu in self._ended.values()), 6)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return
