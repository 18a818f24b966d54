"""`export LINEAGE --repository PATH`: the lineage as a branch, one commit a kept change, ready for review."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy import Toy

from evolve.__main__ import main
from evolve.config import AcceptanceSettings, AuditSettings, AuditWhen, Method, RunSettings, SelectionSettings, Settings
from evolve.genome import Genome
from evolve.ledger import Entry, Ledger
from evolve.run import Run
from evolve.substrate import Bench, Brief, Case, Conditions, Outcome, Purpose, Rewrite
from evolve.testing import Scripted
from evolve.workers import LocalWorkers

FILES = {"src/run.sh": "#!/bin/sh\necho 9\n", "src/old.txt": "old\n", "src/dos.bat": "rem 9\r\n"}
"""Of the genome; the repository has more."""


class Counted(Toy):
    """Fewer characters are better; its genomes are files of a repository at the commit `base`."""

    deterministic = True

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.deterministic = True

    def trial(self, case: Case, bench: Bench) -> Outcome:
        return Outcome("ok", float(case.genome.size))

    def conditions(self, generation: int, state: Mapping[str, Any], purpose: Purpose) -> Conditions:
        return {"base": self.base, "purpose": "audit"} if purpose == "audit" else {"base": self.base}


def git(place: Path, *args: str) -> str:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    return subprocess.run(["git", *who, *args], cwd=place, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit and changes that are not committed; the launch directory is beside it."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "work"
    place.mkdir()
    git(place, "init", "--quiet", "--initial-branch=main")
    for path, text in {**FILES, "README.md": "# Work\n", ".gitattributes": "*.bat text eol=crlf\n"}.items():
        (place / path).parent.mkdir(exist_ok=True)
        (place / path).write_bytes(text.encode())
    (place / "src" / "run.sh").chmod(0o755)
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", "what is there")
    (place / "README.md").write_text("# Being edited\n")
    (place / "staged.txt").write_text("staged\n")
    git(place, "add", "staged.txt")
    return place


def run(work: Path, *edits: Mapping[str, str | None], name: str = "night") -> None:
    """A run whose mutator makes these edits in turn; None removes a file."""

    def script(brief: Brief) -> Sequence[Rewrite]:
        files = {**brief.parent, **edits[brief.generation]}
        genome = Genome({path: text for path, text in files.items() if text is not None})
        return [Rewrite(genome, f"edit number {brief.generation + 1}")]

    settings = Settings(
        domain="toy",
        run=RunSettings(generations=len(edits), baselines=[], preflight=False),
        selection=SelectionSettings(rewrite=1, donors=0),
        acceptance=AcceptanceSettings(method=Method.greedy),
        audit=AuditSettings(AuditWhen.never),
    )
    substrate = Counted(git(work, "rev-parse", "HEAD").strip())
    workers = LocalWorkers(1)
    with Ledger.open(Path("lineages.git"), name) as ledger:
        ledger.append(
            Entry("run", "run", {"conditions": dict(substrate.conditions(0, {}, "confirm"))}), summary="begun"
        )
        seeds = {"work": Genome(FILES)}
        Run(settings, substrate, lambda: Scripted(script), workers, seeds, name=name, journal=ledger).execute()
        ledger.flush()
    workers.close()


EDITS: tuple[Mapping[str, str | None], ...] = (
    {"src/run.sh": "#!/bin/sh\necho 1\n", "src/dos.bat": "rem\r\n"},
    {"src/old.txt": "old, and longer\n"},
    {"src/old.txt": None, "src/n.txt": "n"},
)
"""Kept, discarded, kept."""


def untouched(work: Path) -> tuple[object, ...]:
    files = {p: p.read_bytes() for p in work.rglob("*") if p.is_file() and ".git" not in p.relative_to(work).parts}
    return (
        git(work, "status", "--porcelain"),
        git(work, "rev-parse", "HEAD", "main"),
        files,
        (work / ".git/index").read_bytes(),
    )


def test_a_lineage_becomes_a_branch(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(work, *EDITS)
    before = untouched(work)
    assert main(["export", "work", "--repository", "work"]) == 0
    assert "written to work: 2 kept changes. Look: git log -p evolve/night/work" in capsys.readouterr().out
    assert untouched(work) == before
    branch = "evolve/night/work"
    assert git(work, "log", "--format=%s", f"main..{branch}").split("\n")[:2] == ["edit number 3", "edit number 1"]
    assert git(work, "merge-base", "main", branch) == git(work, "rev-parse", "main")
    changed = git(work, "diff", "--name-status", "--no-renames", "main", branch).splitlines()
    assert changed == ["M\tsrc/dos.bat", "A\tsrc/n.txt", "D\tsrc/old.txt", "M\tsrc/run.sh"]
    assert git(work, "show", f"{branch}:README.md") == "# Work\n"
    assert git(work, "ls-tree", branch, "src/run.sh").startswith("100755")
    stored = subprocess.run(["git", "cat-file", "blob", f"{branch}:src/dos.bat"], cwd=work, capture_output=True)
    assert stored.stdout == b"rem\n", "line endings are the repository's own"
    trailers = git(
        work, "log", "-1", "--format=%(trailers:key=Status,valueonly)%(trailers:key=Effect,valueonly)", branch
    )
    assert trailers.split() == ["keep", "3"]
    assert "Run: night" in git(work, "log", "-1", "--format=%B", branch)
    git(work, "fsck", "--strict")


def test_once_written_it_is_not_written_over(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(work, *EDITS)
    assert main(["export", "work", "--repository", "work"]) == 0
    tip = git(work, "rev-parse", "evolve/night/work")
    capsys.readouterr()
    assert main(["export", "work", "--repository", "work"]) == 2
    assert "work has a branch evolve/night/work already. Rename or delete it first" in capsys.readouterr().err
    assert git(work, "rev-parse", "evolve/night/work") == tip
    git(work, "branch", "-D", "evolve/night/work")
    git(work, "branch", "evolve")
    assert main(["export", "work", "--repository", "work"]) == 2
    assert "evolve: git update-ref failed in" in capsys.readouterr().err


@pytest.mark.parametrize("edits", [EDITS[1:2], ()], ids=["all discarded", "no generation"])
def test_nothing_was_kept(work: Path, edits: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(work, *edits)
    before = untouched(work), git(work, "for-each-ref")
    assert main(["export", "work", "--repository", "work"]) == 2
    assert "Nothing was kept in night/work, so there is no change to write." in capsys.readouterr().err
    assert (untouched(work), git(work, "for-each-ref")) == before


def test_a_repository_that_it_did_not_come_from(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(work, *EDITS)
    Path("other").mkdir()
    git(Path("other"), "init", "--quiet")
    assert main(["export", "work", "--repository", "other"]) == 2
    base = git(work, "rev-parse", "HEAD")[:10]
    assert f"other has no commit {base}, from which night began." in capsys.readouterr().err
    for place in ("gone", "/proc"):
        assert main(["export", "work", "--repository", place]) == 2
        assert f"--repository {place} is no git repository." in capsys.readouterr().err


def test_either_a_folder_or_a_repository(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(work, *EDITS)
    assert main(["export", "work", "--to", "files"]) == 0
    assert Path("files/src/run.sh").read_text() == "#!/bin/sh\necho 1\n"
    assert main(["export", "work", "--to", "again", "--repository", "work"]) == 2
    assert main(["export", "work"]) == 2
    assert "one of the arguments --to --repository is required" in capsys.readouterr().err


def test_agents_that_are_no_files_of_a_repository(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Ledger.open(Path("lineages.git"), "prompts") as ledger:
        ledger.append(Entry("run", "run", {"conditions": {}}), summary="begun")
        seeds = {"a": Genome({"agent.txt": "1.0\n"})}
        settings = replace(Settings(domain="toy"), run=RunSettings(generations=1, baselines=[], preflight=False))
        workers = LocalWorkers(1)
        Run(settings, Toy(), lambda: Scripted(lambda _: []), workers, seeds, name="prompts", journal=ledger).execute()
        workers.close()
    assert main(["export", "a", "--repository", "work"]) == 2
    assert "The genomes of prompts are no files of a repository. Write them to a folder" in capsys.readouterr().err
