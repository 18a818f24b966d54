"""Genomes for the tests of a trial: a plain one, and what is changed in it."""

from __future__ import annotations

__all__ = ["PLAIN", "changed", "with_train"]

PLAIN = """
import torch
from torch import nn
from torch.nn import functional as F

DEPTH = 1
WIDTH = 32
ROWS = 16
STEPS = 200


class Model(nn.Module):
    def __init__(self, facts):
        super().__init__()
        self.embed = nn.Embedding(facts.vocabulary, WIDTH)
        self.places = nn.Embedding(facts.context, WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, facts.vocabulary)

    def forward(self, tokens):
        x = self.embed(tokens) + self.places.weight[: tokens.shape[1]]
        x = x + self.mix(x)
        x = x + self.down(F.relu(self.up(x)))
        return self.answer(self.head(x), tokens)

    def mix(self, x):
        q, k, v = self.qkv(x)[:, None].chunk(3, -1)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)[:, 0]

    def answer(self, logits, tokens):
        return logits


def train(session):
    model = Model(session.facts).to(session.device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    session.start(model)
    for step, (x, y) in enumerate(session.batches(ROWS, session.facts.context)):
        if step == STEPS:
            break
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        session.log(loss)
"""


def changed(*pairs: str) -> dict[str, str]:
    """The plain genome with texts replaced: what, by what, and so on. Each must be there once."""
    text = PLAIN
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        if text.count(old) != 1:
            raise ValueError(f"{old!r} is there {text.count(old)} times")
        text = text.replace(old, new)
    return {"train.py": text}


def with_train(body: str) -> dict[str, str]:
    """The plain genome's model, trained by other means: the body of train(session), where `model` is made."""
    head, _, rest = PLAIN.partition("def train(session):\n")
    first = rest.splitlines()[0]
    lines = [first, *("    " + line if line else "" for line in body.strip("\n").splitlines())]
    return {"train.py": head + "def train(session):\n" + "\n".join(lines) + "\n"}
