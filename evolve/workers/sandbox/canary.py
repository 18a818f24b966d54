"""A hostile probe, run before anything is trusted to the sandbox: what does it really hold here?"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolve.jobs import Limits, Ran
from evolve.workers.sandbox.view import python_paths

if TYPE_CHECKING:
    from evolve.workers.sandbox.sandbox import Sandbox

__all__ = ["probe"]

Finding = tuple[str, bool, str]

_GIVEN = {"PATH", "HOME", "PWD", "LC_CTYPE", "OLDPWD", "SHLVL", "_"}
"""Variables that a trial has anyhow: ours, and those that shells and Python set themselves."""

_WIDE = 2.0
"""Seconds past its end within which a killed trial must be over, on a busy machine too."""

_STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    os.close(1), os.close(2)
while True:
    time.sleep(1)
"""


def probe(sandbox: Sandbox) -> list[Finding]:
    """(what, does it hold, what was seen): clock and descriptors in both modes, what is hidden only in bwrap's."""
    found = [_clock(sandbox)]
    with tempfile.TemporaryDirectory(prefix="evolve-canary-") as folder, socket.socket() as listener:
        secret = Path(folder, "secret")
        secret.write_text(secrets.token_hex(16))
        for path, mode in ((Path(folder), 0o755), (secret, 0o644)):
            path.chmod(mode)  # what permissions guard is no test of the sandbox
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        target = {
            "secret": str(secret),
            "harness": os.getpid(),
            "port": listener.getsockname()[1],
            "write": ["/", "/usr", "/etc", "/dev", "/var/tmp", "/run", "/home", folder, *map(str, python_paths())],
            "processes": _LIMITS.processes if sandbox.kind == "bwrap" else 0,
        }
        ran = sandbox.run(
            [sys.executable, "-I", "-S", "-c", Path(__file__).with_name("attacks.py").read_text()],
            _LIMITS,
            stdin=json.dumps(target).encode(),
        )
    told = _told(ran)
    if told is None:
        return [*found, ("probe", False, f"the probe did not run: {ran.reason or ran.stdout[-200:]!r}")]
    checks = _HELD if sandbox.kind == "bwrap" else {"descriptors": _HELD["descriptors"]}
    return [*found, *((what, *check(told)) for what, check in checks.items())]


_LIMITS = Limits(seconds=15.0, memory_mb=512, processes=16)


def _told(ran: Ran) -> dict[str, Any] | None:
    try:
        told = json.loads(ran.stdout)
    except ValueError:
        return None
    return told if ran.ok and isinstance(told, dict) else None


def _clock(sandbox: Sandbox) -> Finding:
    limits = Limits(seconds=0.3, grace=0.1)
    started = time.monotonic()
    ran = sandbox.run([sys.executable, "-I", "-S", "-c", _STUBBORN], limits)
    late = time.monotonic() - started - limits.seconds - limits.grace
    held = ran.status == "timeout" and late < _WIDE
    return "clock", held, f"a program that ignores SIGTERM, with a daemon: {ran.status}, back {1000 * late:.0f} ms late"


def _none(key: str, good: str, bad: str) -> Callable[[dict[str, Any]], tuple[bool, str]]:
    def check(told: dict[str, Any]) -> tuple[bool, str]:
        seen = told[key]
        return not seen, f"{bad}: {', '.join(map(str, seen))}" if seen else good

    return check


def _environment(told: dict[str, Any]) -> tuple[bool, str]:
    seen = sorted(set(told["variables"]) - _GIVEN)
    return not seen, f"variables in sight: {', '.join(seen)}" if seen else "no variable of the harness is in sight"


def _processes(told: dict[str, Any]) -> tuple[bool, str]:
    return told["forks"] <= _LIMITS.processes, f"{told['forks']} processes at once, of {_LIMITS.processes} allowed"


def _user(told: dict[str, Any]) -> tuple[bool, str]:
    return told["user"] != 0, f"runs as user {told['user']}"


_HELD: dict[str, Callable[[dict[str, Any]], tuple[bool, str]]] = {
    "descriptors": _none("descriptors", "none is inherited", "inherited"),
    "network": _none("network", "neither the loopback of the host nor beyond is reached", "reached"),
    "host files": _none("secret", "a file of the host that all may read is not there", "read"),
    "environment": _environment,
    "writing": _none("writable", "nothing outside the trial's own folders can be written", "written in"),
    "other processes": _none("others", "none is in sight", "in sight"),
    "processes": _processes,
    "user": _user,
}
