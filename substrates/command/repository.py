"""The frozen commit of a repository: its files as a checkout would have them. The repository itself is only read."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve.errors import UsageError

__all__ = ["Base", "open_base", "read_only"]

_URL = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:", re.IGNORECASE)
_TEXT_LIMIT = 256 * 1024
"""Bytes of a file that may be evolved (an assumption): what is larger is data, and no mutator reads it."""


@dataclass(frozen=True)
class Base:
    """`place`: what the settings name it by. `root`: its working tree, None for a bare one or a clone of ours.

    `tree`: a folder of this process that holds the commit's files and nothing else; it is removed at the end.
    """

    place: str
    root: Path | None
    commit: str
    tree: Path
    tracked: Sequence[str]
    untracked: int

    @property
    def home(self) -> Path:
        """A folder for what else this process lays out; it is removed with the tree."""
        return self.tree.parent

    @property
    def name(self) -> str:
        """Of the lineages: the repository's, as far as a branch can be named so."""
        stem = re.split(r"[/:]", self.place.rstrip("/"))[-1].removesuffix(".git")
        return re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-_") or "repository"

    def text(self, path: str) -> str | None:
        """None for what is no text of a person: links, binary files, large ones."""
        file = self.tree / path
        if file.is_symlink() or not file.is_file() or file.stat().st_size > _TEXT_LIMIT:
            return None
        data = file.read_bytes()
        if b"\0" in data:
            return None
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def lay(self, files: Mapping[str, bytes]) -> None:
        """Adds files that the commit has none of; then nothing here can be changed by accident."""
        for path, data in files.items():
            target = self.tree / path
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        read_only(self.tree)


def read_only(tree: Path) -> None:
    """A trial may run under another user: it reads everything here, and it writes nothing."""
    for folder, _, names in os.walk(tree, topdown=False):
        for item in [*(Path(folder, name) for name in names), Path(folder)]:
            if not item.is_symlink():
                item.chmod(0o555 if item.is_dir() or item.stat().st_mode & stat.S_IXUSR else 0o444)


def open_base(place: str, commit: str | None, ignored: Callable[[str], bool]) -> Base:
    """The commit (HEAD where none is named), checked out into a folder of ours.

    `ignored`: of paths whose changes make no tree dirty. Raises UsageError for what is no repository, a commit that is
    not there, and, where no commit is named, a tree with changes: what is seen there is not what would be measured.
    """
    if shutil.which("git") is None:
        raise UsageError("There is no `git` on the PATH; substrate.repository needs it. Install git.")
    # Others may pass through it to a name that they know, but not look around.
    _sweep()
    home = Path(tempfile.mkdtemp(prefix=f"evolve-command-{os.getpid()}-"))
    home.chmod(0o711)
    try:
        base = _opened(place, commit, ignored, home)
    except BaseException:
        _remove(home)
        raise
    weakref.finalize(base, _remove, home)
    return base


def _opened(place: str, commit: str | None, ignored: Callable[[str], bool], home: Path) -> Base:
    root: Path | None = None
    if _URL.match(place):
        gitdir = home / "clone.git"
        _git(["clone", "--quiet", "--bare", place, str(gitdir)], home, f"substrate.repository={place} cannot be cloned")
        named = place
    else:
        gitdir, root = _local(place)
        named = str((root or gitdir).resolve())
    name = commit or "HEAD"
    found = _run(["rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"], gitdir)
    if found.returncode:
        what = f"has no commit {commit!r}" if commit else "has no commit yet"
        raise UsageError(f"substrate.repository={place} {what}. Commit what is to be evolved first.")
    untracked = _clean(place, root, ignored) if root is not None and commit is None else 0
    sha = found.stdout.decode().strip()
    tree = home / "base"
    tree.mkdir()
    # An index of our own: the repository's is not even refreshed.
    args = [
        f"--git-dir={gitdir}",
        f"--work-tree={tree}",
        "-c",
        "core.sparseCheckout=false",
        "-c",
        "core.fsmonitor=false",
    ]
    _git([*args, "read-tree", "--reset", "-u", sha], tree, f"{sha[:10]} cannot be checked out", home / "index")
    out = _git(["ls-tree", "-r", "-z", "--name-only", sha], gitdir, f"{sha[:10]} cannot be listed")
    tracked = tuple(path for path in out.stdout.decode("utf-8", "replace").split("\0") if path)
    return Base(named, root, sha, tree, tracked, untracked)


def _local(place: str) -> tuple[Path, Path | None]:
    """(its git folder, its working tree or None)."""
    path = Path(place).expanduser()
    none = UsageError(
        f"substrate.repository={place} is no git repository. Name the folder of one, or make it one: git init."
    )
    if not path.is_dir():
        raise none
    found = _run(["rev-parse", "--absolute-git-dir", "--is-bare-repository"], path)
    if found.returncode:
        said = found.stderr.decode("utf-8", "replace").strip().splitlines()
        if said and "dubious ownership" in said[0]:
            raise UsageError(
                f"substrate.repository={place} belongs to another user: {said[0].removeprefix('fatal: ')}."
            )
        raise none
    gitdir, bare = found.stdout.decode().splitlines()
    if bare == "true":
        return Path(gitdir), None
    top = Path(_git(["rev-parse", "--show-toplevel"], path, f"{place} cannot be read").stdout.decode().strip())
    if top.resolve() != path.resolve():
        raise UsageError(f"substrate.repository={place} is a folder inside the repository {top}. Name that one.")
    return Path(gitdir), top


def _clean(place: str, root: Path, ignored: Callable[[str], bool]) -> int:
    """How many files are not tracked. Raises UsageError where a tracked one was changed."""
    rows = _git(["status", "--porcelain", "-z", "--no-renames"], root, f"{place} cannot be read").stdout.decode(
        "utf-8", "replace"
    )
    changes = [row for row in rows.split("\0") if row and not ignored(row[3:])]
    dirty = [row[3:] for row in changes if not row.startswith("??")]
    if dirty:
        more = f" and {len(dirty) - 1} more" if len(dirty) > 1 else ""
        raise UsageError(
            f"substrate.repository={place} has changes that are not committed ({dirty[0]}{more}), so a trial would not "
            "measure what you see. Commit or stash them."
        )
    return len(changes)


def _git(args: Sequence[str], cwd: Path, what: str, index: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    done = _run(args, cwd, index)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageError(f"{what}: {said[-1].removeprefix('fatal: ') if said else done.returncode}.")
    return done


def _run(args: Sequence[str], cwd: Path, index: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    # A repository named by the environment (a hook's, say) must not stand in for the one that is meant.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    if index is not None:
        environment["GIT_INDEX_FILE"] = str(index)
    return subprocess.run(["git", *args], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True)


def _sweep() -> None:
    """Folders of processes that were killed before they could remove them."""
    for home in Path(tempfile.gettempdir()).glob("evolve-command-*-*"):
        pid = home.name.split("-")[2]
        if pid.isdecimal() and not home.is_symlink() and home.stat().st_uid == os.getuid():
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                _remove(home)
            except PermissionError:
                continue  # another's by now


def _remove(home: Path) -> None:
    for folder, _, _ in os.walk(home):
        Path(folder).chmod(0o755)
    shutil.rmtree(home, ignore_errors=True)
