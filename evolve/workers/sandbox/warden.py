"""The process that holds one trial at a time: small, single-threaded, without the harness's environment.

It stands between the harness and the program, so that the clock does not wait for the harness's other threads, no
descriptor or secret of the harness can be inherited, and a harness that is killed leaves nothing: the warden notices
(its socket closes, its pidfd becomes readable), kills the trial and ends.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from evolve.jobs import Limits, Ran
from evolve.workers.sandbox import folder, seccomp, wire
from evolve.workers.sandbox.bubble import Bubble, StartError
from evolve.workers.sandbox.kernel import adopt_orphans, wait_readable
from evolve.workers.sandbox.plain import Plain
from evolve.workers.sandbox.watch import Output, Verdict, explain, watch

__all__ = ["main"]

_FIRST_USER, _USERS = 60_001, 5_000
"""Users of trials started by root: above those that distributions hand out, below `nobody` and what containers map."""


class Abandoned(Exception):
    """The harness is gone."""


def main(connection_file: int, harness: int, own_users: int) -> None:
    """Serve until the harness closes the socket or ends. `own_users`: 1 where trials get a
    user of their own, else 0."""
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
            wire.send(connection, warden.answer(wire.receive(connection)))
    except (Abandoned, EOFError, OSError):
        return


class Warden:
    """Runs what it is asked to, one trial after another."""

    def __init__(self, connection: socket.socket, alive: int, user: int | None) -> None:
        self._harness = [connection.fileno(), alive]
        self._user = user
        self._filter = _sealed(seccomp.program())

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """`Ran` as a dict; or `fault` (the machine's) or `refused` (the caller's) with a sentence."""
        limits = Limits(**request["limits"])
        reading, writing = zip(os.pipe(), os.pipe(), strict=True)
        outputs = [Output(pipe, limits.output_kb << 10) for pipe in reading]
        trial = self._prepare(request, writing)
        try:
            ran = self._run(trial, request, limits, outputs, writing)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EFBIG):
                return {"refused": f"the trial's files do not fit into scratch_mb={limits.scratch_mb}"}
            return {"fault": str(error)}
        except StartError as error:
            said = outputs[1].finish().decode(errors="replace").strip()
            return {"fault": f"{error}{': ' if said else ''}{said[-500:]}"}
        finally:
            for pipe in (*reading, *writing):
                _close(pipe)
            if isinstance(trial, Plain):
                shutil.rmtree(trial.folder, ignore_errors=True)
        return asdict(ran)

    def _prepare(self, request: dict[str, Any], writing: Sequence[int]) -> Bubble | Plain:
        if request["command"] is None:
            return Plain(tempfile.mkdtemp(prefix="evolve-trial-", dir=request["temporary"]), request["path"], writing)
        return Bubble(request["command"], self._user, self._filter, writing)

    def _run(
        self,
        trial: Bubble | Plain,
        request: dict[str, Any],
        limits: Limits,
        outputs: list[Output],
        writing: Sequence[int],
    ) -> Ran:
        stdin = _sealed(request["stdin"]) or os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            root, owner = trial.start(request["argv"], request["environment"], stdin)
            folder.fill(root, request["files"], owner)
            started = time.monotonic()
            trial.go(limits, request["cores"])
            for pipe in (*writing, stdin):
                _close(pipe)
            verdict = watch(trial, outputs, limits, started, self._harness)
            ended = time.monotonic()
        finally:
            trial.stop()
            _close(stdin)
        if verdict.abandoned:
            trial.end()
            raise Abandoned
        if verdict != Verdict():
            ended = time.monotonic()
        files = folder.collect(root, request["keep"], limits.file_mb << 20, limits.scratch_mb << 20)
        code, cpu = trial.end()
        stdout, stderr = (output.finish() for output in outputs)
        seconds = round(ended - started, 6)
        if verdict.late:
            reason = f"killed: not done after {limits.seconds:g} s and {limits.grace:g} s of grace"
            return Ran("timeout", None, stdout, stderr, seconds, cpu, files, reason)
        if verdict.reason:
            return Ran("crash", None, stdout, stderr, seconds, cpu, files, verdict.reason)
        reason = _not_started(request["argv"][0], code, stderr) or explain(code, limits)
        return Ran("crash" if code else "ok", code, stdout, stderr, seconds, cpu, files, reason)


def _not_started(program: str, code: int, stderr: bytes) -> str:
    """Was the program missing? Shells, env and setpriv say so by 126 or 127 and one line; so do we."""
    last = stderr.decode(errors="replace").strip().rpartition("\n")[2]
    if code in (126, 127) and program in last:
        return f"the program {program!r} could not be started ({last.rpartition(': ')[2]})"
    return ""


def _sealed(content: bytes | None) -> int | None:
    """A file in memory with this content that nobody can change any more; None where there is none."""
    if not content:
        return None
    file = os.memfd_create("evolve", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
    os.lseek(file, 0, os.SEEK_SET)
    fcntl.fcntl(
        file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    )
    return file


def _close(descriptor: int) -> None:
    """Close it, unless that was done."""
    with contextlib.suppress(OSError):
        os.close(descriptor)
