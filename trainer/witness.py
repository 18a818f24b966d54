"""A process that answers for the weights, as the judge sees it: inputs out, logits in, by memory that both share."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.board import Ask, Board, Say
from trainer.ends import Lost, lost
from trainer.launch import Program
from trainer.scoring import Floats, Ints, log_probabilities

__all__ = ["Areas", "Witness"]

_LOOK = 0.002
"""Seconds between looks for an answer, at most."""

_AREA_MB = 256
"""An area of answers at most: with a large vocabulary, fewer windows go into a request."""


@dataclass(frozen=True)
class Areas:
    """How a request and its answer lie in memory: `rows` windows at most of `context` tokens, int32; their logits over
    `vocabulary` tokens, of `dtype`. Each side has two of them, so that neither waits for the other."""

    rows: int
    context: int
    vocabulary: int
    dtype: str

    @classmethod
    def of(cls, rows: int, context: int, vocabulary: int, device: str) -> Areas:
        # A logit in bfloat16 arithmetic is not worth four bytes, and a large vocabulary is gigabytes of them.
        dtype = "float32" if device == "cpu" else "float16"
        window = context * vocabulary * np.dtype(dtype).itemsize
        return cls(max(1, min(rows, (_AREA_MB << 20) // window)), context, vocabulary, dtype)

    @property
    def request(self) -> int:
        """Bytes."""
        return self.rows * self.context * 4

    @property
    def answer(self) -> int:
        """Bytes."""
        return self.rows * self.context * self.vocabulary * np.dtype(self.dtype).itemsize


class Witness:
    """Asks one process. `weights`: where it looks for them once it begins; `seconds`: until its last answer."""

    def __init__(self, program: Program, ask: Board, say: Board, weights: Path, areas: Areas, seconds: float) -> None:
        self._program, self._ask, self.say, self._weights = program, ask, say, weights
        self._areas, self._seconds = areas, seconds
        self._logits = np.empty(areas.answer // np.dtype(areas.dtype).itemsize, areas.dtype)
        self._deadline = 0.0

    def begin(self, weights: Path) -> None:
        """The training is over: it loads the genome and these weights."""
        os.link(weights, self._weights)
        self._deadline = time.monotonic() + self._seconds
        self._ask.set(Ask.go, time.monotonic())

    def answers(self, inputs: Ints, targets: Ints, order: Ints, rows: int) -> Floats:
        """Log probabilities of the targets, in the windows' own order; asked in another. Raises Lost."""
        groups = [order[i : i + rows] for i in range(0, len(order), rows)]
        found = np.zeros(targets.shape)
        for number in range(min(2, len(groups))):
            self._put(number, inputs[groups[number]])
        for number, group in enumerate(groups):
            logits = self._take(number, len(group))
            if number + 2 < len(groups):
                self._put(number + 2, inputs[groups[number + 2]])
            try:
                found[group] = log_probabilities(logits, targets[group])
            except ValueError as error:
                raise Lost("invalid", str(error)) from None
        return found

    def end(self) -> None:
        self._program.stop()

    def _put(self, number: int, inputs: Ints) -> None:
        area = number % 2
        self._ask.put(area * self._areas.request, np.ascontiguousarray(inputs, np.int32).data)
        self._ask.set(Ask.rows_1 if area else Ask.rows, len(inputs))
        self._ask.set(Ask.request, number + 1)

    def _take(self, number: int, rows: int) -> npt.NDArray[Any]:
        asleep = 1e-4
        while self.say.count(Say.answered) <= number:
            if self._program.done():
                raise lost(self._program.result(), "while it was scored")
            if time.monotonic() > self._deadline:
                raise Lost("timeout", f"it had not answered everything {self._seconds:g} s after the bell")
            time.sleep(asleep)
            asleep = min(2 * asleep, _LOOK)
        logits = self._logits[: rows * self._areas.context * self._areas.vocabulary]
        if not self.say.take_into((number % 2) * self._areas.answer, memoryview(logits.data).cast("B")):
            raise Lost("refused", "it shortened the file of its answers")
        return logits.reshape(rows, self._areas.context, self._areas.vocabulary)
