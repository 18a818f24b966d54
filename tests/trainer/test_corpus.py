"""Preparing a corpus: folders and parquet to tokens, remembered while nothing changes, refused where it can't be."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainer import sources
from trainer.corpus import SPLITS, Corpus, CorpusSettings, prepare
from trainer.errors import BadInput
from trainer.tokens import BytePairs

LEAST = 3000
WORDS = [
    "the",
    "of",
    "and",
    "naïve",
    "cache",
    "tensor",
    "日本",
    "loss",
    "=",
    "(",
    ")",
    "\t",
    "clock",
    "café",
    "weights",
]


def text(number: int) -> str:
    chosen = random.Random(number).choices(WORDS, k=150)
    return f"# file {number}\n" + " ".join(chosen) + "\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    for number in range(60):
        file = folder / f"{number % 3}" / f"{number}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text(number).encode())
    (folder / "again.txt").write_bytes(text(7).encode())
    (folder / "0" / "empty.txt").touch()
    (folder / ".git").mkdir()
    (folder / ".git" / "index").write_bytes(b"\xff\xfe")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def made(folder: Path, cache: Path, tokens: str = "bytes") -> Corpus:
    if tokens != "bytes":
        pytest.importorskip("tokenizers", reason="pip install -e '.[ml]'")
    return prepare(CorpusSettings(str(folder), tokens=tokens), cache, least=LEAST)


def about(corpus: Corpus) -> Any:
    return json.loads((corpus.folder / "about.json").read_text())


# -- the text ----------------------------------------------------------------------------------------


def test_the_text_of_a_split_is_its_files_joined_by_nul(folder: Path, cache: Path) -> None:
    corpus = made(folder, cache)
    parts = [corpus.split(name).tobytes().split(b"\0") for name in SPLITS]
    assert all(len(b"\0".join(part)) >= LEAST for part in parts)
    assert sorted(part for each in parts for part in each) == sorted(text(number).encode() for number in range(60))
    for part in parts:
        digests = [hashlib.sha256(each).digest() for each in part]
        assert digests == sorted(digests)
    assert about(corpus)["skipped"] == {"duplicates": 1, "empty": 1, "nulls": 0}
    assert about(corpus)["bytes"] == {name: len(corpus.split(name)) for name in SPLITS}
    assert "1 duplicates, 1 empty" in corpus.said


@pytest.mark.parametrize("tokens", ["bpe:257", "bpe:330"])
def test_byte_pairs_are_the_same_text_in_the_same_split(folder: Path, cache: Path, tokens: str) -> None:
    plain, pairs = made(folder, cache), made(folder, cache, tokens)
    assert (pairs.dtype, pairs.vocabulary) == ("uint16", int(tokens[4:]))
    assert pairs.digest != plain.digest
    from tokenizers import Tokenizer

    saved = Tokenizer.from_file(str(pairs.folder / "tokenizer.json"))
    for name in SPLITS:
        assert pairs.sizes[pairs.split(name)].sum() == len(plain.split(name))
        again = saved.encode_batch([each.decode() for each in plain.split(name).tobytes().split(b"\0")])
        there = "".join(saved.id_to_token(number) for number in pairs.split(name))
        assert there == "Ā".join("".join(each.tokens) for each in again)  # a NUL's letter


def test_pairs_are_learnt_from_the_training_text_alone(folder: Path, cache: Path) -> None:
    plain, pairs = made(folder, cache), made(folder, cache, "bpe:330")

    def learnt(*names: str) -> list[int]:
        texts = [part for name in names for part in plain.split(name).tobytes().split(b"\0")]
        return BytePairs.learn([texts[0], *(b"\0" + each for each in texts[1:])], 330).sizes.tolist()

    assert pairs.sizes.tolist() == learnt("train")
    assert pairs.sizes.tolist() != learnt(*SPLITS)


def test_parquet_gives_the_same_corpus_as_files(folder: Path, cache: Path, tmp_path: Path) -> None:
    rows = [*(text(number) for number in range(60)), None, text(7), "", None]
    for name, part in (("a/1.parquet", rows[:40]), ("b/2.parquet", rows[40:])):
        (tmp_path / "rows" / name).parent.mkdir(parents=True)
        table = pa.table({"id": range(len(part)), "body": pa.array(part, pa.string()).dictionary_encode()})
        pq.write_table(table, tmp_path / "rows" / name, row_group_size=16)
    corpus = prepare(CorpusSettings(str(tmp_path / "rows"), column="body"), cache, least=LEAST)
    assert corpus.digest == made(folder, cache).digest
    assert corpus.hidden[0] == tmp_path / "rows"


def test_nulls_are_counted(tmp_path: Path) -> None:
    table = pa.table({"text": [text(number) if number % 4 else None for number in range(80)]})
    pq.write_table(table, tmp_path / "rows.parquet")
    corpus = prepare(CorpusSettings(str(tmp_path / "rows.parquet")), tmp_path / "cache", least=LEAST)
    assert about(corpus)["skipped"]["nulls"] == 20
    assert "left out: 20 nulls" in corpus.said


def test_glob_chooses_files(folder: Path, tmp_path: Path) -> None:
    corpus = prepare(CorpusSettings(str(folder), glob="[12]/*.txt"), tmp_path / "cache", least=LEAST)
    assert sum(about(corpus)["documents"].values()) == 40


# -- the number --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", ["bytes", "bpe:330"])
@pytest.mark.parametrize(("kind", "near"), [("float64", 1e-9), ("float32", 1e-6)])
def test_bits_per_byte_of_a_known_model(folder: Path, cache: Path, tokens: str, kind: str, near: float) -> None:
    pytest.importorskip("torch", reason="pip install -e '.[ml]'")
    from trainer.scoring import bits_per_byte, log_probabilities, windows

    corpus = made(folder, cache, tokens)
    counts = np.bincount(corpus.split("train"), minlength=corpus.vocabulary) + 0.5
    logits = (np.log(counts) + 3.0).astype(kind)
    scored = corpus.split("validation")

    context = 32
    parts = windows(scored, context)
    found = log_probabilities(np.tile(logits, (*parts.targets.shape, 1)), parts.targets)
    through = bits_per_byte(found, corpus.sizes[parts.targets])

    assert through == pytest.approx(_by_definition(corpus, logits, scored, context), rel=near, abs=0)


def _by_definition(corpus: Corpus, logits: npt.NDArray[Any], scored: npt.NDArray[Any], context: int) -> float:
    """Bits of all tokens but the first, over the bytes of the text that they are, told by the tokens themselves."""
    whole = math.fsum(math.exp(float(x)) for x in logits)
    predicted = scored[1 : 1 + (len(scored) - 1) // context * context].tolist()
    bits = math.fsum(math.log2(whole) - float(logits[token]) / math.log(2) for token in predicted)
    if corpus.dtype == "uint8":
        return bits / len(predicted)
    from tokenizers import Tokenizer, decoders

    saved = Tokenizer.from_file(str(corpus.folder / "tokenizer.json"))
    saved.decoder = decoders.ByteLevel()
    ends = [0, 1, 1 + len(predicted)]
    decoded = [saved.decode(scored[a:b].tolist(), skip_special_tokens=False) for a, b in itertools.pairwise(ends)]
    assert "\ufffd" not in "".join(decoded)
    return bits / len(decoded[1].encode())


# -- the prepared folder -----------------------------------------------------------------------------


def test_what_is_prepared_is_for_reading(folder: Path, cache: Path, tmp_path: Path) -> None:
    corpus = made(folder, cache)
    assert corpus.folder.name == corpus.digest
    modes = {path.name: path.stat().st_mode & 0o777 for path in corpus.folder.iterdir()}
    assert modes.pop("train.bin") == 0o444
    assert set(modes.values()) == {0o400}
    assert set(modes) == {"validation.bin", "audit.bin", "sizes.npy", "about.json"}
    assert corpus.folder.stat().st_mode & 0o777 == 0o700
    os.link(corpus.train, tmp_path / "train.bin")
    assert (tmp_path / "train.bin").stat().st_ino == corpus.train.stat().st_ino
    assert {folder, corpus.folder} <= set(corpus.hidden)
    assert Corpus.open(corpus.folder) == corpus


def test_nothing_is_read_again_while_no_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        (tmp_path / f"{number}.txt").write_text(text(number))
    cache = tmp_path.with_name("cache")
    first = made(tmp_path, cache)
    with monkeypatch.context() as patch:
        patch.setattr(sources, "_text", lambda file, base: pytest.fail(f"{file} was read"))
        assert made(tmp_path, cache) == first
    status = (tmp_path / "5.txt").stat()
    (tmp_path / "5.txt").write_text(text(5).replace("file", "life"))
    os.utime(tmp_path / "5.txt", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    second = made(tmp_path, cache)
    assert second.digest != first.digest
    (tmp_path / "5.txt").write_text(text(5))
    (tmp_path / "5.txt").rename(tmp_path / "other.txt")
    assert made(tmp_path, cache).digest == first.digest
    assert first.train.exists()


def test_a_folder_that_was_thrown_away_is_made_again(folder: Path, tmp_path: Path) -> None:
    first = made(folder, tmp_path)
    shutil.rmtree(first.folder)
    (tmp_path / ".making-killed").mkdir()
    assert made(folder, tmp_path) == first
    assert first.train.exists()
    assert not (tmp_path / ".making-killed").exists()


def test_processes_that_start_together_share_one(folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from trainer.corpus import CorpusSettings, prepare;"
        f"print(prepare(CorpusSettings(sys.argv[1]), Path(sys.argv[2]), least={LEAST}).digest)"
    )
    argv = [sys.executable, "-c", program, str(folder), str(tmp_path)]
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [each.communicate(timeout=120)[0].strip() for each in running]
    assert [each.returncode for each in running] == [0, 0, 0]
    assert len(set(said)) == 1
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [said[0]]


# -- what a person can mend --------------------------------------------------------------------------


def refused(folder: Path, said: str, **settings: str) -> None:
    cache = folder.with_name(f"{folder.name}-cache")
    with pytest.raises(BadInput, match=said) as caught:
        prepare(CorpusSettings(str(folder), **settings), cache, least=LEAST)
    assert "\n" not in str(caught.value)
    left = [path.name for path in cache.iterdir() if path.name != ".lock"] if cache.exists() else []
    assert left == []


def test_no_such_folder(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere' isn't there: give stdlib, a folder of text files, or a .parquet file")


@pytest.mark.parametrize("glob", ["**/*.rst", "*", ".*"])
def test_no_file_matches(tmp_path: Path, glob: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").touch()
    refused(tmp_path, r"has no file that matches glob='.*': give a pattern such as \*\*/\*", glob=glob)


@pytest.mark.parametrize("glob", ["", "/etc/*"])
def test_a_glob_that_is_none(tmp_path: Path, glob: str) -> None:
    refused(tmp_path, "is no pattern of files in a folder", glob=glob)


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(text(1))
    (tmp_path / "b.txt").write_bytes("caf\u00e9".encode("latin-1"))
    refused(tmp_path, r"b\.txt is not UTF-8 \(byte 3 is 0xe9\): leave such files out by glob .* or convert it")


def test_a_picture_among_texts(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(text(1))
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    refused(tmp_path, r"b\.png is not UTF-8 \(byte 0 is 0x89\): leave .* \(e\.g\. glob='\*\*/\*\.md'\)")


def test_a_tiny_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 100)
    refused(tmp_path, r"has 100 bytes of text; 12,000 are needed")


def test_only_empty_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    refused(tmp_path, r"has 0 bytes of text; 12,000 are needed")


def test_one_large_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 50_000)
    refused(tmp_path, r"1 documents of up to 50,000 bytes.*split -C")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to("/proc/self/mem")
    refused(tmp_path, r"a\.txt cannot be read: Input/output error")


def test_no_such_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1], "body": ["a"]}), tmp_path / "x.parquet")
    refused(tmp_path, r"x\.parquet has no column 'text': give one of id, body as column")


def test_a_column_of_numbers(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "x.parquet")
    refused(tmp_path, r"column 'text' of .* holds int64: text must be of type string")


@pytest.mark.parametrize("data", [b"", b"PAR1 not really", b"x" * 1000])
def test_no_parquet(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(data)
    refused(tmp_path, r"x\.parquet cannot be read as parquet")


def test_a_torn_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [text(n) for n in range(300)]}), tmp_path / "x.parquet", compression="zstd")
    data = bytearray((tmp_path / "x.parquet").read_bytes())
    data[100:3000] = bytes(2900)
    (tmp_path / "x.parquet").write_bytes(data)
    refused(tmp_path, r"x\.parquet cannot be read as parquet")


def test_a_row_that_is_not_utf8(tmp_path: Path) -> None:
    column = pa.array([b"good", b"b\xff"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": column}), tmp_path / "x.parquet")
    refused(tmp_path, r"row 1 of .*x\.parquet is not UTF-8 \(byte 1 is 0xff\)")


def test_pyarrow_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(tmp_path, r"pyarrow, which is not installed: pip install -e '\.\[ml\]'")


def test_a_cache_that_is_a_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(BadInput, match=r"cache for prepared text cannot be made: File exists"):
        prepare(CorpusSettings(str(folder)), tmp_path / "cache", least=LEAST)


def test_unknown_tokens_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "tokens='words' is not known", tokens="words")


@pytest.mark.parametrize("source", ["/", "/usr", "/usr/lib", os.path.dirname(os.__file__), sys.prefix])
def test_what_trials_run_on_is_no_source(source: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="can't be hidden from trials, for they need"):
        prepare(CorpusSettings(source), tmp_path)
