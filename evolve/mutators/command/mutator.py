"""From a brief to a Rewrite: what came of one run of an agent."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np

from evolve.config import MutatorSettings
from evolve.errors import Halt, UsageError
from evolve.genome import Genome, Globs
from evolve.jobs import Ran
from evolve.llm.secrets import scrub, secrets_of
from evolve.mutators.base import Mutator, Workshop
from evolve.mutators.brief import compose
from evolve.mutators.command import checkout
from evolve.mutators.command.agent import Agent, read_command
from evolve.mutators.command.hypothesis import expected, hypothesis, last_lines, named, plain
from evolve.mutators.command.preface import preface
from evolve.printable import line, printable
from evolve.substrate import Around, Brief, Rewrite

__all__ = ["Command"]

Hide = Callable[[str], str]

_LEAST = 6_000
"""Characters of a brief: what we tell an agent ourselves, and what a brief always says, take some 5,000 (measured)."""

_REASON = 600
"""Characters of why a run counts for nothing."""


class Command(Mutator):
    """Runs `mutator.command` in a checkout of the parent; `mutator=command`.

    One run is one answer: the parent with what the agent changed in files that may be edited. It is refused where the
    agent changed none of these, ended with another exit code than 0, overran its clock, or came to what was tried
    before; what it said last is told.
    """

    reads_page: ClassVar[bool] = True

    def __init__(self, agent: Agent, settings: MutatorSettings, editable: Globs, around: Around | None = None) -> None:
        self._agent, self._settings, self._editable, self._around = agent, settings, editable, around
        self._closed = False

    @classmethod
    def make(cls, workshop: Workshop) -> Command:
        settings = workshop.settings
        words = read_command(settings.command)
        if not 0 < settings.seconds < float("inf"):
            raise UsageError(f"mutator.seconds={settings.seconds:g} is no clock: give the seconds that an agent has.")
        if settings.brief < _LEAST:
            raise UsageError(f"mutator.brief={settings.brief} is too short for an agent: give {_LEAST} or more.")
        if shutil.which("git") is None:
            raise UsageError("There is no `git` on the PATH; an agent works in a git repository. Install git.")
        _sweep()
        agent = Agent.made(words, settings.seconds, workshop.hidden)
        return cls(agent, settings, workshop.editable, workshop.substrate.around())

    def remarks(self) -> Sequence[str]:
        return [self._agent.said]

    def close(self) -> None:
        self._closed = True
        self._agent.sandbox.close()

    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        secrets = secrets_of(os.environ)

        def hide(text: str) -> str:
            return scrub(text, secrets)

        try:
            with _scratch() as scratch:
                folder, text = scratch / "checkout", self._text(brief, hide)
                file = checkout.lay(folder, brief.parent, text, self._around)
                return [self._judged(brief, self._run(folder, file, text), folder, hide)]
        except OSError as error:
            raise Halt(f"No agent could be started: {error}. Mend that (is the disk full?), then resume.") from error

    def _text(self, brief: Brief, hide: Hide) -> str:
        """The whole text, cut further where it would be too long for an argument."""
        before = preface(brief, self._editable, self._settings.seconds, self._around is not None)
        limit = self._settings.brief - len(before)
        while True:
            text = before + compose(brief, limit, length_price=self._settings.length_price, at_hand=True, hide=hide)
            size = len(text.encode())
            if size <= self._agent.room:
                return text
            limit = int(limit * self._agent.room / size) - 100

    def _run(self, folder: Path, file: Path, text: str) -> Ran:
        try:
            ran = self._agent.run(folder, file, text)
        except RuntimeError:
            if not self._closed:
                raise
        if self._closed:  # it was cut short by us: nothing of it is to be recorded
            raise Halt("The agent was stopped.")
        return ran

    def _judged(self, brief: Brief, ran: Ran, folder: Path, hide: Hide) -> Rewrite:
        stdout, stderr = (hide(plain(output)) for output in (ran.stdout, ran.stderr))
        log = " / ".join(filter(None, (last_lines(stdout), last_lines(stderr)))) or "nothing"
        genome, note, said = brief.parent, "", "no answer"
        try:
            note = hide(plain(checkout.note(folder)))
            harvest = checkout.reap(folder, brief.parent, self._editable, self._around)
            said = hide(hypothesis(note, stdout, harvest, brief.parent))
            why = _ended(ran, self._settings.seconds, harvest) or _objection(harvest, brief.parent, hide)
            if not why:
                genome = Genome(harvest.files)
                why = "the agent came to what was tried before" if genome.digest in brief.tried else ""
        except (checkout.Spoilt, UsageError) as error:
            why = f"nothing can be taken from the agent: {error}"
        cost = {"calls": 1.0}
        if why:
            why = line(hide(printable(why)), _REASON)
            return Rewrite(brief.parent, said, kind="command", cost=cost, refused=f"{why}; it said last: {log}")
        return Rewrite(genome, said, expected=expected(note), kind="command", cost=cost)


def _ended(ran: Ran, seconds: float, harvest: checkout.Harvest) -> str:
    """Why a run that did not end well counts for nothing; "" for one that did."""
    if ran.ok:
        return ""
    how = f"was not done after {seconds:g} s and was killed" if ran.status == "timeout" else f"failed: {ran.reason}"
    lost = f"; what it had changed is not taken: {named(harvest.changed)}" if harvest.changed else ""
    return f"the agent {how}{lost}"


def _objection(harvest: checkout.Harvest, parent: Genome, hide: Hide) -> str:
    """Why what a run has left is no child; "" where it is one."""
    if not harvest.changed:
        only = f" that may be edited, only what may not: {named(harvest.discarded)}" if harvest.discarded else ""
        return f"the agent changed nothing{only}"
    if not harvest.files:
        return "the agent deleted every file"
    for path in harvest.changed:
        text = path + harvest.files.get(path, "")
        if hide(text) != text and path + parent.get(path, "") != text:
            return f"the agent wrote a secret into {named([path])}"
    return ""


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder that is gone afterwards, whatever an agent has made of it."""
    scratch = Path(tempfile.mkdtemp(prefix=f"evolve-agent-{os.getpid()}-")).resolve()
    try:
        yield scratch
    finally:
        _remove(scratch)


def _remove(scratch: Path) -> None:
    # These know folders of any depth, and pass over links. Files keep their modes: one may be a hard link to another's,
    # outside.
    _quietly("rm", "-rf", "--", str(scratch))
    if scratch.exists():
        closed = ("-type", "d", "!", "-perm", "-u+rwx")
        _quietly("find", str(scratch), *closed, "-exec", "chmod", "u+rwx", "{}", ";")
        _quietly("rm", "-rf", "--", str(scratch))


def _sweep() -> None:
    """Folders of processes that were killed before they could remove them."""
    for scratch in Path(tempfile.gettempdir()).glob("evolve-agent-*-*"):
        pid = scratch.name.split("-")[2]
        if pid.isdecimal() and not scratch.is_symlink() and scratch.stat().st_uid == os.getuid():
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                _remove(scratch)
            except PermissionError:
                continue  # another's by now


def _quietly(*command: str) -> None:
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
