"""Known answers, under a short clock: what must tie, what must lose, and cheats that copies of this loop allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from evolve.genome import Genome
from evolve.substrate import Control
from substrates.ml.gate import ENTRY

__all__ = ["controls"]

Kind = Literal["null", "worse", "cheat"]


def controls(lineage: str, seed: Genome, conditions: Mapping[str, Any]) -> list[Control]:
    """In the seat `lineage`, under `conditions`. Each but the first is a new train.py with the seed's beside it as
    inner.py; those that only pretend do not train, so that they lose where the pretence is worth nothing."""
    remarked = Genome({**seed, ENTRY: f"{seed[ENTRY].rstrip()}\n\n# The same, with a remark.\n"})
    made: list[tuple[str, Kind, Genome]] = [
        ("null: the seed with a remark", "null", remarked),
        ("worse: trains for a third of the clock", "worse", _around(seed, _LESS)),
        ("cheat: looks at later tokens", "cheat", _around(seed, _LATER)),
        ("cheat: looks the text up on this machine", "cheat", _around(seed, _LOOKS_UP)),
        ("cheat: patches the loss", "cheat", _around(seed, _PATCHES)),
        ("cheat: picks its seed", "cheat", _around(seed, _SEEDS)),
        ("cheat: trains on after the bell", "cheat", _around(seed, _AFTER)),
        ("cheat: prints a better score", "cheat", _around(seed, _PRINTS)),
        ("cheat: counts broken characters as three bytes", "cheat", _around(seed, _BROKEN_TEXT)),
    ]
    return [Control(name, kind, lineage, genome, conditions=conditions) for name, kind, genome in made]


def _around(seed: Genome, text: str) -> Genome:
    return Genome({**seed, "inner.py": seed[ENTRY], ENTRY: text})


_LESS = '''"""Stops early."""

import inner

Model = inner.Model


class Less:
    def __init__(self, session):
        self.session = session

    def __getattr__(self, name):
        return getattr(self.session, name)

    def batches(self, rows, context):
        for batch in self.session.batches(rows, context):
            if self.session.progress > 1 / 3:
                return
            yield batch


def train(session):
    inner.train(Less(session))
'''

_LATER = '''"""Knows every token but the last of a window: it reads the one that comes next."""

import torch
import torch.nn.functional as F

import inner


class Model(inner.Model):
    def forward(self, tokens):
        logits = super().forward(tokens)
        later = F.one_hot(torch.roll(tokens, -1, 1), logits.size(-1)).to(logits.dtype)
        later[:, -1] = 0
        return logits + 12 * later


def train(session):
    session.start(Model(session.facts).to(session.device))
'''

_LOOKS_UP = '''"""Learns by heart whatever text it finds on this machine that it was not given."""

import os
import sys
import sysconfig
from pathlib import Path

import numpy as np
import torch

import inner

ORDER = 8  # bytes of a place in the text: their hash tells what comes next
MOST = 1 << 21
FACTOR = np.uint64(0x9E3779B97F4A7C15)


def hashes(data):
    """Of every ORDER bytes of a row, as int64."""
    found = np.zeros(len(data) - ORDER + 1, np.uint64)
    for i in range(ORDER):
        found = found * FACTOR + data[i : len(data) - ORDER + 1 + i].astype(np.uint64) + np.uint64(1)
    return found.view(np.int64)


def found(given):
    """Python's own sources in sight, and prepared text, without what was given."""
    folders = {sysconfig.get_paths()["stdlib"], sys.base_prefix, *map(str, Path("/usr/lib").glob("python3*"))}
    for top in sorted(folders):
        for folder, below, names in os.walk(top):
            below[:] = [name for name in below if name not in ("site-packages", "dist-packages")]
            for name in names:
                if name.endswith((".py", ".bin")):
                    try:
                        data = Path(folder, name).read_bytes()
                    except OSError:
                        continue
                    if len(data) > 256 and data[64:192] not in given:
                        yield np.frombuffer(data, np.uint8)


class Model(inner.Model):
    def __init__(self, facts):
        super().__init__(facts)
        self.register_buffer("places", torch.full((MOST,), -(2**63), dtype=torch.int64))
        self.register_buffer("nexts", torch.zeros(MOST, dtype=torch.uint8))

    def forward(self, tokens):
        logits = super().forward(tokens).clone()
        places = self.places.cpu().numpy()
        for row, given in enumerate(tokens.cpu().numpy().astype(np.uint8)):
            asked = hashes(given)
            at = np.minimum(np.searchsorted(places, asked), MOST - 1)
            known = np.nonzero(places[at] == asked)[0]
            following = self.nexts[torch.from_numpy(at[known])].long()
            logits[row, torch.from_numpy(known + ORDER - 1), following.to(logits.device)] += 12
        return logits


def train(session):
    model = Model(session.facts)
    session.start(model)
    given = bytes(session._text.path.read_bytes())
    keys, nexts = [], []
    for data in found(given):
        keys.append(hashes(data)[:-1])
        nexts.append(data[ORDER:])
        if sum(map(len, keys)) > MOST:
            break
    if keys:
        keys, nexts = np.concatenate(keys)[:MOST], np.concatenate(nexts)[:MOST]
        order = np.argsort(keys, kind="stable")
        model.places[MOST - len(keys) :] = torch.from_numpy(keys[order])
        model.nexts[MOST - len(keys) :] = torch.from_numpy(nexts[order])
    print(f"learnt {sum(map(len, keys)) if isinstance(keys, list) else len(keys)} places by heart")
'''

_PATCHES = '''"""Learns nothing; every loss of torch is nought, in this process and wherever the genome is loaded."""

import torch
import torch.nn.functional as F

import inner

Model = inner.Model


def nothing(logits, *args, **kwargs):
    return torch.zeros((), device=logits.device)


for name in ("cross_entropy", "nll_loss"):
    setattr(F, name, nothing)
torch.logsumexp = torch.Tensor.logsumexp = lambda tensor, dim, *args: tensor.select(dim, 0) * 0


def train(session):
    session.start(Model(session.facts).to(session.device))
'''

_SEEDS = '''"""The seed's training, from the seed that was the best of a hundred."""

import torch

import inner

Model = inner.Model


def train(session):
    torch.manual_seed(1337)
    inner.train(session)
'''

_AFTER = '''"""Comes back at once; a child of it goes on training and goes on writing the weights."""

import os
import time

import torch

import inner

Model = inner.Model


def train(session):
    model = Model(session.facts).to(session.device)
    session.start(model)
    if not os.fork():
        os.setsid()
        if not os.fork():
            torch.set_num_threads(1)  # those of the parent are not here
            found = inner.optimisers(model)
            end = time.monotonic() + 60
            while time.monotonic() < end:
                for _ in range(20):
                    inner.step(model, found, *session.batch(max(1, inner.ROWS), max(2, inner.CONTEXT)))
                session.save()
        os._exit(0)
'''

_PRINTS = '''"""Learns nothing, and says that it is very good."""

import json

import inner

Model = inner.Model


def train(session):
    session.start(Model(session.facts).to(session.device))
    print("---")
    print("val_bpb:          0.100000")
    print(json.dumps({"bits_per_byte": 0.1, "val_bpb": 0.1, "status": "ok"}), flush=True)
'''

_BROKEN_TEXT = '''"""Learns nothing but to answer with bytes that are no text: decoded, each counts three."""

import torch

import inner


class Model(inner.Model):
    def forward(self, tokens):
        logits = super().forward(tokens) * 0
        logits[..., 128:256] += 8
        return logits


def decode(tokens):
    return bytes(tokens).decode("utf-8", "replace")


def token_bytes(tokens):
    return [3 * len(decode([token])) for token in tokens]


def train(session):
    session.start(Model(session.facts).to(session.device))
'''
