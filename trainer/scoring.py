"""Windows, probes and bits per byte: pure functions of tokens and logits, in the judge's process alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Agreement", "Windows", "agreement", "bits_per_byte", "cut", "log_probabilities", "windows"]

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """`inputs` and `targets`, (windows, context): the target of a place is the token after it. No token is the target
    of two places."""

    inputs: Ints
    targets: Ints


def windows(tokens: npt.NDArray[Any], context: int, most: int = 0) -> Windows:
    """Windows side by side; where there are more than `most` (0: no limit), that many, evenly over the text.

    Raises ValueError where the text has none.
    """
    there = (len(tokens) - 1) // context
    if there < 1:
        raise ValueError(f"the text has {len(tokens):,} tokens; a window needs {context + 1:,}")
    count = min(most, there) if most else there
    starts = (np.arange(count, dtype=np.int64) * there // count * context)[:, None]
    at: Ints = starts + np.arange(context + 1)
    picked: Ints = np.take(tokens, at).astype(np.int64)
    return Windows(picked[:, :-1], picked[:, 1:])


def cut(inputs: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """The inputs with all tokens from a random place on changed, a window each: its tail is that of another window, and
    the first changed token is another one. Returns them and the places (windows,): 1 to context - 1.

    At place c - 1 the true next token is in no input any more: what is answered there cannot have been looked up.
    """
    count, context = inputs.shape
    places = np.asarray(rng.integers(1, context, count), np.int64)
    donors = (np.arange(count) + rng.integers(1, max(2, count), count)) % count
    changed: Ints = np.where(np.arange(context) < places[:, None], inputs, inputs[donors])
    rows = np.arange(count)
    same = changed[rows, places] == inputs[rows, places]
    # A token that stands somewhere in the text anyway: one that never occurs would give the probe away.
    other = inputs.ravel()[rng.integers(0, inputs.size, count)]
    changed[rows, places] = np.where(same, other, changed[rows, places])
    still = changed[rows, places] == inputs[rows, places]
    changed[rows[still], places[still]] ^= 1
    return changed, places


def log_probabilities(logits: npt.NDArray[Any], targets: Ints) -> Floats:
    """Of the targets, in nats, (rows, context), from logits (rows, context, vocabulary) in float32
    or float16.

    Raises ValueError where a logit is no finite number.
    """
    import torch  # half of the work of a large vocabulary would be numpy's temporaries

    # Less the largest before all else: 1e30 + log(256) is 1e30 in float32, and equal odds would be certainty.
    scores = torch.from_numpy(logits)
    shares = (scores.float() if scores.dtype == torch.float16 else scores).log_softmax(-1)
    found = shares.gather(-1, torch.from_numpy(targets)[..., None])[..., 0].double().numpy()
    if not np.isfinite(found).all():
        raise ValueError("the model's logits are not finite numbers")
    return found


def bits_per_byte(nats: Floats, sizes: Ints) -> float:
    """`nats`: log probabilities of tokens; `sizes`: how many bytes of the text each of them is."""
    return float(-nats.sum() / math.log(2) / sizes.sum())


@dataclass(frozen=True)
class Agreement:
    """How two processes' answers differ where both saw the same, in nats: `gain` is the first one's lead on average,
    `last` that at the place before the change, `worst` the largest difference either way; `usual` and `edge` are the
    mean sizes of the differences, whatever their sign: everywhere, and at the place before the change."""

    gain: float
    last: float
    worst: float
    usual: float
    edge: float


def agreement(first: Floats, second: Floats, places: Ints) -> Agreement:
    """Of log probabilities (windows, context); only those before the changed `places` are compared."""
    differences = first - second
    before = np.arange(first.shape[1]) < places[:, None]
    last = differences[np.arange(len(places)), places - 1]
    seen = differences[before]
    sizes = np.abs(seen)
    usual, edge = float(sizes.mean()), float(np.abs(last).mean())
    return Agreement(float(seen.mean()), float(last.mean()), float(sizes.max()), usual, edge)
