"""The process that holds one trial at a time: small, single-threaded, without the harness's environment.

It stands between the harness and the program, so that the clock does not wait for the harness's other threads, no
descriptor or secret of the harness can be inherited, and a harness that is killed leaves nothing: the warden notices
(its socket closes, its pidfd becomes readable), kills the trial and ends.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

from evolve.jobs import Limits, Ran
from evolve.workers.sandbox import folder, seccomp, wire
from evolve.workers.sandbox.bubble import Bubble
from evolve.workers.sandbox.kernel import BrokenSandbox, adopt_orphans, sealed, wait_readable
from evolve.workers.sandbox.plain import Plain
from evolve.workers.sandbox.watch import Output, Verdict, explain, watch

__all__ = ["main"]

_FIRST_USER, _USERS = 60_001, 5_000
"""Users of trials started by root: above those that distributions hand out, below `nobody` and what containers map."""


class Refused(Exception):
    """The caller asked for what cannot be."""


def main(connection_file: int, harness: int, own_users: int) -> None:
    """Serve until the harness closes the socket or ends. `own_users`: 1 where trials get their own, else 0."""
    for _ in range(8):
        os.open(os.devnull, os.O_RDWR)  # so that what follows lies above the numbers that children are given
    # It came to us inherited: a trial must not inherit it in turn, or it could speak for us.
    os.set_inheritable(connection_file, False)
    adopt_orphans()
    try:
        alive = os.pidfd_open(harness)
    except ProcessLookupError:
        return
    connection = socket.socket(fileno=connection_file)
    warden = Warden(connection, alive, _FIRST_USER + os.getpid() % _USERS if own_users else None)
    try:
        while connection.fileno() in wait_readable([connection.fileno(), alive], 1e6):
            request = wire.receive(connection)
            if isinstance(request, dict):  # the number of one that is to be stopped comes too late
                talk = wire.receive_files(connection, 2) if request.get("talks") else ()
                wire.send(connection, warden.answer(request, talk))
    except (EOFError, ConnectionError):
        return


class Harness:
    """Whoever asked for trial `number`: sends that number to stop it."""

    def __init__(self, connection: socket.socket, alive: int, number: int) -> None:
        self.descriptors = [connection.fileno(), alive]
        self._connection, self._number = connection, number

    def stops(self, ready: Sequence[int]) -> bool:
        if self._connection.fileno() in ready:
            return bool(wire.receive(self._connection) == self._number)  # not that of one before
        if any(descriptor in ready for descriptor in self.descriptors):
            raise EOFError("the harness is gone")
        return False


class Warden:
    """Runs what it is asked to, one trial after another."""

    def __init__(self, connection: socket.socket, alive: int, user: int | None) -> None:
        self._connection, self._alive = connection, alive
        self._user = user
        kinds = list(product((False, True), repeat=2))
        programs = [seccomp.program(accelerated=accelerated, children=children) for accelerated, children in kinds]
        filters = [sealed(program) if program else None for program in programs]
        self._filters = dict(zip(kinds, filters, strict=True))
        self._nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)

    def answer(self, request: dict[str, Any], talk: Sequence[int]) -> dict[str, Any]:
        """`Ran` as a dict; or `fault` (the machine's) or `refused` (the caller's) with a sentence. `talk`: its stdin
        and stdout, where they are the harness's; closed here."""
        job = Job(request, self._nowhere, talk)
        trial = self._trial(request, job)
        try:
            return asdict(job.run(trial, Harness(self._connection, self._alive, request["number"])))
        except Refused as error:
            return {"refused": str(error)}
        except BrokenSandbox as error:
            said = job.errors()
            return {"fault": f"{error}{': ' if said else ''}{said}"}
        except OSError as error:
            return {"refused" if error.errno == errno.E2BIG else "fault": str(error)}
        finally:
            trial.release()
            job.close()

    def _trial(self, request: dict[str, Any], job: Job) -> Bubble | Plain:
        if request["bubble"] is not None:
            command = [request["bwrap"], *request["bubble"]]
            allowed = self._filters[request["accelerated"], request["limits"]["children"]]
            return Bubble(command, self._user, allowed, job.writing, request["covered"])
        return Plain(request["folder"], request["path"], job.writing)


class Job:
    """One request, with the files that are open for it. `talk`: as in `Warden.answer`."""

    def __init__(self, request: dict[str, Any], nowhere: int, talk: Sequence[int]) -> None:
        self._request, self._limits = request, Limits(**request["limits"])
        pipes = [os.pipe() for _ in range(1 if talk else 2)]
        if talk:
            self._stdin, *written = talk
        else:
            self._stdin, written = sealed(request["stdin"]) if request["stdin"] else os.dup(nowhere), []
        self.writing = (*written, *(to for _, to in pipes))
        self._open = {self._stdin, *self.writing, *(source for source, _ in pipes)}
        most, tail = self._limits.output_kb << 10, self._limits.tail_kb << 10
        self._outputs = [Output(source, most, nowhere, tail) for source, _ in pipes]

    def run(self, trial: Bubble | Plain, harness: Harness) -> Ran:
        """From its start to its end; whatever happens, nothing of it lives on."""
        request, limits = self._request, self._limits
        try:
            root, owner = trial.start(request["argv"], request["environment"], self._stdin)
            self._fill(root, owner)
            started = time.monotonic()
            trial.go(limits, request["cores"])
            self._release(*self.writing, self._stdin)
            verdict = watch(trial, self._outputs, limits, started, harness)
            ended = time.monotonic()
        finally:
            trial.stop()
        if verdict != Verdict():
            ended = time.monotonic()
        files = folder.collect(root, request["keep"], limits.file_mb << 20, limits.scratch_mb << 20)
        code, cpu = trial.end()
        *kept, stderr = (output.finish() for output in self._outputs)
        stdout = kept[0] if kept else b""
        last = (stdout, stderr, round(ended - started, 6), cpu, files)
        if verdict.stopped:
            return Ran("stopped", None, *last)
        if verdict.late:
            reason = f"killed: not done after {limits.seconds:g} s and {limits.grace:g} s of grace"
            return Ran("timeout", None, *last, reason)
        if verdict.reason:
            return Ran("crash", None, *last, verdict.reason)
        reason = _not_started(request["argv"][0], code, stderr) or explain(code, limits)
        return Ran("crash" if code else "ok", code, *last, reason)

    def errors(self) -> str:
        """The end of what was written to stderr."""
        return self._outputs[-1].finish().decode(errors="replace").strip()[-500:]

    def close(self) -> None:
        self._release(*list(self._open))
        if self._request["folder"]:  # the harness does so too, but it may be gone
            shutil.rmtree(self._request["folder"], ignore_errors=True)

    def _fill(self, root: int, owner: int | None) -> None:
        try:
            folder.fill(root, self._request["files"], owner)
        except OSError as error:
            if error.errno == errno.ENOSPC and not self._request["folder"]:
                raise Refused(f"the trial's files do not fit into scratch_mb={self._limits.scratch_mb}") from None
            if error.errno in (errno.ENOSPC, errno.EIO, errno.EMFILE, errno.ENOMEM):
                raise
            raise Refused(f"the trial's files cannot be laid out: {error}") from None

    def _release(self, *files: int) -> None:
        for file in files:
            self._open.remove(file)
            os.close(file)


def _not_started(program: str, code: int, stderr: bytes) -> str:
    """Was the program missing? Shells, env and setpriv say so by 126 or 127 and one line; so do we."""
    last = stderr.decode(errors="replace").strip().rpartition("\n")[2]
    if code in (126, 127) and program in last:
        return f"the program {program!r} could not be started ({last.rpartition(': ')[2]})"
    return ""
