"""Seeds out of folders, with every refusal, and who ruled before whom."""

from __future__ import annotations

import os
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import populations.finance
from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.population import Lineage, Population, read_seeds


def fill(folder: Path, files: dict[str, str | bytes]) -> str:
    for name, said in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(said.encode() if isinstance(said, str) else said)
    return str(folder)


# -- reading seeds -----------------------------------------------------------------------------


def test_a_file_is_a_lineage_of_one_file(tmp_path: Path) -> None:
    place = fill(tmp_path, {"Zoe-2.md": "# Zoe\r\n", "b.x.txt": "Ünï", "plain": ""})
    seeds = read_seeds(place)
    assert {name: dict(genome) for name, genome in seeds.items()} == {
        "zoe-2": {"agent.md": "# Zoe\n"},
        "b.x": {"agent.txt": "Ünï"},
        "plain": {"agent": ""},
    }


def test_a_folder_is_a_lineage_of_several(tmp_path: Path) -> None:
    files = {"Bot/main.py": "pass\n", "Bot/lib/__init__.py": "", "Bot/lib/_a.py": "1\n", "lone.md": "x"}
    seeds = read_seeds(fill(tmp_path, dict(files)))
    assert list(seeds) == ["bot", "lone"]
    assert dict(seeds["bot"]) == {"main.py": "pass\n", "lib/__init__.py": "", "lib/_a.py": "1\n"}


def test_what_is_hidden_is_passed_over_and_code_only_in_a_package(tmp_path: Path) -> None:
    binary = b"\xff\xfe"
    files = {
        ".hidden": binary,
        "_notes.md": binary,
        ".git/HEAD": binary,
        "__pycache__/a.pyc": binary,
        "run.py": "1\n",
        "README.md": "how to",
    }
    assert dict(read_seeds(fill(tmp_path, dict(files)))) == {"run": Genome({"agent.py": "1\n"})}


def test_a_package_s_seeds_are_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = read_seeds("pkg://populations.finance")
    folder = Path(populations.finance.__file__).parent
    assert {n: g["agent.md"] for n, g in seeds.items()} == {f.stem: f.read_text("utf-8") for f in folder.glob("*.md")}
    assert len(seeds) == 25
    fill(
        tmp_path,
        {"populations/__init__.py": "", "populations/finance/__init__.py": "", "populations/finance/x.md": "x"},
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "populations")
    monkeypatch.delitem(sys.modules, "populations.finance")
    assert read_seeds("pkg://populations.finance") == seeds, "a folder of that name in the launch directory won"


def test_a_package_of_somebody_else_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = {"__init__.py": "", "a.py": "", "one.md": "1"}
    fill(tmp_path, {"their_agents/__init__.py": "", **{f"their_agents/seeds/{n}": said for n, said in seeds.items()}})
    monkeypatch.syspath_prepend(tmp_path)
    assert dict(read_seeds("pkg://their_agents.seeds")) == {"one": Genome({"agent.md": "1"})}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, r"population\.path=.*: the folder is empty\. Put one text file an agent into it"),
        ({".hidden": "x", "_draft.md": "x"}, r"the folder is empty\. Put one text file an agent into it"),
        ({"my agent.md": "x"}, r"my agent\.md: the name 'my agent' cannot be a lineage's\. Rename it to letters"),
        ({"ünï.md": "x"}, r"the name 'ünï' cannot be a lineage's"),
        ({"-a.md": "x"}, r"the name '-a' cannot be a lineage's"),
        ({"a..b.md": "x"}, r"the name 'a\.\.b' cannot be a lineage's"),
        ({"a.lock.md": "x"}, r"the name 'a\.lock' cannot be a lineage's"),
        ({"a.lock/f": "x"}, r"the name 'a\.lock' cannot be a lineage's"),
        ({"a./f": "x"}, r"the name 'a\.' cannot be a lineage's"),
        ({"a@{1}.md": "x"}, r"the name 'a@\{1\}' cannot be a lineage's"),
        ({"a.md": "x", "a.txt": "y"}, r"a\.txt: there are two agents named 'a' in .*\. Rename one of them"),
        ({"a.md": "x", "A/f.md": "y"}, r"there are two agents named 'a'"),
        ({"a.md": b"ok \xff\xfe"}, r"a\.md: byte 3 is not UTF-8\. An agent is text; save it as UTF-8"),
        ({"a/in/b.bin": b"\x80"}, r"b\.bin: byte 0 is not UTF-8"),
        ({"a/back\\slash": "x"}, r"'back\\\\slash' cannot be a file of a genome"),
        ({"a/.git/config": "x"}, r"the folder is empty\. An agent needs at least one text file"),
    ],
)
def test_what_is_no_population_is_refused(tmp_path: Path, files: dict[str, str | bytes], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_seeds(fill(tmp_path, files))


def test_an_agent_without_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a" / "inner").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"a: the folder is empty\. An agent needs at least one text file"):
        read_seeds(str(tmp_path))


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_a_place_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        UsageError, match=rf"population\.path=.*{name}: there is no such folder\. It must hold one file"
    ):
        read_seeds(str(tmp_path / name))


@pytest.mark.parametrize(
    ("package", "there"),
    [
        ("nowhere", ""),
        ("populations.nowhere", "; populations has chess, finance, ml, rendering"),
        ("populations.chess.go", "; populations.chess has python, rust"),
        ("no-name", ""),
        ("a/b", ""),
    ],
)
def test_a_package_that_is_not_there_is_refused(package: str, there: str) -> None:
    with pytest.raises(
        UsageError, match=rf"population\.path=pkg://{package}: there is no such package{there}\. Name a folder"
    ):
        read_seeds(f"pkg://{package}")


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path, **_: object) -> str:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(UsageError, match=r"a\.md: cannot be read \(Permission denied\)\. Mend its permissions"):
        read_seeds(fill(tmp_path, {"a.md": "x"}))


# -- the population ------------------------------------------------------------------------------

GENOMES = [Genome({"agent.txt": str(number)}) for number in range(5)]


def population(**reigns: list[int]) -> Population:
    return Population(
        {
            name: Lineage(name, GENOMES[numbers[0]], tuple((GENOMES[n], f"{name}{i}") for i, n in enumerate(numbers)))
            for name, numbers in reigns.items()
        }
    )


def test_it_is_told_in_alphabetical_order() -> None:
    three = population(c=[0], a=[1], b=[2, 3])
    assert list(three) == ["a", "b", "c"]
    assert len(three) == 3
    assert three.champions() == {"a": GENOMES[1], "b": GENOMES[3], "c": GENOMES[0]}
    assert three.tips() == {"a": "a0", "b": "b1", "c": "c0"}
    assert three.team("b") == {"a": GENOMES[1], "c": GENOMES[0]}


def test_a_crown_is_one_lineage_s_and_its_past_stays() -> None:
    two = population(a=[0], b=[1])
    before = two["a"]
    two.crown("a", GENOMES[2], "new")
    assert (two["a"].champion, two["a"].tip, two["a"].seed) == (GENOMES[2], "new", GENOMES[0])
    assert two["a"].reigns == (*before.reigns, (GENOMES[2], "new"))
    assert two["b"] == population(b=[1])["b"]
    assert before.champion == GENOMES[0], "who looked before sees what was then"
    with pytest.raises(FrozenInstanceError):
        before.seed = GENOMES[1]  # type: ignore[misc]
    with pytest.raises(KeyError):
        two.crown("nobody", GENOMES[2], "new")


@pytest.mark.parametrize(
    ("reigns", "before"),
    [
        ([0], None),
        ([0, 1], 0),
        ([0, 1, 2], 1),
        ([0, 1, 2, 1], 0),  # dethroned once: before the 1 was the 0
        ([0, 1, 2, 1, 0], None),  # down to the seed: nobody is left
        ([0, 1, 2, 1, 3], 1),
        ([0, 1, 0, 2], 0),
    ],
)
def test_before_is_who_ruled_before_this_one_first_did(reigns: list[int], before: int | None) -> None:
    assert population(a=reigns).before("a") == (None if before is None else GENOMES[before])


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_dethroning_again_and_again_ends_at_the_seed(reigns: list[int]) -> None:
    """However often a genome came back: each step is one never seen on the way down, so there is an end."""
    one, seen = population(a=reigns), set()
    while (older := one.before("a")) is not None:
        seen.add(one["a"].champion)
        assert older not in seen
        one.crown("a", older, "restored")
    assert one["a"].champion == one["a"].seed
