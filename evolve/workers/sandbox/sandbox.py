"""The sandbox as the harness knows it: find one, run programs in it, close it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Unpack

from evolve.errors import UsageError
from evolve.jobs import Given, Limits, Ran
from evolve.workers.sandbox import seccomp, view, wire
from evolve.workers.sandbox.folder import parts_of
from evolve.workers.sandbox.kernel import counts_users_by_namespace
from evolve.workers.sandbox.watch import EVERY

__all__ = ["Sandbox"]

_INSTALL = "apt-get install bubblewrap"
_BEYOND = 60.0
"""Seconds past a trial's own end after which its warden counts as lost: every step of it is bounded by less."""

_BOOT = """
import importlib, sys, types
for name, folder in zip(("evolve", "evolve.workers", "evolve.workers.sandbox"), sys.argv[4:7]):
    sys.modules[name] = module = types.ModuleType(name)
    module.__path__ = [folder]
importlib.import_module("evolve.workers.sandbox.warden").main(*map(int, sys.argv[1:4]))
"""
"""Starts a warden without the packages' own __init__, which import numpy: 20 ms instead of 200, and 12 MB."""

Kind = Literal["bwrap", "plain"]


class Sandbox:
    """Runs programs under limits, several at once (one warden each). Thread-safe. Close it when done.

    `kind`: bwrap, or plain (nothing is hidden, little is held). `said`: what is enforced, in one line.
    """

    def __init__(self, kind: Kind, bwrap: str = "", why_plain: str = "") -> None:
        self.kind: Kind = kind
        self._bwrap = bwrap
        self._root = os.geteuid() == 0
        self._filtered = seccomp.program() is not None
        self.said = _said_bwrap(self._root, self._filtered) if kind == "bwrap" else _said_plain(why_plain)
        self._idle: dict[int, list[_Warden]] = {}
        self._all: set[_Warden] = set()
        self._lock = threading.Lock()
        self._closed = False

    @classmethod
    def find(cls, mode: str = "auto") -> Sandbox:
        """The best that works here, tried by a real run. `mode`: auto, bwrap or plain.

        Raises UsageError for another mode, and for bwrap where it is not installed or does not work.
        """
        if mode not in ("auto", "bwrap", "plain"):
            raise UsageError(f"sandbox mode {mode!r} is unknown; it is one of auto, bwrap, plain")
        if mode == "plain":
            return cls("plain", why_plain="as asked")
        bwrap = shutil.which("bwrap")
        why = "bubblewrap is not installed"
        if bwrap is not None:
            found = cls("bwrap", bwrap)
            why = found._broken()
            if not why:
                return found
            found.close()
        if mode == "bwrap":
            raise UsageError(f"{why}; install it with: {_INSTALL}, or run without a sandbox: mode plain")
        return cls("plain", why_plain=f"{why} ({_INSTALL})")

    def run(
        self,
        argv: Sequence[str],
        limits: Limits,
        *,
        cores: Sequence[int] = (),
        devices: Sequence[str] = (),
        slot: int = 0,
        **given: Unpack[Given],
    ) -> Ran:
        """A program in a new folder with `files` (relative path -> content) in it; blocks until all of it is dead.

        It sees the system's programs, this Python, the host paths `visible` (read-only, at the same place) and
        nothing else (plain: everything), and no variable but `environment`, PATH and HOME. `keep`: the files to bring
        back; links, and files beyond `file_mb` each or `scratch_mb` in all, are not. `cores` by number. `devices`:
        accelerators by name (`cuda:0`). `slot`: who runs it; trials of different slots share no user.

        Scripts with a `#!` and ELF files among `files` may be executed. A socket below a `visible` path can be
        connected to: show no folder with one.

        A bad program gives a Ran that is not ok. Raises ValueError for bad arguments, RuntimeError for a machine on
        which the sandbox broke.
        """
        request = self._request(argv, limits, cores, devices, given)
        warden = self._take(slot)
        try:
            if self.kind == "plain":
                request["folder"] = tempfile.mkdtemp(prefix="evolve-trial-")
            answer = warden.ask(request, limits.seconds + limits.grace + _BEYOND)
        except BaseException:
            self._drop(warden)
            raise
        finally:
            if request["folder"]:
                shutil.rmtree(request["folder"], ignore_errors=True)
        if answer is None:
            self._drop(warden)
            why = "the sandbox was closed" if self._closed else "the process that watched the program was killed"
            return Ran("crash", None, reason=why)
        with self._lock:
            self._idle.setdefault(slot, []).append(warden)
        if "fault" in answer:
            raise RuntimeError(f"the sandbox broke: {answer['fault']}")
        if "refused" in answer:
            raise ValueError(answer["refused"])
        return Ran(**answer)

    def close(self) -> None:
        """End all wardens. Trials that still run are killed: a crash, to those who wait for them."""
        with self._lock:
            self._closed = True
            wardens, self._all, self._idle = self._all, set(), {}
        for warden in wardens:
            warden.close()

    def canary(self) -> list[tuple[str, bool, str]]:
        """Attack the sandbox as a genome might: (what, does it hold, what was seen)."""
        from evolve.workers.sandbox.canary import probe

        return probe(self)

    def _request(
        self, argv: Sequence[str], limits: Limits, cores: Sequence[int], devices: Sequence[str], given: Given
    ) -> dict[str, Any]:
        argv, variables = _check_argv(argv), dict(given.get("environment") or {})
        files, keep = given.get("files") or {}, given.get("keep", ())
        gpus = [name.partition(":")[2] for name in devices if name.startswith("cuda:")]
        if gpus:
            variables |= {"CUDA_VISIBLE_DEVICES": ",".join(gpus)}
        for name, value in variables.items():
            if not name or "=" in name or "\0" in name + value:
                raise ValueError(f"{name!r} is no name of an environment variable, or its value holds a null character")
        if variables and "=" in argv[0]:
            raise ValueError(f"the program {argv[0]!r} has a '=' in its name, and an environment")
        if not set(cores) <= set(range(os.cpu_count() or 1)):
            raise ValueError(f"this machine has no cores {sorted(cores)}")
        for path in (*files, *keep):
            parts_of(path)
        shown = view.check_visible(given.get("visible", ()))
        command = None
        if self.kind == "bwrap":
            command = view.arguments(
                self._bwrap,
                limits,
                shown,
                devices,
                packages=given.get("packages", True),
                root=self._root,
                lock_users=not self._filtered,
            )
        return {
            "argv": argv,
            "limits": dict(vars(limits)),
            "files": {path: text.encode() if isinstance(text, str) else bytes(text) for path, text in files.items()},
            "keep": list(keep),
            "stdin": bytes(given.get("stdin", b"")),
            "environment": variables,
            "cores": list(cores),
            "command": command,
            "path": view.home_path(),
            "folder": "",
        }

    def _take(self, slot: int) -> _Warden:
        with self._lock:
            if self._closed:
                raise RuntimeError("the sandbox is closed")
            idle = self._idle.get(slot, [])
            while idle:
                warden = idle.pop()
                if warden.alive:
                    return warden
                self._all.discard(warden)
        warden = _Warden(own_users=self._root and self.kind == "bwrap")
        with self._lock:
            self._all.add(warden)
        return warden

    def _drop(self, warden: _Warden) -> None:
        with self._lock:
            self._all.discard(warden)
        warden.close()

    def _broken(self) -> str:
        """Why it does not work here; empty where it does."""
        try:
            ran = self.run(["true"], Limits(seconds=10.0, memory_mb=256))
        except (RuntimeError, OSError) as error:
            return f"bubblewrap does not work here ({error})"
        said = ran.stderr.decode(errors="replace").strip()
        return "" if ran.ok else f"bubblewrap does not work here ({ran.reason}{': ' if said else ''}{said})"


class _Warden:
    """The harness's end of a warden process."""

    def __init__(self, own_users: bool) -> None:
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

    def ask(self, request: dict[str, Any], seconds: float) -> Any:
        """The answer; None where the warden died. Raises RuntimeError where it says nothing."""
        self._connection.settimeout(seconds)
        try:
            wire.send(self._connection, request)
            return wire.receive(self._connection)
        except TimeoutError:
            raise RuntimeError(f"a trial's warden said nothing for {seconds:g} s") from None
        except (EOFError, ConnectionError):
            return None

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


def _check_argv(argv: Sequence[str]) -> list[str]:
    if isinstance(argv, str) or not argv or not all(isinstance(word, str) and "\0" not in word for word in argv):
        raise ValueError(f"a program is a list of words, the first its name, not {argv!r}")
    if not argv[0] or argv[0].startswith("-"):
        raise ValueError(f"{argv[0]!r} is no program")
    return list(argv)


def _said_bwrap(root: bool, filtered: bool) -> str:
    counted = root or counts_users_by_namespace()
    held = ["clock", "kill", "network", "files", "processes" if counted else "processes (sampled)", "scratch size"]
    held += ["output", f"total memory and number of files (sampled every {EVERY * 1000:g} ms)"]
    held += ["system calls"] if filtered else []
    open_ = ["total memory between samples", "core pinning"]
    open_ += [] if filtered else ["system calls (unknown processor)"]
    return (
        f"sandbox: bwrap ({'root' if root else 'user'}); enforced: {', '.join(held)}; not enforced: {', '.join(open_)}"
    )


def _said_plain(why: str) -> str:
    return (
        f"sandbox: NONE ({why}); enforced: clock, kill, output, size of a file, memory and processes (sampled every "
        f"{EVERY * 1000:g} ms); NOT ENFORCED: network, files, secrets, scratch size, other processes, system calls: "
        f"run no genome here that you would not run yourself"
    )
