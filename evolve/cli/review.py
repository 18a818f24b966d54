"""A lineage as a branch of the repository whose files it evolved: one commit a kept change, ready for review."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve.errors import UsageError
from evolve.ledger import journal
from evolve.ledger.repository import Repository

__all__ = ["write_branch"]


@dataclass(frozen=True)
class _Change:
    """One commit of the lineage: its message with trailers, its author and time, its files."""

    message: str
    author: Mapping[str, str]
    files: Mapping[str, str]


def write_branch(ledger: Path, run: str, lineage: str, place: Path) -> tuple[str, str, int]:
    """Writes `evolve/RUN/LINEAGE` into the repository at `place`: (branch, its tip, number of commits).

    Only objects and that one ref are written: the working tree, the index and HEAD stay as they are. Raises UsageError
    where the branch is there already, where the commit that the run began from is not, or where nothing was kept.
    """
    base = _base(ledger, run)
    branch = f"evolve/{run}/{lineage}"
    target = _Target.open(place)
    if not target.has(base):
        raise UsageError(
            f"{place} has no commit {base[:10]}, from which {run} began. Name the repository that was evolved, or "
            "fetch that commit into it."
        )
    if target.names(f"refs/heads/{branch}"):
        raise UsageError(f"{place} has a branch {branch} already. Rename or delete it first: git branch -D {branch}.")
    seed, *changes = _story(ledger, run, lineage)
    if not changes:
        raise UsageError(f"Nothing was kept in {run}/{lineage}, so there is no change to write.")
    tip = target.commits(base, seed.files, changes)
    target.create(branch, tip)
    return branch, tip, len(changes)


def _base(ledger: Path, run: str) -> str:
    for entry in journal(ledger, run, kinds=("run",)):
        if isinstance(base := entry.value.get("conditions", {}).get("base"), str):
            return base
    raise UsageError(f"The genomes of {run} are no files of a repository. Write them to a folder: --to DIR.")


def _story(ledger: Path, run: str, lineage: str) -> list[_Change]:
    """From the seed to the champion, oldest first."""
    repository = Repository.open(ledger, create=False)
    form = "--format=%H%x00%T%x00%an%x00%ae%x00%ad%x00%B%x01"
    out = repository.git("log", "--first-parent", "--reverse", "--date=raw", form, f"refs/heads/{run}/{lineage}")
    rows = [row.lstrip("\n").split("\0") for row in out.split("\1") if row.strip()]
    files = repository.files([row[1] for row in rows])
    return [
        _Change(message.rstrip("\n") + "\n", {"NAME": name, "EMAIL": email, "DATE": date}, files[tree])
        for _, tree, name, email, date, message in rows
    ]


@dataclass(frozen=True)
class _Target:
    gitdir: Path

    @classmethod
    def open(cls, place: Path) -> _Target:
        ask = ["git", "-C", str(place), "rev-parse", "--absolute-git-dir"]
        found = subprocess.run(ask, env=_clean(), capture_output=True)
        if found.returncode:
            raise UsageError(f"--repository {place} is no git repository. Name the one that was evolved.")
        return cls(Path(found.stdout.decode().strip()))

    def has(self, commit: str) -> bool:
        return self._run(["cat-file", "-e", f"{commit}^{{commit}}"]).returncode == 0

    def names(self, ref: str) -> bool:
        return self._run(["show-ref", "--verify", "--quiet", ref]).returncode == 0

    def commits(self, base: str, seed: Mapping[str, str], changes: Sequence[_Change]) -> str:
        """Each change on top of the one before; returns the last. An index of our own, so that theirs stays."""
        modes = self._modes(base)
        with tempfile.TemporaryDirectory(prefix="evolve-export-") as folder:
            (tree := Path(folder, "tree")).mkdir()
            own = {"GIT_INDEX_FILE": str(Path(folder, "index")), "GIT_WORK_TREE": str(tree)}
            self._git(["read-tree", base], own)
            if rules := [path for path in modes if path.rpartition("/")[2] == ".gitattributes"]:
                # A working tree of nothing else: they say how a text is stored, its line endings above all.
                self._git(["checkout-index", "--", *rules], own)
            tip, before = base, seed
            for change in changes:
                rows = [f"0 {'0' * 40}\t{path}" for path in before if path not in change.files]
                for path, text in change.files.items():
                    if before.get(path) != text:
                        # By its path: line endings and filters as the repository's attributes have them.
                        blob = self._git(["hash-object", "-w", "--stdin", f"--path={path}"], own, text)
                        rows.append(f"{modes.get(path, '100644')} {blob}\t{path}")
                self._git(["update-index", "-z", "--index-info"], own, "".join(f"{row}\0" for row in rows))
                written = self._git(["write-tree"], own)
                who = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in change.author.items()}
                tip = self._git(["commit-tree", written, "-p", tip, "-F", "-"], who, change.message)
                before = change.files
        return tip

    def create(self, branch: str, tip: str) -> None:
        """Refused by git itself where the branch has come to be in the meantime."""
        self._git(["update-ref", "-m", "evolve export", f"refs/heads/{branch}", tip, "0" * 40])

    def _modes(self, base: str) -> dict[str, str]:
        rows = self._git(["ls-tree", "-r", "-z", base]).split("\0")
        return {row.partition("\t")[2]: row.split(" ", 1)[0] for row in rows if row}

    def _git(self, args: Sequence[str], environment: Mapping[str, str] | None = None, text: str = "") -> str:
        done = self._run(args, environment, text)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise UsageError(f"git {args[0]} failed in {self.gitdir}: {said[-1] if said else done.returncode}.")
        return done.stdout.decode("utf-8", "replace").strip("\n")

    def _run(
        self, args: Sequence[str], environment: Mapping[str, str] | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", *args],
            cwd=(environment or {}).get("GIT_WORK_TREE", self.gitdir),
            env={**_clean(), "GIT_DIR": str(self.gitdir), **(environment or {})},
            input=text.encode(),
            capture_output=True,
        )


def _clean() -> dict[str, str]:
    """A repository named by the environment (a hook's, say) must not stand in for the one that is meant."""
    return {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
