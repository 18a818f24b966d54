"""A corpus of a few thousand bytes, and launchers, for the tests of the trainer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import numpy as np
import pytest
from warm import Warm

from trainer.corpus import SPLITS, Corpus
from trainer.launch import Bare

WORDS = ("the", "cat", "sat", "on", "a", "mat", "and", "ate", "rice", "when", "rain", "came", "over", "hills")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Sentences of a few words, bytes as tokens."""
    folder = tmp_path_factory.mktemp("tiny")
    rng = np.random.default_rng(7)
    for split, words in zip(SPLITS, (4000, 800, 800), strict=True):
        text = " ".join(rng.choice(WORDS, words)).encode()
        (folder / f"{split}.bin").write_bytes(text)
    np.save(folder / "sizes.npy", np.ones(256, np.int64))
    digest = hashlib.sha256((folder / "train.bin").read_bytes()).hexdigest()
    about = {"digest": digest, "vocabulary": 256, "dtype": "uint8", "hidden": []}
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return Corpus.open(folder)


@pytest.fixture(scope="session")
def warm() -> Iterator[Bare]:
    """Starts programs in a tenth of a second."""
    pytest.importorskip("torch", reason="pip install -e '.[ml]'")
    with Warm.here() as launcher:
        yield launcher
