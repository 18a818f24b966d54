"""What lies in a folder that a hostile program has left, and what is kept of its output."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.workers.sandbox.folder import fill, survey
from evolve.workers.sandbox.watch import Output

NAMES = st.sampled_from(["a", "b", "c.txt", ".d"])
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), max_size=12)


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield root
    finally:
        os.close(root)


def surveyed(folder: Path, most: int = 100, skip: str = "") -> dict[str, bool]:
    with opened(folder) as root:
        return survey(root, lambda path: path == skip, most)


@given(paths=PATHS)
def test_what_was_laid_is_found(tmp_path_factory: pytest.TempPathFactory, paths: list[str]) -> None:
    folder = tmp_path_factory.mktemp("laid")
    files = {path: b"x" for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    with opened(folder) as root:
        fill(root, files, None)
    assert surveyed(folder) == dict.fromkeys(files, True)
    assert set(surveyed(folder, skip="a")) == {path for path in files if not path.startswith("a/")}


def test_links_are_no_files_and_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("x")
    (tmp_path / "to folder").symlink_to("/")
    (tmp_path / "to file").symlink_to("/etc/passwd")
    (tmp_path / "to itself").symlink_to("to itself")
    os.mkfifo(tmp_path / "pipe")
    assert surveyed(tmp_path) == {
        "real/file": True,
        "to folder": False,
        "to file": False,
        "to itself": False,
        "pipe": False,
    }


def test_too_many_and_too_deep_are_refused(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / str(number)).touch()
    assert len(surveyed(tmp_path, most=6)) == 6
    with pytest.raises(ValueError, match="more than 5 files"):
        surveyed(tmp_path, most=5)
    (tmp_path / "/".join(["d"] * 80)).mkdir(parents=True)
    with pytest.raises(ValueError, match="64 deep"):
        surveyed(tmp_path)


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(0, 50), st.integers(0, 50))
def test_beginning_and_end_of_an_output_are_kept(pieces: list[bytes], most: int, tail: int) -> None:
    reading, writing = os.pipe()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        output = Output(reading, most, nowhere, tail)
        for piece in pieces:
            os.write(writing, piece)
            output.take()
        kept, whole = output.finish(), b"".join(pieces)
        assert kept[:most] == whole[:most]
        if not tail:
            assert kept == whole[:most]
        elif len(whole) <= most + tail:
            assert kept == whole
        else:
            assert kept == whole[:most] + b"\n[...]\n" + whole[-tail:]
    finally:
        for file in (reading, writing, nowhere):
            os.close(file)
