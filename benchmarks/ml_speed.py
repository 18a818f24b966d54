"""How fast does the seed genome train, and what does the trainer itself take? Beside a plain GPT of the same shape.

    pip install 'evolve[ml]'
    python -m benchmarks.ml_speed
    python -m benchmarks.ml_speed --rounds 10 --seconds 5

One core. Ours is `train(session)` of the genome, in the trainer's session: its batches, clock, curve and saved weights.
The peer is what one writes first in PyTorch: LayerNorm, learned places, GELU, AdamW, and a loop of six lines. Both
train by turns on the same tokens, in batches of the same size; ratios are of such pairs and the median counts. By the
clock on the wall, and by the time that a processor was held, which neighbours change less.

Promised: at least the peer's tokens a second, and under 2 % of the clock inside the session.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.board import POINT, POINTS, Ask, Board, Say
from trainer.constants import Constant, with_constants
from trainer.plan import Facts
from trainer.session import Session, Text, seed_everything

__all__ = ["Pace", "Plain", "Shape", "Watched", "genome", "ours", "paces", "ratio", "theirs", "told"]

PROMISED, PROMISED_SHARE = 1.0, 0.02

VOCABULARY, SEED = 256, 1
"""Bytes as tokens, as by default."""

PLAIN_LR = 1e-3
"""The peer's; a convention. What it learns isn't compared, but it should learn."""


@dataclass(frozen=True)
class Shape:
    """Of a model and its batches. `mlp`: how many times as wide it is inside the MLP."""

    vocabulary: int
    layers: int
    width: int
    heads: int
    mlp: int
    rows: int
    context: int


@dataclass(frozen=True)
class Pace:
    """A training: its tokens, in how many seconds on the wall and of a processor. `inside`, `kept_back`: shares of the
    clock that weren't the genome's: in the session, and at the end, so that the last save is done in time."""

    tokens: int
    wall: float
    processor: float
    inside: float = 0.0
    kept_back: float = 0.0

    @property
    def share(self) -> float:
        return self.inside + self.kept_back


# -- ours ------------------------------------------------------------------------------------------


def genome(values: Mapping[str, Constant] | None = None) -> ModuleType:
    """The seed genome, loaded anew, with these constants."""
    text = files("populations.ml.gpt").joinpath("train.py").read_text(encoding="utf-8")
    module = ModuleType("genome")
    exec(compile(with_constants(text, values or {}), "train.py", "exec"), module.__dict__)
    return module


class Watched(Session):
    """Counts the seconds that pass inside the session while the clock runs."""

    inside = 0.0

    def start(self, model: nn.Module) -> None:
        began = time.perf_counter()
        super().start(model)
        self.wall, self.processor = time.perf_counter(), time.process_time()
        self.inside = self.wall - began

    @property
    def progress(self) -> float:
        began = time.perf_counter()
        found = super().progress
        self.inside += time.perf_counter() - began
        return found

    def batches(self, rows: int, context: int) -> Iterator[tuple[Tensor, Tensor]]:
        drawn = super().batches(rows, context)
        while True:
            began = time.perf_counter()
            batch = next(drawn, None)
            self.inside += time.perf_counter() - began
            if batch is None:
                return
            yield batch

    def log(self, loss: Tensor | float) -> None:
        began = time.perf_counter()
        super().log(loss)
        self.inside += time.perf_counter() - began


def ours(module: ModuleType, text: Text, vocabulary: int, seconds: float, folder: Path) -> Pace:
    """`train(session)` from the start of the clock until it returns; as on a processor, where nothing warms up."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        ask, say = Board.make(Path(place, "ask")), Board.make(Path(place, "say"), POINT.size * POINTS)
        weights = [Path(place, f"weights.{i}") for i in (0, 1)]
        for file in weights:
            file.touch()
        facts = Facts(vocabulary, module.CONTEXT, seconds, "cpu", 1)
        session = Watched(facts, SEED, text, ask, say, [str(file) for file in weights])
        now = time.monotonic()
        ask.set(Ask.bell, now + seconds)
        ask.set(Ask.go, now)
        module.train(session)
        wall, processor = time.perf_counter() - session.wall, time.process_time() - session.processor
        kept_back = max(0.0, now + seconds - time.monotonic())
        tokens = say.count(Say.tokens)
        ask.close()
        say.close()
    return Pace(tokens, wall, processor, session.inside / seconds, kept_back / seconds)


# -- the peer --------------------------------------------------------------------------------------


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inner, self.outer = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, mlp * width), nn.GELU(), nn.Linear(mlp * width, width))

    def forward(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        parts = self.inner(self.before(x)).view(rows, length, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.outer(found.transpose(1, 2).reshape(rows, length, width))
        return x + self.mlp(self.between(x))


class Plain(nn.Module):
    """Tokens (rows, T) to logits (rows, T, vocabulary)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.tokens, self.places = (nn.Embedding(n, shape.width) for n in (shape.vocabulary, shape.context))
        self.layers = nn.Sequential(*(Layer(shape.width, shape.heads, shape.mlp) for _ in range(shape.layers)))
        self.last, self.head = nn.LayerNorm(shape.width), nn.Linear(shape.width, shape.vocabulary, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.places(torch.arange(tokens.size(1), device=tokens.device))
        return self.head(self.last(self.layers(x)))


def theirs(shape: Shape, text: Text, seconds: float) -> Pace:
    """As long a training without a session."""
    data, rng = text.tokens(torch.device("cpu")), np.random.default_rng(SEED)
    model = Plain(shape)
    optimiser = torch.optim.AdamW(model.parameters(), PLAIN_LR)
    tokens, wall, processor = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < wall + seconds:
        starts = torch.from_numpy(rng.integers(0, len(data) - shape.context, shape.rows))
        batch = data[starts[:, None] + torch.arange(shape.context + 1)].long()
        loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        tokens += shape.rows * shape.context
    return Pace(tokens, time.perf_counter() - wall, time.process_time() - processor)


# -- both ------------------------------------------------------------------------------------------


def paces(rounds: int, seconds: float, values: Mapping[str, Constant] | None = None) -> list[tuple[Pace, Pace]]:
    """Ours and theirs by turns, on this Python's own modules: how many n-grams a batch has depends on its text."""
    module = genome(values)
    shape = Shape(VOCABULARY, module.LAYERS, module.WIDTH, module.HEADS, module.MLP, module.ROWS, module.CONTEXT)
    found = []
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "train.bin"
        path.write_bytes(_python())
        text = Text(path, "uint8")
        for _ in range(rounds):
            seed_everything(SEED)
            found.append((ours(module, text, VOCABULARY, seconds, Path(place)), theirs(shape, text, seconds)))
    return found


def _python() -> bytes:
    modules = sorted(Path(statistics.__file__).parent.glob("*.py"))
    return b"".join(module.read_bytes() for module in modules)


def ratio(found: Sequence[tuple[Pace, Pace]]) -> tuple[float, float]:
    """Our tokens a second over theirs, the median of the pairs: by the wall, by the processor."""
    pairs = [(our.tokens / their.tokens, our, their) for our, their in found]
    return (
        statistics.median(tokens * their.wall / our.wall for tokens, our, their in pairs),
        statistics.median(tokens * their.processor / our.processor for tokens, our, their in pairs),
    )


def told(found: Sequence[tuple[Pace, Pace]]) -> str:
    lines = ["tokens a second   wall   processor"]
    for name, side in (("seed genome", [o for o, _ in found]), ("plain GPT", [t for _, t in found])):
        wall = statistics.median(pace.tokens / pace.wall for pace in side)
        processor = statistics.median(pace.tokens / pace.processor for pace in side)
        lines.append(f"{name:14s}{wall:>8,.0f}{processor:>12,.0f}")
    wall, processor = ratio(found)
    inside, kept_back = (statistics.median(x) for x in zip(*((o.inside, o.kept_back) for o, _ in found), strict=True))
    return "\n".join(
        [
            *lines,
            f"ratio {wall:.2f} by the wall, {processor:.2f} by the processor (promised: at least {PROMISED:g})",
            f"of the clock, in the session {inside:.2%}, kept back at its end {kept_back:.2%} "
            f"(promised: under {PROMISED_SHARE:.0%} together)",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each training; the default clock")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    found = paces(options.rounds, options.seconds)
    print(told(found))
    kept = ratio(found)[1] >= PROMISED and statistics.median(our.share for our, _ in found) < PROMISED_SHARE
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
