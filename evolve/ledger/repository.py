"""The bare repository behind a ledger: made, opened, read in batches, and its refs moved."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from evolve.errors import UsageError
from evolve.ledger.packs import sync_folder

__all__ = ["LedgerError", "Repository", "RunTaken"]

# Automatic housekeeping beside a writer has destroyed reachable history: only `compact` may do it.
_CONFIG = {
    "gc.auto": "0",
    "maintenance.auto": "false",
    "core.fsync": "committed",
    "core.filesRefLockTimeout": "10000",
    "core.packedRefsTimeout": "60000",
    "core.logAllRefUpdates": "false",
}


class LedgerError(UsageError):
    """The ledger cannot be read or written; what was recorded before is untouched."""


class RunTaken(LedgerError):
    """Of that name there is a run already, finished or being written."""


@dataclass(frozen=True)
class Repository:
    """`gitdir` of a git repository that holds ledgers."""

    gitdir: Path

    @classmethod
    def open(cls, path: Path, *, create: bool) -> Repository:
        """Raises LedgerError where `path` is something else, or nothing and not to be made."""
        if shutil.which("git") is None:
            raise LedgerError("There is no `git` on the PATH; the ledger is a git repository. Install git.")
        if path.is_dir() and any(path.iterdir()):
            found = _git(["rev-parse", "--absolute-git-dir"], path, check=False)
            gitdir = Path(found.stdout.decode().strip())
            inside = gitdir in (path.resolve(), path.resolve() / ".git")
            if found.returncode or not inside:
                raise LedgerError(
                    f"ledger.repository={path} is a folder, but no git repository. Name another, or one that "
                    "does not exist yet: it will be made."
                )
            return cls(gitdir)
        if path.exists() and not path.is_dir():
            raise LedgerError(f"ledger.repository={path} is a file. Name a folder: it will be made.")
        if not create:
            raise LedgerError(f"There is no ledger at {path}. Start a run first, or name it: --ledger PATH.")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(f"ledger.repository={path} cannot be made: {error.strerror}.") from None
        _git(["init", "--quiet", "--bare", "--initial-branch=main", "."], path)
        repository = cls(path.resolve())
        repository.configure()
        return repository

    # -- reading -------------------------------------------------------------------------------

    def git(self, *args: str, text: str | None = None, check: bool = True) -> str:
        """What `git ARGS` prints. Raises LedgerError when it fails."""
        done = _git(args, self.gitdir, text, check)
        return done.stdout.decode("utf-8", "replace")

    def objects(self, names: Iterable[str]) -> dict[str, tuple[str, bytes]]:
        """name -> (kind, data) of every name that exists, through one `cat-file --batch`."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return {}
        args = ["cat-file", "--batch", "--buffer"]
        out = _git(args, self.gitdir, "\n".join(wanted) + "\n").stdout
        found, at = {}, 0
        for name in wanted:
            end = out.index(b"\n", at)
            header = out[at:end].split()
            at = end + 1
            if header[-1] == b"missing":
                continue
            size = int(header[2])
            found[name] = (header[1].decode(), out[at : at + size])
            at += size + 1
        return found

    def files(self, trees: Sequence[str]) -> dict[str, dict[str, str]]:
        """tree id -> its files (path -> text), all trees together, one batch a level."""
        place: dict[str, list[tuple[str, str]]] = {}
        for tree in trees:
            place.setdefault(tree, []).append((tree, ""))
        files: dict[str, dict[str, str]] = {tree: {} for tree in trees}
        while place:
            found = self.objects(place)
            below: dict[str, list[tuple[str, str]]] = {}
            for name, (kind, data) in found.items():
                for root, prefix in place[name]:
                    if kind == "blob":
                        files[root][prefix] = data.decode("utf-8", "replace")
                        continue
                    for child, inner in tree_rows(data):
                        path = f"{prefix}/{child}" if prefix else child
                        below.setdefault(inner, []).append((root, path))
            place = below
        return files

    def refs(self, prefix: str) -> dict[str, str]:
        """Full ref name -> commit id."""
        out = self.git("for-each-ref", "--format=%(refname) %(objectname)", prefix)
        return dict(line.split(" ", 1) for line in out.splitlines())

    # -- writing -------------------------------------------------------------------------------

    def move(self, refs: Mapping[str, str], *, durable: bool) -> None:
        """Moves refs to commits, one by one, by git's own protocol (lock file, rename). Raises OSError.

        `durable`: on the disk when it returns. Refs that can be rebuilt need not be.
        """
        for ref, commit in refs.items():
            self._move(self.gitdir / ref, commit, durable)
        if durable:
            for folder in dict.fromkeys((self.gitdir / ref).parent for ref in refs):
                sync_folder(folder)

    @staticmethod
    def _move(path: Path, commit: str, durable: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock")
        handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        try:
            try:
                os.write(handle, commit.encode() + b"\n")
                if durable:
                    os.fsync(handle)
            finally:
                os.close(handle)
            os.replace(lock, path)
        except OSError:
            lock.unlink(missing_ok=True)
            raise

    def clear_stale_locks(self, run: str) -> None:
        """After a kill: this run's own lock files. Only under the run's lock."""
        for folder in (self.gitdir / "refs" / "evolve" / run, self.gitdir / "refs" / "heads" / run):
            for lock in folder.glob("**/*.lock"):
                lock.unlink(missing_ok=True)
        # Not by a prefix alone: the run r_1 begins like the run r.
        own = re.compile(rf"tmp_{re.escape(run)}_pack-[0-9a-f]{{40}}\.(pack|idx)")
        for stale in (self.gitdir / "objects" / "pack").glob("tmp_*"):
            if own.fullmatch(stale.name):
                stale.unlink(missing_ok=True)

    def configure(self) -> None:
        """What a repository needs that is written to beside us: also one that the user has named."""
        if self.git("config", "--get", "gc.auto", check=False).strip() != _CONFIG["gc.auto"]:
            for name, value in _CONFIG.items():
                self.git("config", name, value)

    def lock(self, run: str) -> FileLock:
        """The run's lock, taken. Raises LedgerError naming who holds it."""
        folder = self.gitdir / "evolve"
        folder.mkdir(exist_ok=True)
        lock, holder = FileLock(folder / f"{run}.lock"), folder / f"{run}.pid"
        try:
            lock.acquire(timeout=0)
        except Timeout:
            pid = holder.read_text().strip() if holder.exists() else "unknown"
            raise RunTaken(
                f"The run {run!r} is being written by another process (pid {pid}). Wait for it, or stop it."
            ) from None
        holder.write_text(str(os.getpid()))
        return lock

    def compact(self, runs: Iterable[str]) -> None:
        """Folds the packs into one, under every run's lock. Nothing reachable or unreachable is dropped."""
        with ExitStack() as stack:
            for run in runs:
                stack.callback(self.lock(run).release)
            self.git("repack", "-a", "-d", "-q", "--keep-unreachable")
            self.git("pack-refs", "--all")


def tree_rows(data: bytes) -> list[tuple[str, str]]:
    """(name, object id) of each row of a raw tree."""
    rows, at = [], 0
    while at < len(data):
        space, end = data.index(b" ", at), data.index(b"\0", at)
        rows.append((data[space + 1 : end].decode("utf-8", "replace"), data[end + 1 : end + 21].hex()))
        at = end + 21
    return rows


def _git(
    args: Sequence[str], cwd: Path, text: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    # A repository named by the environment (a hook's, say) must not stand in for the one that is meant.
    environment: Mapping[str, str] = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", *args],
        cwd=cwd,
        env=environment,
        input=None if text is None else text.encode(),
        capture_output=True,
    )
    if check and done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise LedgerError(f"git {args[0]} failed in {cwd}: {said[-1] if said else done.returncode}")
    return done
