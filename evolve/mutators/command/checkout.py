"""A repository of the parent's files, and what may be taken from it once an agent has been there.

After the agent, its `.git` is hostile: hooks, filters and monitors in there would run whatever it likes. Git is never
asked about it again; the files are read, and compared, by us.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evolve.errors import UsageError
from evolve.genome import Genome, Globs
from evolve.substrate import Around
from evolve.workers.sandbox.folder import collect, fill, survey

__all__ = ["BRIEF", "HYPOTHESIS", "Harvest", "Spoilt", "lay", "note", "reap"]

_OURS = ".evolve"
BRIEF, HYPOTHESIS = f"{_OURS}/BRIEF.md", f"{_OURS}/HYPOTHESIS.md"

_JUNK = Globs(("__pycache__", "*.pyc", "node_modules", ".aider*"))
"""What agents and the programs that they try leave behind; new folders with a dot before their name are taken for
such, too."""

_MOST = 200_000
_NEW = 2_000
_LARGEST, _ALTOGETHER = 1 << 20, 16 << 20
"""Files that a checkout may have, new ones of these that may be edited, bytes of one that is taken over and of all
together, beyond what the parent has: more is data, and no text that a mutator could go on with (assumptions)."""

_CONFIG = """
[user]
    name = evolve
    email = evolve@localhost
[commit]
    gpgsign = false
[gc]
    auto = 0
[maintenance]
    auto = false
"""

_ATTRIBUTES = "* -text -eol -ident -filter -working-tree-encoding\n"
"""Above those of a genome: files are committed as they are, whatever they ask to be converted to."""


class Spoilt(Exception):
    """The checkout is none any more, as the sentence says."""


@dataclass(frozen=True)
class Harvest:
    """`files`: the child's. `changed`: the paths in which it differs; `discarded`: what was changed and may not be, as
    a person reads it."""

    files: Mapping[str, str]
    changed: tuple[str, ...]
    discarded: tuple[str, ...]


def lay(folder: Path, parent: Genome, brief: str, around: Around | None = None) -> Path:
    """A repository in `folder`, which it makes: one commit of the parent's files, and of those around them. Returns the
    brief's file."""
    folder.mkdir()
    if around is not None:
        _copy(around, folder)
    _fill(folder, {path: text.encode() for path, text in parent.items() if not _is_ours(path)})
    _git(["init", "--quiet", "--template=", "."], folder)
    with (folder / ".git" / "config").open("a", encoding="utf-8") as config:
        config.write(_CONFIG)
    info = folder / ".git" / "info"
    info.mkdir()
    (info / "exclude").write_text(f"/{_OURS}/\n", encoding="utf-8")
    (info / "attributes").write_text(_ATTRIBUTES, encoding="utf-8")
    _git(["add", "--all", "--force", "."], folder)
    _git(["commit", "--quiet", "--allow-empty", "--no-verify", "--message=The agent as it is"], folder)
    _fill(folder, {BRIEF: brief.encode()})
    return folder / BRIEF


def note(folder: Path) -> bytes:
    """What the agent has written of its change; empty for nothing."""
    root = _opened(folder)
    try:
        found = collect(root, [HYPOTHESIS], 1 << 16, 1 << 16)
    finally:
        os.close(root)
    return found.get(HYPOTHESIS, b"")


def reap(folder: Path, parent: Genome, editable: Globs, around: Around | None = None) -> Harvest:
    """What is there now, against the parent and what stood around it. Raises Spoilt."""
    before = {path: text.encode() for path, text in parent.items() if not _is_ours(path)}
    beside = () if around is None else _paths(around)
    folders = {path[:at] for path in (*before, *beside) for at, letter in enumerate(path) if letter == "/"}

    def passed_over(path: str) -> bool:
        name = path.rpartition("/")[2]
        return path in (".git", _OURS) or (path not in folders and (name.startswith(".") or path in _JUNK))

    largest = max(_LARGEST, *(2 * len(data) for data in before.values()), 0)
    altogether = _ALTOGETHER + sum(map(len, before.values()))
    root = _opened(folder)
    try:
        there = survey(root, passed_over, _MOST)
        spoilt = [path for path in beside if not _is_as_before(folder, path, there, around)]
        for path in beside:
            there.pop(path, None)
        new = _not_ignored(_rules(before, beside, around), [p for p in there if p not in before and p not in _JUNK])
        if (made := sum(path in editable for path in new)) > _NEW:
            raise ValueError(f"{made:,} new files in it may be edited, and {_NEW:,} are the most")
        wanted = [path for path in (*before, *sorted(new)) if there.get(path) and (path in before or path in editable)]
        data = collect(root, wanted, largest, altogether)
    except (OSError, ValueError) as error:
        raise Spoilt(f"its checkout cannot be read: {error}") from None
    finally:
        os.close(root)
    harvest = _harvest(parent, before, {*before, *new}, there, data, editable)
    return replace(harvest, discarded=(*harvest.discarded, *spoilt))


def _copy(around: Around, folder: Path) -> None:
    """Writable, whatever it was; links stay links."""

    def left_out(inside: str, names: list[str]) -> list[str]:
        below = Path(inside).relative_to(around.folder)
        return [name for name in names if (below / name).as_posix() in around.without or name == ".git"]

    shutil.copytree(around.folder, folder, symlinks=True, ignore=left_out, dirs_exist_ok=True)
    for inside, _, names in os.walk(folder):
        for path in (Path(inside), *(Path(inside, name) for name in names)):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | stat.S_IWUSR)


def _paths(around: Around) -> tuple[str, ...]:
    root = _opened(around.folder)
    try:
        found = survey(root, lambda path: path.rpartition("/")[2] == ".git", _MOST)
    finally:
        os.close(root)
    return tuple(path for path in found if path not in around.without)


def _is_as_before(folder: Path, path: str, there: Mapping[str, bool], around: Around | None) -> bool:
    """Still the same file, or a link to the same place."""
    if around is None or path not in there:
        return False
    old, new = around.folder / path, folder / path
    if old.is_symlink():
        return new.is_symlink() and os.readlink(old) == os.readlink(new)
    # What `there` says is a regular file was one when nobody could change it any more.
    return there[path] and filecmp.cmp(old, new, shallow=False)


def _harvest(
    parent: Genome,
    before: Mapping[str, bytes],
    paths: Iterable[str],
    there: Mapping[str, bool],
    data: Mapping[str, bytes],
    editable: Globs,
) -> Harvest:
    files, changed, discarded = dict(parent), [], []
    for path in sorted(paths):
        if data.get(path) == before.get(path) and (path in data) == (path in there):
            continue
        text = _text(path, data.get(path))
        if path not in editable:
            discarded.append(path)
        elif path not in there:
            del files[path]
            changed.append(path)
        elif text is None:
            discarded.append(f"{path} ({'no text, or too large' if there[path] else 'no plain file'})")
        else:
            files[path] = text
            changed.append(path)
    return Harvest(files, tuple(changed), tuple(discarded))


def _text(path: str, data: bytes | None) -> str | None:
    """None for what is no text of a person, and for a path that no genome may have."""
    if data is None or b"\0" in data:
        return None
    try:
        Genome({path: ""})
        return data.decode("utf-8")
    except (UnicodeDecodeError, UsageError):
        return None


def _rules(before: Mapping[str, bytes], beside: Sequence[str], around: Around | None) -> dict[str, bytes]:
    """The .gitignore files, as they were."""
    rules = {path: data for path, data in before.items() if path.rpartition("/")[2] == ".gitignore"}
    if around is None:
        return rules
    others = (path for path in beside if path.rpartition("/")[2] == ".gitignore")
    return rules | {path: file.read_bytes() for path in others if not (file := around.folder / path).is_symlink()}


def _not_ignored(rules: Mapping[str, bytes], paths: Sequence[str]) -> list[str]:
    """Those that the rules let be. Git is asked in a repository that no agent has seen."""
    if not rules or not paths:
        return list(paths)
    asked = b"\0".join(os.fsencode(f"./{path}") for path in paths)  # one may begin as git's own `:!` does
    with tempfile.TemporaryDirectory(prefix="evolve-ignored-") as made:
        judge = Path(made)
        _fill(judge, rules)
        _git(["init", "--quiet", "--template=", "."], judge)
        out = _git(["check-ignore", "--no-index", "-z", "--stdin"], judge, asked, (0, 1))
    ignored = {os.fsdecode(path).removeprefix("./") for path in out.split(b"\0")}
    return [path for path in paths if path not in ignored]


def _is_ours(path: str) -> bool:
    return path.startswith(f"{_OURS}/")


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    root = _opened(folder)
    try:
        fill(root, files, None)
    finally:
        os.close(root)


def _opened(folder: Path) -> int:
    """Raises Spoilt where it is no folder any more."""
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Spoilt(f"its checkout is gone: {error.strerror}") from None


def _git(args: Sequence[str], folder: Path, text: bytes = b"", codes: tuple[int, ...] = (0,)) -> bytes:
    """Without any configuration but the repository's own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    command = ["git", "-c", f"core.excludesFile={os.devnull}", "-c", f"core.attributesFile={os.devnull}"]
    done = subprocess.run([*command, *args], cwd=folder, env=environment, input=text, capture_output=True)
    if done.returncode not in codes:
        raise OSError(f"git {args[0]} failed: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}")
    return done.stdout
