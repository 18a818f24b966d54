"""One run's writer: entries into its journal, attempts beside them, branches behind them."""

from __future__ import annotations

import errno
import json
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import BaseFileLock

from evolve.ledger.entries import Attempt, Entry, one_line
from evolve.ledger.objects import Object, commit, trees
from evolve.ledger.packs import write_pack
from evolve.ledger.reader import journal, journal_ref, runs
from evolve.ledger.repository import LedgerError, Repository, RunTaken

__all__ = ["Ledger", "check_name"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
# Unflushed work, in seconds, that a kill may cost: a long trial is durable at once, short ones share a pack.
_WORTH = 1.0
_LONE = re.compile("[\ud800-\udfff]")
_ENCODER = json.JSONEncoder(sort_keys=True, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def check_name(run: str) -> None:
    """Raises LedgerError for a name that git could not use in a ref."""
    if not _NAME.fullmatch(run) or run.endswith((".lock", ".")) or ".." in run:
        raise LedgerError(f"{run!r} cannot name a run. Use letters, digits, '-', '_' and '.'.")


class Ledger:
    """State has one owner: whoever holds the run's lock. Thread-safe."""

    def __init__(self, repository: Repository, run: str, entries: tuple[Entry, ...], head: str, epoch: int) -> None:
        self.entries = entries
        self._repository, self.run, self._epoch = repository, run, epoch
        self._head, self._count = head, len(entries)
        self._pending: dict[str, Object] = {}
        self._parents: dict[str, tuple[str, ...]] = {}  # of the attempts of this sitting
        self._tips: dict[str, str] | None = None  # its branches, once they were read: nobody else moves them
        self._worth, self._mutex = 0.0, threading.RLock()
        self._lock: BaseFileLock | None = None

    @classmethod
    def open(cls, path: Path, run: str, *, resume: bool = False, epoch: int | None = None) -> Ledger:
        """Takes the run's lock. Raises LedgerError for a bad name, a lock held, a run that is (not) there."""
        check_name(run)
        repository = Repository.open(path, create=not resume)
        try:
            lock = repository.lock(run)
        except OSError as error:
            raise _cannot_write(repository, error) from error
        try:
            repository.configure()
            repository.clear_stale_locks(run)
            known = runs(path)
            if resume and run not in known:
                there = ", ".join(known[:12]) or "none"
                raise LedgerError(f"There is no run {run!r} in {path}. Runs there: {there}.")
            if not resume and run in known:
                raise RunTaken(f"The run {run!r} is in {path} already. Go on with it: resume={run}.")
            if f"refs/heads/{run}" in repository.refs(f"refs/heads/{run}"):
                raise LedgerError(f"There is a branch {run!r} in {path}; no run can have its name. Choose another.")
            entries: tuple[Entry, ...] = ()
            head = ""
            if resume:
                head = repository.refs(journal_ref(run))[journal_ref(run)]
                entries = tuple(journal(path, run))
                epoch = int(repository.git("log", "-1", "--format=%at", _first(repository, head)).strip())
        except BaseException:
            lock.release()
            raise
        ledger = cls(repository, run, entries, head, int(time.time()) if epoch is None else epoch)
        ledger._lock = lock
        return ledger

    # -- recording -----------------------------------------------------------------------------

    def append(self, entry: Entry, *, summary: str, seconds: float = 0.0) -> None:
        """Adds to the chain; durable after a flush, at the latest when work worth a second waits."""
        files = {"entry.json": _json({"kind": entry.kind, "key": entry.key, "value": entry.value})}
        files.update({f"genome/{path}": text for path, text in (entry.genome or {}).items()})
        tree, objects = trees(files)
        with self._mutex:
            if entry.attempt and not self._head:
                raise ValueError("a journal cannot begin with an attempt: its first parent is the entry before")
            parents = [p for p in (self._head, entry.attempt) if p]
            one = commit(
                tree, parents, one_line(f"{entry.kind} {summary}"), self._epoch + self._count, begun=self._epoch
            )
            self._hold([*objects, one])
            self._head, self._count = one.id, self._count + 1
            self._worth += seconds
            if self._worth >= _WORTH:
                self.flush()

    def attempt(self, attempt: Attempt) -> str:
        """The commit id; its objects are written with the next flush."""
        tree, objects = trees(attempt.genome)
        one = commit(tree, attempt.parents, attempt.message(), self._epoch + attempt.number)
        with self._mutex:
            self._hold([*objects, one])
            self._parents[one.id] = tuple(attempt.parents)
        return one.id

    def _hold(self, objects: list[Object]) -> None:
        for one in objects:
            self._pending.setdefault(one.id, one)

    def flush(self) -> None:
        """One pack, then the journal's ref: moving it is the commit point."""
        with self._mutex:
            if not self._pending:
                return
            try:
                write_pack(self._repository.gitdir / "objects", list(self._pending.values()), self.run)
                if self._head:
                    self._repository.move({journal_ref(self.run): self._head}, durable=True)
            except OSError as error:
                raise _cannot_write(self._repository, error) from error
            self._pending.clear()
            self._worth = 0.0

    def move_branches(self, tips: Mapping[str, str], *, rebuild: bool = False) -> None:
        """Lineage -> commit. Forward only, but for `rebuild`, after a kill. Raises LedgerError otherwise."""
        with self._mutex:
            self.flush()
            prefix = f"refs/heads/{self.run}/"
            if self._tips is None:
                self._tips = self._repository.refs(prefix)
            now = self._tips
            moves = {prefix + n: tip for n, tip in tips.items() if now.get(prefix + n) != tip}
            for ref, tip in moves.items():
                if ref in now and not rebuild and not self._is_ahead(now[ref], tip):
                    raise LedgerError(f"{ref} would go back, from {now[ref][:10]} to {tip[:10]}.")
            try:
                self._repository.move(moves, durable=False)
            except OSError as error:
                self._tips = None
                raise _cannot_write(self._repository, error) from error
            now.update(moves)

    def _is_ahead(self, old: str, new: str) -> bool:
        """Whether `old` is an ancestor of `new`. Git is asked only about what an earlier sitting has written."""
        seen, front = {new}, [new]
        while front:
            if (one := front.pop()) == old:
                return True
            if one not in self._parents:
                return self._repository.git("merge-base", old, new, check=False).strip() == old
            fresh = [parent for parent in self._parents[one] if parent not in seen]
            seen.update(fresh)
            front.extend(reversed(fresh))  # the first parent first: it is the one
        return False

    # -- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Flushes, and lets the run go."""
        try:
            self.flush()
        finally:
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _first(repository: Repository, head: str) -> str:
    return repository.git("rev-list", "--first-parent", "--max-parents=0", head).split()[0]


def _json(value: Mapping[str, Any]) -> str:
    text = _ENCODER.encode(value) + "\n"
    # Half a character, as a cut answer may hold, is no UTF-8; JSON can say it all the same.
    return text if text.isascii() else _LONE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def _cannot_write(repository: Repository, error: OSError) -> LedgerError:
    why = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
    return LedgerError(
        f"The ledger {repository.gitdir} cannot be written: {why}. What was recorded before is safe; make "
        "room, then go on with resume=RUN."
    )
