"""The harness's end of a warden, and a program that was started through one."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent import futures
from io import FileIO
from pathlib import Path
from typing import Any

from evolve.jobs import Ran, Running
from evolve.workers.sandbox import wire

__all__ = ["BEYOND", "Started", "Warden"]

BEYOND = 60.0
"""Seconds past a trial's own end after which its warden counts as lost: every step of it is bounded by less."""

_BOOT = """
import importlib, sys, types
for name, folder in zip(("evolve", "evolve.workers", "evolve.workers.sandbox"), sys.argv[4:7]):
    sys.modules[name] = module = types.ModuleType(name)
    module.__path__ = [folder]
importlib.import_module("evolve.workers.sandbox.warden").main(*map(int, sys.argv[1:4]))
"""
"""Starts a warden without the packages' own __init__, which import numpy: 20 ms instead of 200, and 12 MB."""


class Warden:
    """The harness's end of a warden process: one request at a time, which any thread may stop."""

    def __init__(self, own_users: bool) -> None:
        self._sending = threading.Lock()
        self._number = 0
        self._connection, theirs = socket.socketpair()
        here = Path(__file__).resolve().parent
        folders = [str(here.parent.parent), str(here.parent), str(here)]
        with theirs:
            start = [str(theirs.fileno()), str(os.getpid()), str(int(own_users)), *folders]
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BOOT, *start],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},  # what it does not have, no trial can read in /proc
                cwd="/",
                start_new_session=True,  # Ctrl-C is the harness's to handle
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def request(self, request: dict[str, Any], seconds: float, talk: Sequence[int] = ()) -> int:
        """Sends it, with the stdin and stdout of a program that talks; the number by which it is stopped. From now on
        `seconds` is how long the warden may say nothing. Raises RuntimeError where it does not listen; one that is dead
        is told by `answer`."""
        with self._sending:
            self._number += 1
            self._connection.settimeout(seconds)
            try:
                wire.send(self._connection, request | {"number": self._number, "talks": bool(talk)})
                if talk:
                    wire.send_files(self._connection, talk)
            except TimeoutError:
                raise _silent(seconds) from None
            except OSError:
                pass  # the other end is gone
            return self._number

    def answer(self) -> Any:
        """The answer to the request; None where the warden died. Raises RuntimeError where it says nothing."""
        try:
            return wire.receive(self._connection)
        except TimeoutError:
            raise _silent(self._connection.gettimeout()) from None
        except (EOFError, OSError):
            return None

    def stop(self, number: int) -> None:
        """Ask for the end of this request's program. Does not wait, and is harmless where it has ended."""
        with self._sending:
            # The warden passes over the number of a trial that is over; between the parts of another request
            # even that would be garbage, hence the lock.
            if number == self._number:
                with contextlib.suppress(OSError):
                    wire.send(self._connection, number)

    def close(self) -> None:
        # Not only close: another thread may be waiting on it, and would go on waiting.
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(12.0)  # it ends its trial first
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._connection.close()


class Started(Running):
    """A program in the sandbox. Thread-safe. `end` is set by whoever waits for the warden's answer."""

    def __init__(
        self, warden: Warden, number: int, end: futures.Future[Ran], talk: tuple[FileIO, FileIO] | None = None
    ) -> None:
        self._warden, self._number, self._end = warden, number, end
        self.talk = talk

    def stop(self) -> None:
        """Where it cannot be killed, `result` says so. A warden that does not answer is ended with it."""
        if self._end.done():
            return
        self._warden.stop(self._number)
        if futures.wait([self._end], BEYOND).not_done:
            self._warden.close()
            futures.wait([self._end])

    def done(self) -> bool:
        return self._end.done()

    def result(self) -> Ran:
        return self._end.result()


def _silent(seconds: float | None) -> RuntimeError:
    return RuntimeError(f"a trial's warden said nothing for {seconds or 0:g} s")
