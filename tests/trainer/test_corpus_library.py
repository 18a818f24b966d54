"""The standard library as text: what is scored is needed by no trial, and is nowhere to be seen."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer import library
from trainer.corpus import LEAST, Corpus, CorpusSettings, prepare
from trainer.errors import BadInput

HELD = {name for modules in library.HELD.values() for name in modules}

TRIAL = """
import sys, torch, torch._dynamo, torch._inductor.compile_fx, torch.utils.flop_counter, numpy
import torch._inductor.codegen.cpp, torch._inductor.cpp_builder, torch.nn.attention.flex_attention
import trainer.child
print(*{name.partition(".")[0] for name in sys.modules})
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return prepare(CorpusSettings(), tmp_path_factory.mktemp("cache"))


def test_all_of_it_is_split_with_enough_to_score(corpus: Corpus) -> None:
    assert corpus.dtype == "uint8"
    assert corpus.vocabulary == 256
    assert len(corpus.split("validation")) >= LEAST
    assert len(corpus.split("audit")) >= LEAST
    assert len(corpus.split("train")) > 5_000_000
    assert "the standard library" in corpus.said


@pytest.mark.parametrize("module", ["mailbox", "xmlrpc.client"])
def test_held_out_text_is_in_one_split(corpus: Corpus, module: str) -> None:
    text = (library.root() / (module.replace(".", "/") + ".py")).read_bytes()
    has = [name for name in ("train", "validation", "audit") if text in corpus.split(name).tobytes()]
    assert has == ["validation" if module == "mailbox" else "audit"]


def test_a_trial_imports_nothing_that_is_held_out() -> None:
    pytest.importorskip("torch", reason="pip install -e '.[ml]'")
    done = subprocess.run([sys.executable, "-c", TRIAL], capture_output=True, text=True, timeout=280, check=True)
    loaded = set(done.stdout.split())
    assert "torch" in loaded
    assert HELD & loaded == set()


def test_every_copy_is_hidden(corpus: Corpus) -> None:
    """Looked for with other means: by name, in all that a sandbox shows but installed packages."""
    hidden = set(corpus.hidden)
    assert corpus.folder in hidden
    found = []
    for place in library.places():
        for folder, folders, names in os.walk(place):
            folders[:] = [name for name in folders if not name.endswith("-packages")]
            found += [Path(folder, name) for name in names if name.startswith(("mailbox.", "_pyio.", "imaplib."))]
    found = [path for path in found if path.suffix in (".py", ".pyc")]
    assert len(found) >= 3
    assert [path for path in found if not hidden & {path, *path.parents}] == []


def test_what_is_hidden_is_not_what_trials_need(corpus: Corpus) -> None:
    needed = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")]
    needed += [library.root() / "os.py", Path(sys.executable).resolve()]
    assert [each for each in needed for path in corpus.hidden if each.is_relative_to(path)] == []


def test_libraries_of_other_pythons_are_found(tmp_path: Path) -> None:
    brought = tmp_path / "lib/some/program/python/lib/python3.14"
    for name in ("os.py", "mailbox.py", "xmlrpc/client.py", "__pycache__/mailbox.cpython-314.opt-1.pyc", "test/x.py"):
        (brought / name).parent.mkdir(parents=True, exist_ok=True)
        (brought / name).touch()
    packages = tmp_path / "lib/python3/dist-packages/thing"
    packages.mkdir(parents=True)
    (packages / "os.py").touch()
    (tmp_path / "lib/python39.zip").touch()
    (tmp_path / "current").symlink_to(tmp_path / "lib")
    found = library.libraries([tmp_path / "lib", tmp_path / "current"])
    assert found == [
        tmp_path / "lib/python39.zip",
        brought,
        *(tmp_path / "current" / p for p in _under(found, tmp_path)),
    ]
    copies = {str(path.relative_to(brought)) for path in library.copies([brought])}
    assert copies == {"mailbox.py", "xmlrpc", "__pycache__/mailbox.cpython-314.opt-1.pyc", "test"}


def _under(found: list[Path], tmp_path: Path) -> list[Path]:
    return [path.relative_to(tmp_path / "current") for path in found if path.is_relative_to(tmp_path / "current")]


def test_another_python_is_hidden_even_where_the_text_was_prepared_before(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "os.py").touch()
    (tmp_path / "mailbox.py").touch()
    monkeypatch.setattr(library, "places", lambda: [tmp_path])
    later = prepare(CorpusSettings(), corpus.folder.parent)
    assert later.digest == corpus.digest
    assert tmp_path / "mailbox.py" in later.hidden


def test_a_library_without_its_sources_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/mailbox.py").write_bytes((library.root() / "mailbox.py").read_bytes())
    (tmp_path / "lib/argparse.py").write_bytes((library.root() / "argparse.py").read_bytes())
    monkeypatch.setattr(library, "root", lambda: tmp_path / "lib")
    monkeypatch.setattr(library, "places", lambda: [tmp_path])
    with pytest.raises(BadInput, match=r"0 bytes for audit; 20,000 are needed: give a folder of more .* install them"):
        prepare(CorpusSettings(), tmp_path / "cache", least=20_000)


def test_installed_packages_hold_no_copy() -> None:
    """Of those that have a held-out module's name, and of a sample of the rest."""
    lines = {}
    for path in library.files(library.root()):
        if library.side(path, library.root()) != "train":
            lines.update(dict.fromkeys(_long(path), path))
    assert len(lines) > 3000
    packages = [Path(sysconfig.get_path("purelib")), library.root() / "ensurepip", library.root() / "distutils"]
    files = [path for place in packages for path in place.rglob("*.py")]
    files.sort(key=lambda path: (path.stem not in HELD, hashlib.sha256(str(path).encode()).digest()))
    shared = {path: len(lines.keys() & set(_long(path))) for path in files[:4000]}
    # A licence has up to 18 such lines, and click says that it took one function from optparse.
    assert {path: count for path, count in shared.items() if count > 25} == {}


def _long(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    return (line.strip() for line in text.splitlines() if len(line.strip()) >= 50)
