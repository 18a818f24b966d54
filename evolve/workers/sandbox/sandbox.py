"""The sandbox as the harness knows it: find one, run programs in it, close it."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from io import FileIO
from typing import Any, Literal, Unpack

from evolve.errors import UsageError
from evolve.jobs import Given, Limits, Ran, Running
from evolve.workers.sandbox import gpu, seccomp, view
from evolve.workers.sandbox.folder import parts_of
from evolve.workers.sandbox.hidden import check_hidden
from evolve.workers.sandbox.kernel import counts_users_by_namespace
from evolve.workers.sandbox.started import BEYOND, Started, Warden
from evolve.workers.sandbox.watch import EVERY

__all__ = ["Sandbox"]

_INSTALL = "apt-get install bubblewrap"
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
        self._idle: dict[int, list[Warden]] = {}
        self._all: set[Warden] = set()
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
        running = self.start(argv, limits, cores=cores, devices=devices, slot=slot, **given)
        try:
            return running.result()
        finally:
            running.stop()  # where waiting was interrupted

    def start(
        self,
        argv: Sequence[str],
        limits: Limits,
        *,
        cores: Sequence[int] = (),
        devices: Sequence[str] = (),
        slot: int = 0,
        **given: Unpack[Given],
    ) -> Running:
        """As `run`, without waiting for its end; several at once, of one slot too. Raises ValueError as `run` does, but
        for what only shows when it starts: then `result` does."""
        request = self._request(argv, limits, cores, devices, given)
        warden = self._take(slot)
        end: Future[Ran] = Future()
        ours, theirs = _talk() if given.get("talks") else (None, ())
        try:
            if self.kind == "plain":
                request["folder"] = tempfile.mkdtemp(prefix="evolve-trial-")
            number = warden.request(request, limits.seconds + limits.grace + BEYOND, theirs)
            # A daemon, for a harness that ends must not wait for it; its warden notices and ends the program.
            threading.Thread(
                target=self._see_out, args=(warden, slot, request["folder"], end), daemon=True, name="trial"
            ).start()
        except BaseException:
            self._drop(warden)
            if request["folder"]:
                shutil.rmtree(request["folder"], ignore_errors=True)
            for file in ours or ():
                file.close()
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return Started(warden, number, end, ours)

    def _see_out(self, warden: Warden, slot: int, folder: str, end: Future[Ran]) -> None:
        try:
            end.set_result(self._end_of(warden, slot, folder))
        except BaseException as error:
            end.set_exception(error)

    def _end_of(self, warden: Warden, slot: int, folder: str) -> Ran:
        """Waits for a program's end. The warden is free for another before anybody hears of it."""
        try:
            answer = warden.answer()
        except BaseException:
            self._drop(warden)
            raise
        finally:
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
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
        seen = view.View(
            view.check_visible(given.get("visible", ())),
            view.check_shared(given.get("shared", ())),
            check_hidden(given.get("hidden", ())),
            devices,
            given.get("packages", True),
        )
        variables = gpu.variables(devices, seen.bound() if self.kind == "bwrap" else None) | variables
        for name, value in variables.items():
            if not name or "=" in name or "\0" in name + value:
                raise ValueError(f"{name!r} is no name of an environment variable, or its value holds a null character")
        if variables and "=" in argv[0]:
            raise ValueError(f"the program {argv[0]!r} has a '=' in its name, and an environment")
        if not set(cores) <= set(range(os.cpu_count() or 1)):
            raise ValueError(f"this machine has no cores {sorted(cores)}")
        for path in (*files, *keep):
            parts_of(path)
        bubble = None
        if self.kind == "bwrap":
            bubble = view.arguments(seen, limits, root=self._root, lock_users=not self._filtered)
        return {
            "argv": argv,
            "limits": dict(vars(limits)),
            "files": {path: text.encode() if isinstance(text, str) else bytes(text) for path, text in files.items()},
            "keep": list(keep),
            "stdin": bytes(given.get("stdin", b"")),
            "environment": variables,
            "cores": list(cores),
            "bwrap": self._bwrap,
            "bubble": bubble,
            "covered": seen.covered(),
            "accelerated": bool(devices),
            "path": view.home_path(),
            "folder": "",
        }

    def _take(self, slot: int) -> Warden:
        with self._lock:
            if self._closed:
                raise RuntimeError("the sandbox is closed")
            idle = self._idle.get(slot, [])
            while idle:
                warden = idle.pop()
                if warden.alive:
                    return warden
                self._all.discard(warden)
        warden = Warden(own_users=self._root and self.kind == "bwrap")
        with self._lock:
            self._all.add(warden)
            closed = self._closed
        if closed:  # since we looked
            self._drop(warden)
            raise RuntimeError("the sandbox is closed")
        return warden

    def _drop(self, warden: Warden) -> None:
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


def _talk() -> tuple[tuple[FileIO, FileIO], tuple[int, int]]:
    """Two pipes: what we write to and read from, and a program's stdin and stdout."""
    (stdin, to), (source, stdout) = os.pipe(), os.pipe()
    for ours in (to, source):
        os.set_blocking(ours, False)
    return (FileIO(to, "w"), FileIO(source, "r")), (stdin, stdout)


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
    held += ["system calls", "core pinning"] if filtered else []
    open_ = ["total memory between samples"]
    open_ += [] if filtered else ["system calls (unknown processor)", "core pinning"]
    return (
        f"sandbox: bwrap ({'root' if root else 'user'}); enforced: {', '.join(held)}; not enforced: {', '.join(open_)}"
    )


def _said_plain(why: str) -> str:
    return (
        f"sandbox: NONE ({why}); enforced: clock, kill, output, size of a file, memory and processes (sampled every "
        f"{EVERY * 1000:g} ms); NOT ENFORCED: network, files, secrets, scratch size, other processes, system calls: "
        f"run no genome here that you would not run yourself"
    )
