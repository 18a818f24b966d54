"""Text to tokens, split by file into what is trained on, what is scored, and what only the audit sees."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from trainer.errors import BadInput
from trainer.sources import Document, Source, open_source
from trainer.splits import SPLITS, Kept, divide, length
from trainer.tokens import BytePairs, Bytes, Tokens, pairs_wanted

__all__ = ["LEAST", "SPLITS", "Corpus", "CorpusSettings", "prepare"]

LEAST = 256 << 10
"""Bytes of text in the validation split, and in the audit split, at least: a thousand windows of 256 bytes."""

_FORMAT = 1
"""Of a prepared folder: a change prepares all texts again."""


@dataclass(frozen=True)
class CorpusSettings:
    """Which text, and what its tokens are.

    `source`: `stdlib` (this Python's own library), a folder, or one file. `glob`: the files of a folder; those that end
    in .parquet give a document for each row of `column`, any other is one document. Names with a leading dot are left
    out. `tokens`: `bytes`, or `bpe:N` for byte pairs, N tokens in all (257 to 65536).
    """

    source: str = "stdlib"
    glob: str = "**/*"
    column: str = "text"
    tokens: str = "bytes"


@dataclass(frozen=True)
class Corpus:
    """A prepared folder: `train.bin`, `validation.bin`, `audit.bin` (token numbers, `dtype`), `sizes.npy`,
    `about.json`; with byte pairs, `tokenizer.json`.

    `digest`: of the text, its split and its tokens. `vocabulary`: how many tokens there are. `hidden`: files
    and folders of this machine with text that is scored, or copies of it: no genome may see them.
    """

    folder: Path
    digest: str
    vocabulary: int
    dtype: str
    hidden: tuple[Path, ...] = ()

    @classmethod
    def open(cls, folder: Path) -> Corpus:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        hidden = tuple(Path(path) for path in about["hidden"])
        return cls(folder, about["digest"], about["vocabulary"], about["dtype"], hidden)

    @property
    def train(self) -> Path:
        return self.folder / "train.bin"

    def split(self, name: str) -> npt.NDArray[Any]:
        """Its tokens, memory-mapped."""
        return np.memmap(self.folder / f"{name}.bin", dtype=self.dtype, mode="r")

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """How many bytes of the text each token is, (vocabulary,): all 1 where bytes are the tokens."""
        sizes: npt.NDArray[np.int64] = np.load(self.folder / "sizes.npy", allow_pickle=False)
        return sizes

    @cached_property
    def said(self) -> str:
        """One line on what it is, for people."""
        about = json.loads((self.folder / "about.json").read_text(encoding="utf-8"))
        parts = [f"{about['bytes'][name] / 1e6:,.2f} MB in {about['documents'][name]:,} documents" for name in SPLITS]
        skipped = ", ".join(f"{count:,} {what}" for what, count in about["skipped"].items() if count)
        return (
            f"{about['source']}, {about['tokens']}: {parts[0]} to train on, {parts[1]} to validate, {parts[2]} for the "
            f"audit{f'; left out: {skipped}' if skipped else ''}"
        )


def prepare(settings: CorpusSettings, cache: Path, *, least: int = LEAST) -> Corpus:
    """The corpus of these settings: found in `cache` where nothing has changed since, else made there.

    `least`: bytes of text that a plan needs to be scored on. The text of a split is its documents in the order of their
    sha256, joined by a NUL byte. An exact duplicate is kept once. Raises BadInput.
    """
    vocabulary = pairs_wanted(settings.tokens)
    source = open_source(settings.source, settings.glob, settings.column)
    cache = cache.absolute()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"the folder {cache} for prepared text cannot be made: {error.strerror}") from None
    note = cache / f"{_question(settings, source, least)}.found"
    folder = _found(cache, note)
    if folder is None:
        with FileLock(cache / ".lock"):  # who comes second finds what the first has made
            folder = _found(cache, note) or _make(settings, source, vocabulary, cache, least)
            note.write_text(folder.name, encoding="utf-8")
    # What must be hidden is looked up each time: another Python may have been installed since.
    return replace(Corpus.open(folder), hidden=(*source.hidden, folder))


# -- found, or made --------------------------------------------------------------------------------


def _question(settings: CorpusSettings, source: Source, least: int) -> str:
    """What the answer depends on, without reading the text."""
    learner = metadata.version("tokenizers") if settings.tokens != "bytes" and _has("tokenizers") else ""
    asked = [_FORMAT, asdict(settings), source.name, source.state, least, learner]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]


def _has(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _found(cache: Path, note: Path) -> Path | None:
    try:
        folder = cache / note.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return folder if (folder / "about.json").is_file() and folder != cache else None


def _make(settings: CorpusSettings, source: Source, vocabulary: int, cache: Path, least: int) -> Path:
    for left in cache.glob(".making-*"):  # by one that was killed: we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".making-", ignore_cleanup_errors=True) as aside:
        work = Path(aside) / "corpus"
        work.mkdir(mode=0o700)
        with open(Path(aside) / "text", "w+b") as text:
            kept, skipped = _written(source.documents(), text)
            splits = divide(kept, least, source.name, source.advice)
            tokens: Tokens = Bytes()
            if vocabulary:
                tokens = BytePairs.learn(_texts(splits["train"], text), vocabulary)
            digests = [_tokenised(work / f"{name}.bin", tokens, _texts(splits[name], text)) for name in SPLITS]
        np.save(work / "sizes.npy", tokens.sizes)
        tokens.save(work)
        table = [tokens.decode([number]).hex() for number in range(len(tokens.sizes))]
        answer = [_FORMAT, tokens.dtype, table, *digests]
        digest = hashlib.sha256(json.dumps(answer).encode()).hexdigest()[:32]
        about = {
            "digest": digest,
            "vocabulary": len(tokens.sizes),
            "dtype": tokens.dtype,
            "hidden": [str(path) for path in (*source.hidden, cache / digest)],
            "source": source.name,
            "tokens": settings.tokens,
            "python": ".".join(map(str, sys.version_info[:3])),
            "documents": {name: len(splits[name]) for name in SPLITS},
            "bytes": {name: length(splits[name]) for name in SPLITS},
            "skipped": skipped,
        }
        (work / "about.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        return _put(work, cache / digest)


def _put(work: Path, folder: Path) -> Path:
    """Under its name, whole or not at all, and nothing to be written again."""
    for path in work.iterdir():
        # A trial may be another user: the training text is linked to where it can read it. The rest is the judge's.
        path.chmod(0o444 if path.name == "train.bin" else 0o400)
    try:
        work.rename(folder)
    except OSError:
        if not (folder / "about.json").is_file():
            raise
    return folder


# -- the text --------------------------------------------------------------------------------------


def _written(documents: Iterable[Document], text: BinaryIO) -> tuple[list[Kept], dict[str, int]]:
    """The documents, one after the other, in a file: they are read again in the order of their digests."""
    kept: dict[bytes, Kept] = {}
    skipped: Counter[str] = Counter({"duplicates": 0, "empty": 0, "nulls": 0})
    at = 0
    for document in documents:
        if not document.text:
            skipped["nulls" if document.text is None else "empty"] += 1
            continue
        digest = hashlib.sha256(document.text).digest()
        if digest in kept:
            skipped["duplicates"] += 1
            continue
        text.write(document.text)
        kept[digest] = Kept(digest, at, len(document.text), document.side)
        at += len(document.text)
    return sorted(kept.values(), key=lambda each: each.digest), dict(skipped)


def _texts(documents: Iterable[Kept], text: BinaryIO) -> Iterator[bytes]:
    """Parts that follow on each other to the text of a split."""
    for number, each in enumerate(documents):
        text.seek(each.at)
        document = text.read(each.size)
        yield b"\0" + document if number else document


def _tokenised(path: Path, tokens: Tokens, texts: Iterator[bytes]) -> str:
    """Writes them; returns their sha256."""
    digest = hashlib.sha256()
    with open(path, "xb") as stream:
        for part in tokens.encode(texts):
            digest.update(part.data)
            stream.write(part.data)
    return digest.hexdigest()
