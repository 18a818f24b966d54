"""The agent's program: its words, its clock, and what it does not see.

It is the user's own program and runs with the user's rights. The machinery of trials ends it: one warden holds it and
adopts whatever it leaves behind, so that at the clock nothing of it lives on. Where bubblewrap works, it also has
process ids of its own and the ledger is an empty folder to it.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve.errors import UsageError
from evolve.jobs import Limits, Ran
from evolve.workers.sandbox import Sandbox

__all__ = ["WORD", "Agent", "read_command"]

WORD = 131_072 - 1
"""Bytes of one argument: MAX_ARG_STRLEN of Linux, less the null that ends it."""

_PLACE = re.compile(r"\{(brief|file)\}")

_KNOWN = {
    "aider": "python -m pip install aider-install && aider-install",
    "claude": "npm install -g @anthropic-ai/claude-code",
    "codex": "npm install -g @openai/codex",
}
"""How their makers say that they are installed."""

_ENTER = (
    "import os, signal, sys; signal.signal(signal.SIGPIPE, signal.SIG_DFL); "
    "signal.signal(signal.SIGXFSZ, signal.SIG_DFL); os.chdir(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])"
)
"""Where bubblewrap does not change the folder. No shell does: some drop variables whose names they don't like. Python
ignores two signals, and ignoring is inherited."""

_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
_PROCESSES = 4096
_FILE = 8192
"""All of the machine's memory, and so many processes and MB of one file: an agent builds and tests what it likes, but
one that runs wild is stopped before the machine is (assumptions)."""

_HEAD, _TAIL = 512, 512
"""KB that are kept of each of its outputs: the first and the last."""


def read_command(command: str) -> tuple[str, ...]:
    """Its words, the first an absolute path. Raises UsageError where it is empty, torn, or its program isn't there."""
    if not command.strip():
        raise UsageError("mutator=command needs mutator.command='…': for example mutator.command='claude -p {brief}'.")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(
            f"mutator.command={command!r} cannot be read as words: {str(error).lower()}. Close what is open."
        ) from None
    if "\0" in command or not words:
        raise UsageError(f"mutator.command={command!r} names no program.")
    program = words[0]
    found = shutil.which(program)
    if found is None:
        known = _KNOWN.get(program)
        install = f"Install it ({known}), or give" if known else "Install it, or give"
        what = "is no program that can be started" if "/" in program else "is not on the PATH"
        raise UsageError(f"mutator.command: {program!r} {what}. {install} its absolute path.")
    return (os.path.abspath(found), *words[1:])


@dataclass(frozen=True)
class Agent:
    """A program that can be started. `bwrap`: bubblewrap's path, "" where it does not work here."""

    words: tuple[str, ...]
    seconds: float
    hidden: tuple[Path, ...]
    sandbox: Sandbox
    bwrap: str

    @classmethod
    def made(cls, words: tuple[str, ...], seconds: float, hidden: Sequence[Path]) -> Agent:
        # Always without the trials' own sandbox, which hides what an agent needs: the network, its key, its programs.
        return cls(
            words, seconds, tuple(hidden), Sandbox("plain", why_plain="an agent has its user's rights"), _bwrap()
        )

    @property
    def room(self) -> float:
        """Bytes that the brief may have: an argument holds only so many, with what stands around it."""
        used = ((WORD - len(word.encode()) + 7 * n, n) for word in self.words if (n := word.count("{brief}")))
        return min((left // times for left, times in used), default=math.inf)

    @property
    def said(self) -> str:
        """What a person must know of it."""
        hidden = (
            "hidden from it: the ledger and what runs left in outputs/ and multirun/"
            if self.bwrap
            else "NOTHING IS HIDDEN from it, the ledger neither (bubblewrap is not there, or does not work here)"
        )
        return (
            f"agent: {os.path.basename(self.words[0])} runs with your rights, your whole environment (keys too) and "
            f"the network; enforced: {self.seconds:g} s a rewrite, after which all that it has started dies; {hidden}; "
            "NOT ENFORCED: what else it reads, changes or spends"
        )

    def run(self, folder: Path, brief: Path, text: str) -> Ran:
        """Started in `folder`; returns when all of it is dead. `brief`: the file that holds the text."""
        given = {"brief": text, "file": str(brief)}
        argv = [_PLACE.sub(lambda found: given[found[1]], word) for word in self.words[1:]]
        told = any(_PLACE.search(word) for word in self.words)
        return self.sandbox.run(
            [*self._around(folder), self.words[0], *argv],
            Limits(
                self.seconds,
                memory_mb=_MEMORY,
                processes=_PROCESSES,
                file_mb=_FILE,
                output_kb=_HEAD,
                tail_kb=_TAIL,
            ),
            stdin=b"" if told else text.encode(),
            environment=_environment(os.environ, folder),
        )

    def _around(self, folder: Path) -> list[str]:
        if not self.bwrap:
            return [sys.executable, "-I", "-S", "-c", _ENTER, str(folder)]
        return [*_bubble(self.bwrap, self.hidden), "--chdir", str(folder), "--"]


def _environment(ours: Mapping[str, str], folder: Path) -> dict[str, str]:
    """All of it, for the agent needs its key; but a repository that a hook has named is not the one that is meant."""
    return {name: value for name, value in ours.items() if not name.startswith("GIT_")} | {"PWD": str(folder)}


def _bwrap() -> str:
    """bubblewrap, where it can do what `_bubble` asks of it."""
    found = shutil.which("bwrap")
    if found is None:
        return ""
    try:
        done = subprocess.run(
            [*_bubble(found, ()), "--", "true"], stdin=subprocess.DEVNULL, capture_output=True, timeout=10.0
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else found


def _bubble(bwrap: str, hidden: Sequence[Path]) -> list[str]:
    """The host as it is, but for process ids and what is hidden, each where it is there by now."""
    command = [bwrap, "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc"]
    command += ["--unshare-pid", "--die-with-parent"]
    if os.geteuid() == 0:
        command += ["--cap-drop", "CAP_SYS_ADMIN"]  # with which what is laid over could be taken off again
    for path in map(Path.resolve, hidden):
        if path.is_dir():
            command += ["--tmpfs", str(path)]
        elif path.exists():
            command += ["--ro-bind", os.devnull, str(path)]  # no device works there: it cannot be opened
    return command
