"""What a genome is handed: text in batches, the share of the clock that is used, and weights that are kept."""

from __future__ import annotations

import math
import os
import random
import resource
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from trainer.board import POINT, POINTS, Ask, Board, Say, State
from trainer.plan import Facts

__all__ = ["Diverged", "Session", "Text", "seed_everything"]

_ASLEEP = 5e-4
"""Seconds between looks at whether the clock has started."""

_RESERVE, _MARGIN = 2.0, 0.005
"""How many times what the first save took is left for the last one, and what share of the clock besides: weights that
are late do not count. The first into a file takes about five times as long as those that follow (measured), so the last
has ten times what it needs on a quiet disk."""

_APART = 0.25
"""Of the clock at most between two saves: what is lost where the last one is late."""

_SHARE = 0.004
"""What saving on the way may take of the clock at most."""

_BEHIND = 8
"""Steps by which a logged loss is read late on an accelerator: reading the latest would wait for it."""


class Diverged(Exception):
    """The loss is no number any more, or far beyond what guessing gives."""


@dataclass(frozen=True)
class Text:
    """The training text: a file of token numbers, `dtype` uint8 or uint16, that is there once the clock has started."""

    path: Path
    dtype: str

    def tokens(self, device: torch.device) -> torch.Tensor:
        """uint8, or int16 with the bits of uint16, which torch cannot gather from. On an accelerator as a whole: a
        copy a batch would keep it waiting."""
        data = np.memmap(self.path, dtype=self.dtype, mode="c")  # copy on write: torch wants what it could write to
        tokens = torch.from_numpy(data if self.dtype == "uint8" else data.view(np.int16))
        return tokens.to(device) if device.type == "cuda" else tokens


class Session:
    """One training. `facts` says what there is; `seed` belongs to the trial and was set everywhere before the genome.

    A genome builds its model, may rehearse on random tokens (to compile), then calls `start(model)`: from there on the
    clock runs and the text is there. `batches` ends by itself in time for the last weights to be saved.
    """

    def __init__(
        self, facts: Facts, seed: int, text: Text, ask: Board, say: Board, weights: Sequence[str], saves: int = 8
    ) -> None:
        self.facts = facts
        self.device = torch.device(facts.device)
        self.seed = seed
        self._text, self._ask, self._say, self._weights, self._often = text, ask, say, weights, saves
        self._random = np.random.default_rng(seed)
        self._model: torch.nn.Module | None = None
        self._tokens: torch.Tensor | None = None
        self._began = self._end = 0.0
        self._steps = self._seen = self._saves = 0
        self._took = self._saving = 0.0
        self._saved_at = 0.0
        self._every = math.inf
        self._losses: deque[tuple[int, torch.Tensor]] = deque()
        self._told, self._points = 0.0, 0
        self._untold: tuple[float, int, float] | None = None

    # -- before the clock ----------------------------------------------------------------------

    def rehearsal(self, rows: int, context: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Random tokens in the shape of a batch, before the clock starts: for compiling, there is nothing to learn."""
        drawn = torch.from_numpy(self._random.integers(0, self.facts.vocabulary, (rows, context + 1)))
        return self._moved(drawn)

    def start(self, model: torch.nn.Module) -> None:
        """The model is ready: its weights are what is scored. Returns when the clock has started."""
        if self._model is not None:
            raise RuntimeError("the clock has started already: call session.start(model) once")
        self._model = model
        self._say.set(Say.parameters, sum(p.numel() for p in model.parameters()))
        torch.serialization.set_crc32_options(False)  # two thirds of what saving takes, and nobody compares them
        self._wait()
        self.save()
        self._wait()
        self._say.set(Say.state, State.ready)
        while not (began := self._ask.get(Ask.go)):
            time.sleep(_ASLEEP)
        self._began = began
        budget = self._ask.get(Ask.bell) - began
        self._end = self._ask.get(Ask.bell) - _RESERVE * self._took - 0.02 - _MARGIN * budget
        self._every = min(max(budget / (self._often + 1), self._took / _SHARE), budget * _APART)
        self._saved_at = time.monotonic()
        self._tokens = self._text.tokens(self.device)

    # -- while it runs -------------------------------------------------------------------------

    @property
    def progress(self) -> float:
        """The share of the clock that is used: 0 at the start, 1 when `batches` ends."""
        if self._end <= self._began:
            return 0.0 if not self._began else 1.0
        return min(1.0, max(0.0, (time.monotonic() - self._began) / (self._end - self._began)))

    @property
    def remaining(self) -> float:
        """Seconds until `batches` ends."""
        return max(0.0, self._end - time.monotonic())

    def batches(self, rows: int, context: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Inputs and targets, int64, (rows, context), from random places of the training text, until the clock ends."""
        last, longest = time.monotonic(), 0.0
        while True:
            now = time.monotonic()
            # A step that would not be done in time is not begun; the longest of all may be one with a hiccup.
            longest = max(0.9 * longest, now - last)
            last = now
            if now + longest >= self._end:
                return
            if now - self._saved_at >= self._every:
                self._settle(0)
                self.save()
            yield self.batch(rows, context)
            self._steps += 1
            self._seen += rows * context
            self._say.set(Say.steps, self._steps)
            self._say.set(Say.tokens, self._seen)

    def batch(self, rows: int, context: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One batch; `batches` is made of these."""
        if self._tokens is None:
            raise RuntimeError("there is no text before the clock starts: call session.start(model) first")
        places = len(self._tokens) - context
        if places < 1:
            raise RuntimeError(
                f"the training text has {len(self._tokens):,} tokens, less than a context of {context:,}"
            )
        starts = torch.from_numpy(self._random.integers(0, places, rows)).to(self._tokens.device, non_blocking=True)
        picked = self._tokens[starts[:, None] + torch.arange(context + 1, device=self._tokens.device)].long()
        return self._moved(picked & 0xFFFF if self._text.dtype == "uint16" else picked)

    def log(self, loss: torch.Tensor | float) -> None:
        """The training loss of a step, in nats per token: for the curve, and to end a training that has diverged."""
        value = loss.detach() if isinstance(loss, torch.Tensor) else torch.tensor(float(loss))
        self._losses.append((self._steps, value))
        self._settle(_BEHIND if self.device.type == "cuda" else 0)

    def save(self) -> None:
        """Keep the weights as they are: what counts is what was kept last when the bell rings."""
        if self._model is None:
            raise RuntimeError("there is no model yet: call session.start(model) first")
        began = time.monotonic()
        number = self._saves % 2
        with open(self._weights[number], "r+b") as stream:
            torch.save(self._model.state_dict(), stream)
            stream.truncate()
            size = stream.tell()
        self._saves += 1
        self._say.set(Say.saved_steps, self._steps)
        self._say.set(Say.saved_tokens, self._seen)
        self._say.set(Say.saved_bytes_1 if number else Say.saved_bytes, size)
        self._say.set(Say.saves, self._saves)
        self._saved_at = time.monotonic()
        took = self._saved_at - began
        self._took = self._took or took
        if self._began:
            self._saving += took
            self._say.set(Say.saving, self._saving)
        self._say.set(Say.peak_mb, self._peak())

    def finish(self) -> None:
        """After the genome has returned: the last weights."""
        if self._model is None:
            raise RuntimeError("train(session) returned without session.start(model)")
        self._settle(0)
        if self._untold:
            self._tell(*self._untold)
        self.save()
        self._say.set(Say.state, State.done)

    # -- inside --------------------------------------------------------------------------------

    def _settle(self, behind: int) -> None:
        """Read the logged losses but the last few. Raises Diverged."""
        while len(self._losses) > behind:
            step, tensor = self._losses.popleft()
            loss = float(tensor)
            if not math.isfinite(loss) or loss > 2 * math.log(self.facts.vocabulary) + 4:
                raise Diverged(f"the loss was {loss:.4g} at step {step:,} ({100 * self.progress:.0f} % of the clock)")
            now = time.monotonic()
            self._untold = (now, step, loss)
            if now - self._told >= self.facts.seconds / POINTS and self._points < POINTS - 1:  # one is for the end
                self._tell(now, step, loss)

    def _tell(self, now: float, step: int, loss: float) -> None:
        self._say.put(self._points * POINT.size, POINT.pack(now - self._began, step, loss))
        self._told, self._untold = now, None
        self._points += 1

    def _moved(self, picked: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        picked = picked.to(self.device, non_blocking=True)
        return picked[:, :-1], picked[:, 1:]

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def _peak(self) -> float:
        """MB: of the accelerator, where there is one, else of this process."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated() / 2**20
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def seed_everything(seed: int) -> None:
    """Before the genome is loaded."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    os.environ["PYTHONHASHSEED"] = str(seed % 2**32)
