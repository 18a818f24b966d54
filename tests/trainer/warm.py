"""A launcher for tests: as the one without a sandbox, but its programs start with torch loaded, in a tenth of a second.

Each is forked from a process that has done nothing but import; it leads a process group of its own, and is killed by
it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from trainer.launch import Allowed, Bare, Finished

__all__ = ["Warm"]


class Warm(Bare):
    """Only for what `trainer.trial` starts: the last argument is the child's job."""

    def start(self, argv: Sequence[str], files: Mapping[str, str], allowed: Allowed) -> _Forked:
        return _Forked(argv[-1], files, allowed.seconds, Path(tempfile.mkdtemp(dir=self.scratch)))


class _Forked:
    def __init__(self, job: str, files: Mapping[str, str], seconds: float, folder: Path) -> None:
        for path, text in files.items():
            (folder / path).write_text(text, encoding="utf-8")
        self._outputs = folder / ".out", folder / ".err"
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["trainer.child", "torch._dynamo"])  # an optimiser imports the latter
        self._process: ForkServerProcess = context.Process(target=_run, args=(job, folder), daemon=True)
        self._process.start()
        self._stopped = self._late = False
        self._clock = threading.Timer(seconds, self._expire)
        self._clock.daemon = True
        self._clock.start()

    def stop(self) -> None:
        if not self.done():
            self._stopped = True
        self._kill()

    def done(self) -> bool:
        return self._process.exitcode is not None

    def result(self) -> Finished:
        self._process.join()
        self._kill()
        code = self._process.exitcode
        out, err = (path.read_bytes()[-(1 << 18) :] if path.exists() else b"" for path in self._outputs)
        if self._late:
            return Finished("timeout", "killed by the clock", out, err)
        if self._stopped:
            return Finished("stopped", "", out, err)
        return Finished("crash" if code else "ok", f"exit code {code}" if code else "", out, err)

    def _expire(self) -> None:
        self._late = not self.done()
        self._kill()

    def _kill(self) -> None:
        self._clock.cancel()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid or 0, signal.SIGKILL)
        if not self.done():
            self._process.kill()  # before it led a group of its own
        self._process.join()


def _run(job: str, folder: Path) -> None:
    os.setsid()
    os.chdir(folder)
    for number, name in ((1, ".out"), (2, ".err")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    from trainer.child import main

    os._exit(main(job))
