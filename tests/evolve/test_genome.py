"""A genome is its text: git's own tree id, frozen, equal where the text is equal."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import UsageError
from evolve.genome import Genome, Globs, unreadable

FILES = {"agent.md": "# Ünï\r\n", "src/b.py": "pass\n", "src/a/c.txt": "", "src.txt": "no line end"}

paths = st.sampled_from(["a", "A", "a.b", "b/c", "b/d/e", "b.c", "é/ü", "é/u"])  # none is another's folder
files = st.dictionaries(paths, st.text(max_size=30), max_size=5)


def git(folder: Path, *args: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(["git", *args], cwd=folder, env=clean, check=True, capture_output=True, text=True).stdout


def test_the_digest_is_the_tree_id_of_a_checkout_of_it(tmp_path: Path) -> None:
    """Written to a folder and added there by git, by hand, as a person would."""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "core.autocrlf", "false")
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(text.encode())
    git(tmp_path, "add", "--all")
    assert Genome(FILES).digest == git(tmp_path, "write-tree").strip()


def test_no_file_is_git_s_empty_tree() -> None:
    assert Genome({}).digest == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@given(files, st.randoms())
def test_equal_text_is_equal_genome(one: dict[str, str], random: object) -> None:
    rows = list(one.items())
    random.shuffle(rows)  # type: ignore[attr-defined]
    other = Genome(dict(rows))
    assert other == Genome(one)
    assert hash(other) == hash(Genome(one))
    assert {other, Genome(one)} == {other}
    assert list(other) == sorted(one)
    assert dict(other) == one


@given(files, files)
def test_other_text_is_another_genome(one: dict[str, str], two: dict[str, str]) -> None:
    assert (Genome(one) == Genome(two)) == (one == two)
    assert (Genome(one) != Genome(two)) == (one != two)


def test_a_genome_equals_no_mapping_of_the_same_text() -> None:
    assert Genome(FILES) != FILES
    assert Genome(FILES) != Genome(FILES).digest


def test_it_is_a_mapping_and_frozen() -> None:
    given = dict(FILES)
    genome = Genome(given)
    digest = genome.digest
    given["agent.md"] = "changed behind its back"
    given["more"] = ""
    assert dict(genome) == FILES
    assert len(genome) == len(FILES)
    assert "more" not in genome
    with pytest.raises(TypeError):
        genome["agent.md"] = "x"  # type: ignore[index]
    with pytest.raises(TypeError):
        del genome["agent.md"]  # type: ignore[attr-defined]
    with pytest.raises(KeyError):
        genome["nothing"]
    assert genome.digest == digest == Genome(FILES).digest


def test_size_counts_characters_and_not_bytes() -> None:
    assert Genome({"a": "é" * 10, "b/c": "12345"}).size == 15
    assert Genome({}).size == 0


def test_it_goes_to_another_process_and_comes_back() -> None:
    genome = Genome(FILES)
    again = pickle.loads(pickle.dumps(genome))
    assert (again, again.digest, dict(again)) == (genome, genome.digest, FILES)


def test_it_is_shown_by_its_id_and_its_files() -> None:
    said = repr(Genome({"b": "secret", "a": ""}))
    assert said == f"Genome({Genome({'b': 'secret', 'a': ''}).digest[:10]}: a, b)"


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../up", "a/../b", "./a", "a//b", "a/", ".git/hooks/pre-commit", "sub/.Git/x", ".git",
     "git~1/x", "nul\0", "line\nbreak", "tab\t", "back\\slash", "half\udc80"],
)  # fmt: skip
def test_a_path_that_could_be_misread_is_refused(path: str) -> None:
    with pytest.raises(UsageError) as refused:
        Genome({"agent.md": "", path: ""})
    assert str(refused.value).startswith(f"{path!r} cannot be a file of a genome. Use a relative path")


@pytest.mark.parametrize("path", ["d/" * 3_000 + "x", "n" * 256, "é" * 128, "/".join(5 * ["d" * 250])])
def test_a_path_that_no_file_system_takes_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="is too long for a file of a genome"):
        Genome({path: ""})


def test_a_long_path_is_no_trouble() -> None:
    path = "d/" * 499 + "nn"
    assert Genome({path: "text"})[path] == "text"


@pytest.mark.parametrize("path", ["a", ".gitignore", "...", ".hidden/..x", "with space", "ü/ñ", "a:b", "-rf", "git"])
def test_an_odd_but_honest_path_is_taken(path: str) -> None:
    assert dict(Genome({path: "x"})) == {path: "x"}


def test_text_that_no_file_can_hold_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'agent\.md': the text holds a lone surrogate; it must be valid Unicode"):
        Genome({"agent.md": "cut \ud83d"})
    with pytest.raises(UsageError, match="'a' is a file and a folder at once"):
        Genome({"a": "", "a/b": ""})


@pytest.mark.parametrize(
    ("glob", "inside", "outside"),
    [
        ("**", ["a", "a/b.c"], []),
        ("*.py", ["a.py", "x/y/a.py"], ["a.pyc"]),
        ("./src/**", ["src/a", "src/x/y"], ["src2/a"]),
        ("src", ["src/a", "other/src/x/y"], ["source/a"]),
        ("/src", ["src/a"], ["other/src/a"]),
        ("src/**/*.py", ["src/a.py", "src/x/y/a.py"], ["a.py", "other/src/a.py", "src/a.rb"]),
        ("src/", ["src/a", "src/x/y", "other/src/a"], ["source/a"]),
        ("lib/?.c", ["lib/a.c"], ["lib/ab.c", "lib/x/a.c"]),
        ("a+b[c].txt", ["a+b[c].txt"], ["aab.txt", "a+bc.txt"]),
    ],
)
def test_globs_say_what_may_be_edited(glob: str, inside: list[str], outside: list[str]) -> None:
    for path in inside:
        assert path in Globs((glob,))
        assert path not in Globs(("**",), (glob,))
    for path in outside:
        assert path not in Globs((glob,))


@given(files, files)
def test_a_change_is_broken_by_exactly_what_differs_and_may_not(one: dict[str, str], two: dict[str, str]) -> None:
    globs = Globs(("a*", "b/"), ("b/d/",))
    wrong = [path for path in {*one, *two} if one.get(path) != two.get(path) and path not in globs]
    found = globs.broken_by(one, two)
    assert (found is None) == (not wrong)
    assert found is None or found in wrong
    assert globs.broken_by(one, one) is None


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("a.py", "def f(:\n", "a.py, line 1: invalid syntax"),
        ("a.py", "x = (\n", "a.py, line 1: '(' was never closed"),
        ("a.py", "a\0b", "null bytes"),
        ("a.py", "(" * 100_000, "a.py"),
        ("a.py", "-" * 200_000 + "1", "a.py: nested too deeply"),
        ("a.py", "a" + ".b" * 100_000, "a.py: nested too deeply"),
        ("a.py", "lambda:" * 50_000 + "1", "a.py: nested too deeply"),
        ("a.py", "9" * 10_000, "a.py, line 1"),
        ("a.py", "# coding: nowhere\n", "a.py: unknown encoding"),
        ("b/a.json", '{"a": 1,}', "b/a.json: "),
        ("a.json", "[" * 200_000, "a.json: nested too deeply"),
        ("a.toml", "a = \n", "a.toml: Invalid value"),
        ("a.toml", "a = " + "[" * 200_000, "a.toml: nested too deeply"),
    ],
)
def test_what_cannot_be_parsed_says_where(path: str, text: str, said: str) -> None:
    found = unreadable(path, text)
    assert found is not None
    assert said in found
    assert "\n" not in found


@given(st.sampled_from(["a.py", "a.json", "a.toml", "a.md", "py"]), st.text())
def test_any_text_is_looked_at(path: str, text: str) -> None:
    found = unreadable(path, text)
    assert found is None or (path.startswith("a.") and path in found)


def test_nothing_runs_and_what_is_sound_is_not_objected_to() -> None:
    assert unreadable("a.py", "\ufeffraise SystemExit(1)\n") is None
    assert unreadable("a.json", '{"a": [1, null]}') is None
    assert unreadable("a.toml", "[a]\nb = 1\n") is None
    assert unreadable("a.txt", "def f(:") is None


def test_threads_may_parse_at_once() -> None:
    """A collection that a parse sets off may let another thread in: without a lock Python 3.11.7 raises SystemError."""
    text = "def f(x):\n" + "".join(f"    x = [x, ({n} + x) * 2, {{'a': x}}]\n" for n in range(60))
    before = gc.get_threshold()

    def let_others_in(phase: str, info: object) -> None:
        time.sleep(0)

    gc.callbacks.append(let_others_in)
    gc.set_threshold(10)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda n: unreadable("agent.py", text), range(20)))
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(let_others_in)
    assert found == [None] * 20
