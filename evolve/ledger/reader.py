"""Reads a ledger back, without a lock. Nothing in it is evaluated: JSON and text only."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from evolve.errors import UsageError
from evolve.ledger.entries import Entry, Record
from evolve.ledger.repository import LedgerError, Repository, tree_rows

__all__ = ["attempts", "branches", "compact", "files_of", "genome_of", "journal", "journal_ref", "parents", "runs"]

_PARENT = re.compile(r"^parent (\w+)$", re.MULTILINE)


def journal_ref(run: str) -> str:
    return f"refs/evolve/{run}/journal"


def runs(path: Path) -> list[str]:
    """The runs in a ledger, newest first. Raises LedgerError where there is none."""
    # Every entry's author date is its run's begin; its committer date counts on from there, an entry a second.
    out = Repository.open(path, create=False).git(
        "for-each-ref", "--sort=-committerdate", "--sort=-authordate", "--format=%(refname)", "refs/evolve/"
    )
    return [name.split("/")[2] for name in out.splitlines() if name.endswith("/journal")]


def journal(path: Path, run: str, kinds: Container[str] | None = None) -> list[Entry]:
    """Every entry of a run (or those of some kinds), oldest first."""
    repository = Repository.open(path, create=False)
    rows = [(tree, attempt) for _, tree, attempt, kind in _chain(repository, run) if kinds is None or kind in kinds]
    trees = repository.objects(tree for tree, _ in rows)
    inside = {tree: dict(tree_rows(data)) for tree, (_, data) in trees.items()}
    texts = repository.objects(names["entry.json"] for names in inside.values())
    genomes = repository.files([names["genome"] for names in inside.values() if "genome" in names])
    entries = []
    for tree, attempt in rows:
        names = inside[tree]
        said = json.loads(texts[names["entry.json"]][1])
        genome = genomes[names["genome"]] if "genome" in names else None
        entries.append(Entry(said["kind"], said["key"], said["value"], genome, attempt))
    return entries


def _chain(repository: Repository, run: str) -> list[tuple[str, str, str | None, str]]:
    """(commit, tree, attempt, kind) of each journal commit, oldest first."""
    if journal_ref(run) not in repository.refs(journal_ref(run)):
        known = ", ".join(sorted(name.split("/")[2] for name in repository.refs("refs/evolve/"))) or "none"
        raise LedgerError(f"There is no run {run!r} in {repository.gitdir}. Runs there: {known}.")
    out = repository.git("log", "--first-parent", "--reverse", "--format=%H%x00%T%x00%P%x00%s", journal_ref(run))
    rows = []
    for line in out.splitlines():
        commit, tree, parents, subject = line.split("\0")
        # The first parent is the entry before, the second of a verdict its attempt; a subject begins with the kind.
        _, _, attempt = parents.partition(" ")
        rows.append((commit, tree, attempt or None, subject.split(" ", 1)[0]))
    return rows


def attempts(path: Path, run: str | None = None) -> list[Record]:
    """The attempts of a run (or of all), oldest first, with their trailers."""
    repository = Repository.open(path, create=False)
    wanted = [run] if run is not None else runs(path)[::-1]
    ids = [attempt for name in wanted for _, _, attempt, _ in _chain(repository, name) if attempt]
    return _records(repository, ids)


def parents(path: Path, commits: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """commit -> its parents."""
    found = Repository.open(path, create=False).objects(commits)
    return {commit: tuple(_PARENT.findall(data.partition(b"\n\n")[0].decode())) for commit, (_, data) in found.items()}


def _records(repository: Repository, commits: Iterable[str]) -> list[Record]:
    found = repository.objects(commits)
    return [_record(commit, data.decode("utf-8", "replace")) for commit, (_, data) in found.items()]


def _record(commit: str, text: str) -> Record:
    header, _, message = text.partition("\n\n")
    fields = [line.split(" ", 1) for line in header.splitlines()]
    subject, _, rest = message.partition("\n")
    trailers = dict(line.split(": ", 1) for line in rest.splitlines() if ": " in line)
    return Record(
        commit=commit,
        tree=next(value for name, value in fields if name == "tree"),
        parents=tuple(value for name, value in fields if name == "parent"),
        time=int(next(value for name, value in fields if name == "author").split()[-2]),
        subject=subject,
        trailers=trailers,
    )


def genome_of(path: Path, commit: str) -> dict[str, str]:
    """The files of an attempt. Raises LedgerError for a name that is no commit."""
    repository = Repository.open(path, create=False)
    tree = repository.git("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}", check=False).strip()
    if not tree:
        raise LedgerError(f"There is no commit {commit!r} in {path}. `python -m evolve log` lists them.")
    return repository.files([tree])[tree]


def branches(path: Path, run: str) -> dict[str, str]:
    """lineage -> the commit of its champion."""
    prefix = f"refs/heads/{run}/"
    refs = Repository.open(path, create=False).refs(prefix)
    return {ref.removeprefix(prefix): commit for ref, commit in refs.items()}


def files_of(path: Path, trees: Sequence[str]) -> dict[str, dict[str, str]]:
    """tree id -> its files, of many genomes at once."""
    return Repository.open(path, create=False).files(trees)


def compact(path: Path) -> None:
    """Folds the many small packs of many flushes into one. Raises UsageError while a run is being written."""
    try:
        Repository.open(path, create=False).compact(runs(path))
    except OSError as error:
        raise UsageError(f"{path} cannot be compacted: {error.strerror}.") from None
