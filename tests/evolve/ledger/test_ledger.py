"""The ledger, judged by git itself: ids, fsck, trailers, branches, a full disk, a kill, and a stranger's eyes."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import git as gitpython
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evolve.errors import UsageError
from evolve.ledger import Attempt, Entry, Ledger, LedgerError, attempts, compact, genome_of, journal, runs
from evolve.ledger.objects import blob, commit, trees

EPOCH = 1_700_000_000
TREE = {"agent.md": "# Ünï\n", "src/a.py": "pass\n", "src/a/b.py": "", "src.txt": "no line end"}


def git(folder: Path, *args: str, text: str | bytes | None = None, **environment: str) -> str:
    """What a stranger's git prints there. Fails where git does."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    said = text.encode() if isinstance(text, str) else text
    done = subprocess.run(["git", *args], cwd=folder, input=said, env={**clean, **environment}, capture_output=True)
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout.decode()


def fsck(folder: Path) -> None:
    """No error and no warning; that HEAD's branch is not born yet is neither."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", "fsck", "--full", "--strict"], cwd=folder, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith("notice: ")] == []
    assert "missing" not in done.stdout


def entry(number: int, **parts: Any) -> Entry:
    return Entry("outcome", f"k{number}", {"score": number / 7}, **parts)


def attempt(number: int, **parts: Any) -> Attempt:
    given = {"lineage": "a", "parents": (), "genome": {"agent.md": f"{number}\n"}, "trailers": {"Status": "keep"}}
    return Attempt(run="r", generation=3, number=number, **{"hypothesis": f"tries {number}", **given, **parts})


def write(ledger: Ledger, number: int, **parts: Any) -> str:
    """An attempt and the verdict that is about it."""
    made = ledger.attempt(attempt(number, **parts))
    ledger.append(Entry("verdict", f"v{number}", {"commit": made}, attempt=made), summary=f"keep {number}")
    return made


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "lineages.git"


@pytest.fixture
def ledger(place: Path) -> Iterator[Ledger]:
    """Open, with one entry that is flushed."""
    with Ledger.open(place, "r", epoch=EPOCH) as opened:
        opened.append(entry(0), summary="run r")
        opened.flush()
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger for all examples of a property, each in a run of its own."""
    return tmp_path_factory.mktemp("shared") / "lineages.git"


NUMBERS = itertools.count()


# -- what may be in a ledger -------------------------------------------------------------------

REFUSED = [
    "", "/", "/etc/passwd", "a/", "a//b", ".", "..", "../a", "a/../../b", "a/./b", ".git", ".git/config", "a/.GIT/x",
    ".git.", ".git ", ".git . .", "GIT~1", ".git::$INDEX_ALLOCATION", ".g\u200cit", "a\0b", "a\nb", "a\\b", "\x7f",
    "a\ud800",
]  # fmt: skip
names = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\\"), min_size=1, max_size=12
).filter(lambda name: name not in (".", "..") and not name.lower().startswith((".git", "git~")))
texts = st.text(max_size=200) | st.sampled_from(["", "\n", "a\r\nb\r\n", "\x00\x01", "é" * 3000])
nested: st.SearchStrategy[Any] = st.dictionaries(
    names, st.recursive(texts, lambda inner: st.dictionaries(names, inner, min_size=1, max_size=4), max_leaves=8)
)


def flat(folder: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    files: dict[str, str] = {}
    for name, inner in folder.items():
        files.update({prefix + name: inner} if isinstance(inner, str) else flat(inner, f"{prefix}{name}/"))
    return files


genomes = nested.map(flat)
values = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=10,
    ),
    max_size=5,
)
notes = st.builds(Entry, st.text(max_size=10), st.text(max_size=20), values, st.none() | genomes.filter(bool))


# -- ids ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which git itself makes the objects to compare with."""
    folder = tmp_path_factory.mktemp("scratch")
    git(folder, "init", "--quiet")
    return folder


def tree_by_git(scratch: Path, files: Mapping[str, str]) -> str:
    """hash-object and write-tree: git's own id of these files."""
    contents = scratch / "contents"
    shutil.rmtree(contents, ignore_errors=True)
    contents.mkdir()
    for number, text in enumerate(files.values()):
        (contents / str(number)).write_bytes(text.encode())
    paths = "".join(f"contents/{number}\n" for number in range(len(files)))
    ids = git(scratch, "hash-object", "-w", "--no-filters", "--stdin-paths", text=paths).split()
    (scratch / ".git" / "index").unlink(missing_ok=True)
    rows = "".join(f"100644 {one}\t{path}\0" for one, path in zip(ids, files, strict=True))
    git(scratch, "update-index", "-z", "--index-info", text=rows)
    return git(scratch, "write-tree").strip()


@given(genomes)
@example(TREE)
@example({})
@example({"a/b": "1", "a.b": "2", "a0": "3", "a-": "4"})  # a folder sorts as if it were called a/
def test_tree_ids_are_git_s(scratch: Path, files: dict[str, str]) -> None:
    assert trees(files)[0] == tree_by_git(scratch, files)


def test_every_object_has_the_id_that_git_gives_it(scratch: Path) -> None:
    root, objects = trees(TREE)
    files, folders = len(TREE), len(["/", "/src", "/src/a"])
    assert objects[-1].id == root
    assert [one.kind for one in objects].count("blob") == files
    assert [one.kind for one in objects].count("tree") == folders
    objects.append(commit(root, ["1" * 40, "2" * 40], "Ünï\n\nA: b\n", EPOCH))
    for one in objects:
        args = ("hash-object", "--literally", "-t", one.kind, "--stdin")
        assert git(scratch, *args, text=one.data).strip() == one.id


def test_a_commit_is_the_one_that_git_would_make(place: Path, ledger: Ledger) -> None:
    parent = write(ledger, 1)
    one = attempt(2, genome=TREE, parents=(parent,), hypothesis="bolder")
    made = ledger.attempt(one)
    ledger.flush()
    who = {f"GIT_{role}_{part}": said for role in ("AUTHOR", "COMMITTER") for part, said in (
        ("NAME", "evolve"), ("EMAIL", "evolve@localhost"), ("DATE", f"@{EPOCH + 2} +0000"))}  # fmt: skip
    by_git = git(place, "commit-tree", trees(TREE)[0], "-p", parent, "-F", "-", text=one.message(), **who)
    assert by_git.strip() == made


@pytest.mark.parametrize("path", REFUSED)
def test_a_path_that_could_be_misread_is_refused(ledger: Ledger, place: Path, path: str) -> None:
    for refused in (
        lambda: ledger.append(entry(1, genome={path: "x"}), summary="s"),
        lambda: ledger.attempt(attempt(1, genome={"ok": "x", path: "x"})),
    ):
        with pytest.raises(UsageError, match=r"cannot be a file of a genome\. Use a relative path"):
            refused()
    ledger.append(entry(1), summary="goes on")
    ledger.flush()
    assert journal(place, "r") == [entry(0), entry(1)]
    fsck(place)


@pytest.mark.parametrize("files", [{"a": "1", "a/b": "2"}, {"a/b": "2", "a": "1"}, {"x/a": "", "x/a/b/c": ""}])
def test_a_file_that_is_a_folder_too_is_refused(files: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"'a' is a file and a folder at once\. Rename one"):
        trees(files)


def test_half_a_character_is_refused_in_a_genome_and_kept_in_an_entry(place: Path, ledger: Ledger) -> None:
    """A cut answer of a model may end in one: it must not end the run."""
    with pytest.raises(UsageError, match="lone surrogate"):
        ledger.attempt(attempt(1, genome={"agent.md": "cut \ud83d"}))
    said = Entry("rewrite", "k", {"answer": "cut \ud83d", "back\\slash": ["\\ud83d", "\udc00"]})
    ledger.append(said, summary="cut \ud83d")
    write(ledger, 2, hypothesis="cut \ud83d")
    assert journal(place, "r") == [entry(0)]
    ledger.flush()
    assert journal(place, "r")[1] == said
    fsck(place)


# -- the journal -------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.lists(notes, min_size=1, max_size=5), st.lists(st.booleans(), min_size=5, max_size=5))
def test_entries_are_read_back_as_written_and_git_finds_no_fault(
    shared: Path, written: list[Entry], flushes: list[bool]
) -> None:
    run = f"r{next(NUMBERS)}"
    with Ledger.open(shared, run, epoch=EPOCH) as opened:
        for one, flush in zip(written, flushes, strict=False):
            opened.append(one, summary=one.key)
            if flush:
                opened.flush()
    assert journal(shared, run) == written
    with Ledger.open(shared, run, resume=True) as again:
        assert list(again.entries) == written
    fsck(shared)


def test_the_journal_is_one_chain_whose_second_parents_are_the_attempts(place: Path, ledger: Ledger) -> None:
    made = [write(ledger, number) for number in (1, 2)]
    ledger.append(entry(3, genome=TREE), summary="rewrite a: bolder")
    ledger.flush()
    log = git(place, "log", "--first-parent", "--reverse", "--format=%s|%P|%ct", "refs/evolve/r/journal").splitlines()
    assert [line.split("|")[2] for line in log] == [str(EPOCH + number) for number in range(4)]
    assert [line.split("|")[0] for line in log] == [
        "outcome run r",
        "verdict keep 1",
        "verdict keep 2",
        "outcome rewrite a: bolder",
    ]
    assert journal(place, "r", ("verdict",)) == journal(place, "r")[1:3], "the subject says the kind"
    assert [line.split("|")[1].split()[1:] for line in log] == [[], [made[0]], [made[1]], []]
    assert [e.attempt for e in journal(place, "r")] == [None, *made, None]
    assert git(place, "ls-tree", "-r", "--name-only", "-z", "refs/evolve/r/journal").split("\0")[:-1] == [
        "entry.json",
        *sorted((f"genome/{path}" for path in TREE), key=str.encode),
    ]


def test_an_entry_is_visible_after_a_flush_and_not_before(place: Path, ledger: Ledger) -> None:
    ledger.append(entry(1), summary="s", seconds=0.6)
    assert journal(place, "r") == [entry(0)]
    ledger.flush()
    assert journal(place, "r") == [entry(0), entry(1)]
    ledger.append(entry(2), summary="s")
    ledger.close()
    assert len(journal(place, "r")) == 3


def test_work_worth_more_than_a_second_is_flushed_at_once(place: Path, ledger: Ledger) -> None:
    ledger.append(entry(1), summary="s", seconds=0.6)
    assert len(journal(place, "r")) == 1
    ledger.append(entry(2), summary="s", seconds=0.6)
    assert len(journal(place, "r")) == 3, "1.2 seconds of work wait"
    ledger.append(entry(3), summary="s", seconds=0.6)
    assert len(journal(place, "r")) == 3, "what was flushed is worth nothing any more"
    ledger.append(entry(4), summary="s", seconds=300.0)
    assert len(journal(place, "r")) == 5


def test_nothing_is_written_twice(place: Path, ledger: Ledger) -> None:
    for number in range(1, 6):
        write(ledger, number, genome=TREE)
        ledger.flush()
    ledger.flush()
    reachable = len(git(place, "rev-list", "--objects", "--all").splitlines())
    packed = git(place, "count-objects", "-v").splitlines()
    # Each attempt is a flush of its own here, and brings the equal genome's tree and files along once more.
    again = 4 * len(trees(TREE)[1])
    assert {"count: 0", f"in-pack: {reachable + again}", "packs: 6"} <= set(packed)


def test_many_threads_write_one_chain(place: Path, ledger: Ledger) -> None:
    def work(worker: int) -> None:
        for number in range(10):
            ledger.append(Entry("outcome", f"{worker}/{number}", {}), summary="s", seconds=0.3)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.flush()
    keys = [e.key for e in journal(place, "r")[1:]]
    assert sorted(keys) == sorted(f"{worker}/{number}" for worker in range(4) for number in range(10))
    for worker in range(4):
        assert [key for key in keys if key.startswith(f"{worker}/")] == [f"{worker}/{n}" for n in range(10)]
    fsck(place)


def test_a_verdict_cannot_come_first_and_an_attempt_alone_leaves_no_torn_ref(place: Path) -> None:
    with Ledger.open(place, "r", epoch=EPOCH) as opened:
        made = opened.attempt(attempt(1))
        with pytest.raises(ValueError, match="cannot begin with an attempt"):
            opened.append(Entry("verdict", "v", {}, attempt=made), summary="s")
    fsck(place)
    assert runs(place) == []


def test_equal_runs_have_equal_ids_and_a_resumed_run_goes_on_with_them(tmp_path: Path) -> None:
    def play(path: Path, cuts: Iterable[int]) -> str:
        opened = Ledger.open(path, "r", epoch=EPOCH)
        for number in range(6):
            if number in cuts:
                opened.close()
                opened = Ledger.open(path, "r", resume=True)
                assert len(opened.entries) == number
            if number % 2:
                write(opened, number)
            else:
                opened.append(entry(number), summary="s")
        opened.close()
        return git(path, "rev-parse", "refs/evolve/r/journal")

    assert play(tmp_path / "one", ()) == play(tmp_path / "two", (1, 4, 5))


# -- attempts ----------------------------------------------------------------------------------


def test_an_attempt_s_tree_is_the_genome_and_its_parents_are_genetic(place: Path, ledger: Ledger) -> None:
    mother = write(ledger, 1, genome=TREE)
    father = write(ledger, 2)
    child = write(ledger, 3, genome={**TREE, "agent.md": "mutated\n"}, parents=(mother, father))
    ledger.flush()
    listed = git(place, "ls-tree", "-r", "-z", mother).split("\0")[:-1]
    assert listed == [f"100644 blob {blob(TREE[p].encode()).id}\t{p}" for p in sorted(TREE, key=str.encode)]
    assert git(place, "log", "-1", "--format=%P", child).split() == [mother, father]
    assert git(place, "diff", "--name-only", f"{child}^", child).split() == ["agent.md"]
    assert genome_of(place, child) == {**TREE, "agent.md": "mutated\n"}
    found = attempts(place, "r")
    assert [r.commit for r in found] == [mother, father, child]
    assert (found[2].parents, found[2].tree, found[2].subject) == (
        (mother, father), git(place, "rev-parse", f"{child}^{{tree}}").strip(), "tries 3",
    )  # fmt: skip
    assert found[2].time == EPOCH + 3
    assert found[2].trailers == {"Run": "r", "Generation": "3", "Lineage": "a", "Status": "keep"}


@settings(max_examples=25)
@given(st.lists(genomes, min_size=1, max_size=4))
def test_a_genome_comes_back_as_it_was(shared: Path, population: list[dict[str, str]]) -> None:
    run = f"g{next(NUMBERS)}"
    with Ledger.open(shared, run, epoch=EPOCH) as opened:
        opened.append(entry(0), summary="s")
        made = [write(opened, number, genome=files) for number, files in enumerate(population)]
    assert [genome_of(shared, one) for one in made] == population
    assert [one.tree for one in attempts(shared, run)] == [trees(files)[0] for files in population]


HOSTILE = [
    "better\n\nStatus: keep\nScore: 1e9", "Status: keep", "x\r\nScore: 9", "a\u2028Run: forged", "a\x85Score: 9",
    "---", "--- a/agent.md", "----", "# ------------------------ >8 ------------------------", "Conflicts:", "#", "",
    "   ", "\x00", "\x1b[2J\x07", "x" * 298 + "  y", f"tree {'4b825dc642' * 4}", "Signed-off-by: a <b>", "\t: ",
]  # fmt: skip
hostile = (
    st.sampled_from(HOSTILE) | st.text(max_size=400) | st.lists(st.sampled_from(HOSTILE), max_size=4).map("\n".join)
)


@given(hostile, st.dictionaries(st.sampled_from(["Status", "Score", "Evidence"]), hostile, min_size=1))
@example("---", {"Status": "discard"})
@example(HOSTILE[8], {"Status": "discard"})
def test_no_hypothesis_forges_a_trailer(scratch: Path, said: str, trailers: dict[str, str]) -> None:
    one = attempt(1, hypothesis=said, trailers=trailers)
    read = git(scratch, "interpret-trailers", "--parse", text=one.message()).removesuffix("\n").split("\n")
    wanted = ["Run", "Generation", "Lineage", *trailers]
    assert [line.split(": ", 1)[0] for line in read] == wanted
    assert read[:3] == ["Run: r", "Generation: 3", "Lineage: a"]
    lines = one.message().splitlines()
    assert lines[1] == ""
    assert lines[2:] == read


@pytest.mark.parametrize("said", HOSTILE)
def test_what_is_read_back_is_what_git_reads(place: Path, ledger: Ledger, said: str) -> None:
    made = write(ledger, 1, hypothesis=said, trailers={"Status": "discard", "Evidence": said})
    ledger.flush()
    (record,) = attempts(place)
    by_git = git(place, "log", "-1", "--format=%(trailers:only,unfold)", made).strip().split("\n")
    assert by_git == [f"{name}: {value}" for name, value in record.trailers.items()]
    assert record.trailers["Status"] == "discard"
    assert record.subject == git(place, "log", "-1", "--format=%s", made).removesuffix("\n")
    fsck(place)


def test_genome_of_takes_what_git_takes_and_refuses_the_rest(place: Path, ledger: Ledger) -> None:
    made = write(ledger, 1, genome=TREE)
    ledger.move_branches({"a": made})
    assert genome_of(place, "r/a") == genome_of(place, made[:12]) == TREE
    for name in ("nothing", "f" * 40, blob(TREE["agent.md"].encode()).id, "", "--all", "-h", "r/a:agent.md"):
        with pytest.raises(LedgerError, match=r"There is no commit .* `python -m evolve log` lists them"):
            genome_of(place, name)


# -- branches ----------------------------------------------------------------------------------


def test_branches_only_go_forward_and_rebuild_moves_them(place: Path, ledger: Ledger) -> None:
    def tips() -> dict[str, str]:
        rows = git(place, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/").splitlines()
        return dict(row.removeprefix("refs/heads/r/").split(" ") for row in rows)

    old = write(ledger, 1)
    new = write(ledger, 2, parents=(old,))
    aside = write(ledger, 3, parents=(old,))
    merged = write(ledger, 4, parents=(aside, new))
    ledger.move_branches({"a": old, "b": old})
    ledger.move_branches({"a": new})
    assert tips() == {"a": new, "b": old}
    for tip in (old, aside):
        with pytest.raises(LedgerError, match=f"refs/heads/r/a would go back, from {new[:10]} to {tip[:10]}"):
            ledger.move_branches({"b": new, "a": tip})
        assert tips() == {"a": new, "b": old}, "a refusal moves nothing"
    ledger.move_branches({"a": merged})
    ledger.move_branches({"a": old, "b": aside}, rebuild=True)
    assert tips() == {"a": old, "b": aside}
    fsck(place)


def test_a_checked_out_branch_is_the_champion_s_files(place: Path, ledger: Ledger, tmp_path: Path) -> None:
    ledger.move_branches({"a": write(ledger, 1, genome=TREE)})
    git(tmp_path, "clone", "--quiet", "--branch", "r/a", str(place), "clone")
    files = [p for p in (tmp_path / "clone").rglob("*") if p.is_file() and ".git" not in p.parts]
    assert {p.relative_to(tmp_path / "clone").as_posix(): p.read_bytes().decode() for p in files} == TREE


def test_a_stranger_reads_it_with_gitpython(place: Path, ledger: Ledger) -> None:
    first = write(ledger, 1, genome=TREE)
    second = write(ledger, 2, parents=(first,), hypothesis="écarts plus serrés")
    ledger.move_branches({"a": second})
    with gitpython.Repo(place) as repository:
        assert [head.name for head in repository.heads] == ["r/a"]
        walked = list(repository.iter_commits("r/a"))
        assert [one.hexsha for one in walked] == [second, first]
        assert [one.summary for one in walked] == ["écarts plus serrés", "tries 1"]
        assert walked[0].trailers_dict["Lineage"] == ["a"]
        blobs = [one for one in walked[1].tree.traverse() if isinstance(one, gitpython.Blob)]
        assert {str(one.path): one.data_stream.read().decode() for one in blobs} == TREE
        story = list(repository.iter_commits("refs/evolve/r/journal", first_parent=True))
        assert [one.summary for one in story] == ["verdict keep 2", "verdict keep 1", "outcome run r"]


# -- runs, and folding them ----------------------------------------------------------------------


def test_runs_are_told_newest_first_however_long_they_were(place: Path) -> None:
    for run, start, length in (("old", 0, 40), ("new", 20, 1), ("middle", 10, 3)):
        with Ledger.open(place, run, epoch=EPOCH + start) as opened:
            for number in range(length):
                opened.append(entry(number), summary="s")
    assert runs(place) == ["new", "middle", "old"]
    with Ledger.open(place, "old", resume=True) as opened:
        opened.append(entry(41), summary="s")
    assert runs(place) == ["new", "middle", "old"], "going on with a run does not make it a new one"


def test_attempts_are_told_of_one_run_or_of_all(place: Path) -> None:
    made = []
    for start, run in enumerate(("one", "two")):
        with Ledger.open(place, run, epoch=EPOCH + start) as opened:
            opened.append(entry(0), summary="s")
            made.append(write(opened, start))
            opened.append(Entry("verdict", "again", {}, attempt=made[-1]), summary="s")
    assert [r.commit for r in attempts(place)] == made
    assert [r.commit for r in attempts(place, "two")] == made[1:]


def test_compact_keeps_everything(place: Path, ledger: Ledger) -> None:
    for number in range(1, 8):
        write(ledger, number, genome=TREE if number % 2 else {"agent.md": str(number)})
        ledger.flush()
    ledger.move_branches({"a": write(ledger, 8)})
    orphan = ledger.attempt(attempt(9, genome={"only": "here"}))
    ledger.close()
    before = journal(place, "r"), attempts(place, "r"), git(place, "for-each-ref")
    assert len(list((place / "objects" / "pack").glob("*.pack"))) > 7
    compact(place)
    assert len(list((place / "objects" / "pack").glob("*.pack"))) == 1
    assert (journal(place, "r"), attempts(place, "r"), git(place, "for-each-ref")) == before
    assert genome_of(place, orphan) == {"only": "here"}, "what no ref reaches is kept too"
    fsck(place)
    with Ledger.open(place, "r", resume=True) as again:
        again.append(entry(10), summary="goes on")
        again.move_branches({"a": write(again, 11, parents=(before[1][-1].commit,))})
    assert len(journal(place, "r")) == len(before[0]) + 2
    fsck(place)


def test_compact_is_refused_while_a_run_is_written(place: Path, ledger: Ledger) -> None:
    with Ledger.open(place, "other", epoch=EPOCH) as opened:
        opened.append(entry(0), summary="s")
    with pytest.raises(LedgerError, match=f"'r' is being written by another process .pid {os.getpid()}"):
        compact(place)
    ledger.close()
    compact(place)
    Ledger.open(place, "r", resume=True).close()


def test_compact_says_why_it_cannot(place: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.close()
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UsageError, match=r"lineages\.git cannot be compacted: No space left on device"):
        compact(place)


# -- the lock ----------------------------------------------------------------------------------

HOLDER = """
import sys
from pathlib import Path
from evolve.ledger import Entry, Ledger
ledger = Ledger.open(Path(sys.argv[1]), "r", epoch=1)
number = 0
while sys.argv[2] == "writes" or number == 0:
    ledger.append(Entry("outcome", str(number), {"padding": "x" * 2000}), summary="s", seconds=9.0)
    print(number, flush=True)
    number += 1
sys.stdin.read()
"""


@contextmanager
def holder(place: Path, does: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes the run r. It has written when it is handed over."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place), does], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "0\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_a_run_has_one_writer_and_the_other_is_named(place: Path) -> None:
    with holder(place, "holds") as process:
        for resume in (True, False):
            with pytest.raises(LedgerError, match=rf"'r' is being written by another process \(pid {process.pid}\)"):
                Ledger.open(place, "r", resume=resume)
        with Ledger.open(place, "s", epoch=EPOCH) as beside:
            beside.append(entry(1), summary="another run may be written")
        assert [e.key for e in journal(place, "r")] == ["0"], "reading needs no lock"
    Ledger.open(place, "r", resume=True).close()


def test_after_a_kill_everything_that_was_acknowledged_is_there(place: Path) -> None:
    with holder(place, "writes") as process:
        assert process.stdout is not None
        said = list(itertools.takewhile(lambda line: int(line) < 25, process.stdout))
        process.send_signal(signal.SIGKILL)
        process.wait()
        said += process.stdout.readlines()
    with Ledger.open(place, "r", resume=True) as again:
        keys = [e.key for e in again.entries]
        assert keys == [str(number) for number in range(len(keys))]
        assert len(keys) > int(said[-1])
        again.append(entry(0), summary="goes on")
    assert len(journal(place, "r")) == len(keys) + 1
    fsck(place)


def test_what_a_kill_left_is_cleared_of_this_run_alone(place: Path, ledger: Ledger) -> None:
    ledger.move_branches({"a": write(ledger, 1)})
    ledger.close()
    pack, refs, name = place / "objects" / "pack", place / "refs", "pack-" + "a" * 40
    ours = [refs / "evolve/r/journal.lock", refs / "heads/r/a.lock", refs / "heads/r/b.lock"]
    ours += [pack / f"tmp_r_{name}.pack", pack / f"tmp_r_{name}.idx"]
    theirs = [refs / "evolve/r_1/journal.lock", refs / "heads/r_1/a.lock", refs / "heads/rr/a.lock"]
    theirs += [pack / f"tmp_r_1_{name}.pack", pack / f"tmp_r_{name}x_{name}.idx", pack / f"tmp_s_{name}.idx"]
    for file in ours + theirs:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    with Ledger.open(place, "r", resume=True) as again:
        assert [file.name for file in ours if file.exists()] == []
        assert [file.name for file in theirs if not file.exists()] == []
        again.move_branches({"a": write(again, 2)}, rebuild=True)
    assert len(journal(place, "r")) == 3


# -- a disk that is full -------------------------------------------------------------------------


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_a_full_disk_loses_nothing_that_was_recorded(
    place: Path, ledger: Ledger, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The n-th call fails, for every n until none does: each time the same sentence, and the same ledger."""
    real, mine = getattr(os, call), threading.get_ident()
    calls = 0

    def sometimes(*args: Any, **named: Any) -> Any:
        nonlocal calls
        if threading.get_ident() != mine:
            return real(*args, **named)
        calls += 1
        return full() if calls == until else real(*args, **named)

    for until in range(1, 20):
        calls, said = 0, ""
        write(ledger, until)
        with monkeypatch.context() as patched:
            patched.setattr(os, call, sometimes)
            try:
                ledger.flush()
            except LedgerError as error:
                said = str(error)
        if calls < until:
            break
        assert "cannot be written: the disk is full. What was recorded before is safe" in said
        assert "resume=RUN" in said
        # The last step of all makes a rename durable: it has happened then, and is seen.
        assert len(journal(place, "r")) in (1, 1 + until)
        assert list(place.rglob("tmp_*")) + list((place / "refs").rglob("*.lock")) == []
        fsck(place)
    assert said == ""
    assert until > 1, f"os.{call} was never called"
    assert len(journal(place, "r")) == 1 + until, "with room again, what waited is written"
    fsck(place)


@pytest.mark.parametrize(("number", "said"), [(errno.EDQUOT, "the disk is full"), (errno.EIO, "Input/output error")])
def test_the_reason_is_the_system_s(
    place: Path, ledger: Ledger, number: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    made = write(ledger, 1)
    ledger.flush()
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", broken)
        with pytest.raises(LedgerError, match=f"cannot be written: {said}"):
            ledger.move_branches({"a": made})
        with pytest.raises(LedgerError, match=f"cannot be written: {said}"):
            ledger.append(entry(2), summary="s", seconds=2.0)
    assert git(place, "for-each-ref", "refs/heads/") == ""
    assert len(journal(place, "r")) == 2


def test_a_disk_that_is_full_from_the_start(place: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        with pytest.raises(LedgerError, match="cannot be written: the disk is full"):
            Ledger.open(place, "s")
    Ledger.open(place, "s").close()


# -- opening -----------------------------------------------------------------------------------


def test_a_new_ledger_is_a_bare_repository_that_keeps_no_house_by_itself(place: Path, ledger: Ledger) -> None:
    said = git(place, "config", "--list", "--local").splitlines()
    for wanted in ("core.bare=true", "gc.auto=0", "maintenance.auto=false", "core.fsync=committed"):
        assert wanted in said


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: p.write_text("text"), r"lineages\.git is a file\. Name a folder: it will be made"),
        (lambda p: (p / "sub").mkdir(parents=True), r"is a folder, but no git repository\. Name another"),
    ],
)
def test_a_place_that_is_no_ledger_is_refused(place: Path, make: Any, said: str) -> None:
    make(place)
    before = sorted(place.parent.rglob("*"))
    for attempted in (lambda: Ledger.open(place, "r"), lambda: runs(place), lambda: journal(place, "r")):
        with pytest.raises(LedgerError, match=said):
            attempted()
    assert sorted(place.parent.rglob("*")) == before


def test_a_folder_inside_a_repository_is_not_taken_for_it(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_text("")
    with pytest.raises(LedgerError, match="inner is a folder, but no git repository"):
        Ledger.open(tmp_path / "inner", "r")


def test_a_place_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be made: Not a directory"):
        Ledger.open(tmp_path / "file" / "lineages.git", "r")


def test_a_missing_ledger_is_said_and_not_made(place: Path) -> None:
    asked = [lambda: runs(place), lambda: journal(place, "r"), lambda: attempts(place), lambda: compact(place)]
    asked += [lambda: genome_of(place, "HEAD"), lambda: Ledger.open(place, "r", resume=True)]
    for ask in asked:
        with pytest.raises(LedgerError, match=r"There is no ledger at .*lineages\.git\. Start a run first"):
            ask()
    assert not place.exists()


@pytest.mark.parametrize("made", [False, True])
def test_an_empty_folder_becomes_a_ledger(place: Path, made: bool) -> None:
    if made:
        place.mkdir()
    with Ledger.open(place, "r", epoch=EPOCH) as opened:
        opened.append(entry(0), summary="s")
    assert runs(place) == ["r"]


def test_a_repository_of_the_user_s_is_written_into(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=work")
    (tmp_path / "theirs").write_text("stays")
    git(tmp_path, "add", ".")
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    git(tmp_path, *who, "commit", "--quiet", "--message=theirs")
    with pytest.raises(LedgerError, match="There is a branch 'work'"):
        Ledger.open(tmp_path, "work")
    git(tmp_path, "pack-refs", "--all")
    with pytest.raises(LedgerError, match="There is a branch 'work'"):
        Ledger.open(tmp_path, "work")
    with Ledger.open(tmp_path, "r", epoch=EPOCH) as opened:
        opened.append(entry(0), summary="s")
        opened.move_branches({"a": write(opened, 1)})
    assert runs(tmp_path) == ["r"]
    assert git(tmp_path, "status", "--porcelain") == ""
    assert git(tmp_path, "branch", "--format=%(refname:short)").split() == ["r/a", "work"]
    fsck(tmp_path)


@pytest.mark.parametrize("name", ["", ".r", "-r", "a..b", "r.lock", "r.", "a/b", "a b", "r\n", "ä", "a*", "x" * 101])
def test_a_name_that_could_be_no_ref_is_refused(place: Path, name: str) -> None:
    with pytest.raises(LedgerError, match=r"cannot name a run\. Use letters, digits, '-', '_' and '\.'"):
        Ledger.open(place, name)
    assert not place.exists()


@pytest.mark.parametrize("name", ["r", "main", "HEAD", "2024-01-02", "a.b_c-d", "x" * 100])
def test_a_name_that_can_be_one_is_taken(place: Path, name: str) -> None:
    with Ledger.open(place, name, epoch=EPOCH) as opened:
        opened.append(entry(0), summary="s")
        opened.move_branches({"a": write(opened, 1)})
    assert journal(place, name)[0] == entry(0)
    assert git(place, "rev-parse", f"refs/heads/{name}/a").strip() == journal(place, name)[1].attempt
    fsck(place)


def test_a_run_is_begun_once_and_gone_on_with_only_if_it_is_there(place: Path, ledger: Ledger) -> None:
    ledger.close()
    with pytest.raises(LedgerError, match=r"The run 'r' is in .* already\. Go on with it: resume=r"):
        Ledger.open(place, "r")
    with pytest.raises(LedgerError, match=r"There is no run 's' in .*\. Runs there: r\."):
        Ledger.open(place, "s", resume=True)
    with pytest.raises(LedgerError, match=r"There is no run 's' in .*\. Runs there: r\."):
        journal(place, "s")
    with pytest.raises(LedgerError, match="There is no run"):
        journal(place, "*")
    Ledger.open(place, "r", resume=True).close()  # a refusal holds no lock
    Ledger.open(place, "s").close()


def test_without_git_it_says_so(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(LedgerError, match=r"There is no `git` on the PATH.*Install git"):
        Ledger.open(place, "r")


def test_a_repository_that_the_environment_names_does_not_stand_in(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "other.git")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other.git"))
    with Ledger.open(place, "r", epoch=EPOCH) as opened:
        opened.append(entry(0), summary="s")
    assert runs(place) == ["r"]
    assert runs(tmp_path / "other.git") == []
