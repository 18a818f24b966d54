"""Keep or discard, given the noise; and how much error each contest may spend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from scipy.special import gammaln, stdtr

from evolve.substrate import Duel

__all__ = ["Acceptance", "Contest", "Greedy", "Lord", "Schedule", "Significant", "log_likelihood_ratio"]

Decision = Literal["keep", "discard", "more"]


class Acceptance(Protocol):
    """Decides one duel at the level that its contest may spend."""

    def decide(self, duel: Duel, alpha: float) -> Decision:
        """`more` asks for another bout; an exhausted duel that still says `more` stays undecided."""

    def promising(self, duel: Duel, alpha: float) -> bool:
        """May a duel that is open at a generation's end go on in the next one?"""


@dataclass(frozen=True)
class Greedy:
    """Keep whatever looks better: right for deterministic scores, and what everybody else does."""

    def decide(self, duel: Duel, alpha: float) -> Decision:
        if duel.failed or (duel.mean is None and duel.exhausted):
            return "discard"
        if duel.mean is None:
            return "more"
        return "keep" if duel.mean > 0 else "discard"

    def promising(self, duel: Duel, alpha: float) -> bool:
        return True


@dataclass(frozen=True)
class Significant:
    """Keep only what the evidence can tell from noise.

    A score without noise decides by its sign. Where one look holds all evidence: a one-sided t-test at
    `alpha`. Where bouts come one by one: a sequential t-test, valid at every look (Wald's test on the
    likelihood ratio of the t statistic, which is free of the unknown variance: Rushton 1950; Lai 1976): keep
    at 1/alpha, discard at `beta`.

    `effect`: the smallest effect worth finding, in standard deviations of one paired difference;
    `beta`: the chance of discarding an effect of that size.
    """

    effect: float = 0.5
    beta: float = 0.1

    def decide(self, duel: Duel, alpha: float) -> Decision:
        if duel.failed or (duel.count == 0 and duel.exhausted):
            return "discard"
        if duel.exact:
            return "keep" if duel.total > 0 else "discard"
        if duel.exhausted and duel.looks == 1:
            return "keep" if self._tail(duel) < alpha else "discard"
        if duel.count < 2:
            return "more"
        ratio = log_likelihood_ratio(_bounded_t(duel), duel.count, self.effect)
        if ratio >= -math.log(alpha):
            return "keep"
        return "discard" if ratio <= math.log(self.beta) else "more"

    def promising(self, duel: Duel, alpha: float) -> bool:
        return True  # the test itself ends what has no chance

    @staticmethod
    def _tail(duel: Duel) -> float:
        """One-sided p value; differences without any spread are judged by their signs alone."""
        if duel.t is not None:
            return float(stdtr(duel.count - 1, -duel.t))
        return 0.5**duel.count if duel.total > 0 else 1.0


def _bounded_t(duel: Duel) -> float:
    if duel.t is not None:
        return duel.t
    return math.copysign(1e9, duel.total) if duel.total else 0.0


def log_likelihood_ratio(t: float, count: int, effect: float) -> float:
    """log f(t | effect) / f(t | 0) of Student's t over `count` >= 2 differences.

    The noncentral density, with its integral in logarithms around its mode, so that it neither overflows
    nor underflows at any count. `effect` in standard deviations of one difference.
    """
    nu = count - 1
    mu = effect * math.sqrt(count)
    spread = nu + t * t
    shift = mu * t / math.sqrt(spread)
    return -mu * mu * nu / (2 * spread) + _log_integral(shift, nu) - _log_integral_at_zero(nu)


def _log_integral(shift: float, nu: int) -> float:
    """log of the integral over y > 0 of y^nu exp(-(y - shift)^2 / 2)."""
    mode = (shift + math.sqrt(shift * shift + 4 * nu)) / 2
    width = 14 / math.sqrt(nu / (mode * mode) + 1)
    y = np.linspace(max(mode - width, 1e-12), mode + width, 801)
    g = nu * np.log(y) - (y - shift) ** 2 / 2
    top = float(g.max())
    return top + math.log(float(np.trapezoid(np.exp(g - top), y)))


def _log_integral_at_zero(nu: int) -> float:
    return (nu - 1) / 2 * math.log(2) + float(gammaln((nu + 1) / 2))


class Schedule(Protocol):
    """Says at which level a contest may be decided. State is JSON; it changes in contest order only."""

    def level(self) -> float:
        """For the next contest to open, before it is divided by what was screened."""

    def close(self, kept: bool) -> None:
        """A contest has closed."""

    def state(self) -> dict[str, Any]: ...
    def restore(self, state: Mapping[str, Any]) -> None: ...


@dataclass
class Contest:
    """Each contest at its own level, as engine testers do; the run's claim is then the audit's."""

    alpha: float = 0.05

    def level(self) -> float:
        return self.alpha

    def close(self, kept: bool) -> None:
        return None

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        return None


@dataclass
class Lord:
    """Online false-discovery control over the contests of a run (LORD++, Ramdas et al. 2017).

    The sequence gamma is the one of Javanmard & Montanari 2018; it sums to one in the limit (to 0.49 over the first
    million). Contests run several at once, so a discovery counts from the contests that open after it is known.
    """

    alpha: float = 0.05
    opened: int = 0
    kept: list[int] = field(default_factory=list)
    closed: int = 0

    def level(self) -> float:
        self.opened += 1
        t, start = self.opened, self.alpha / 2
        level = start * _gamma(t)
        for i, when in enumerate(self.kept):
            level += (self.alpha - start if i == 0 else self.alpha) * _gamma(t - when)
        return level

    def close(self, kept: bool) -> None:
        self.closed += 1
        if kept:
            self.kept.append(self.opened)

    def state(self) -> dict[str, Any]:
        return {"opened": self.opened, "kept": list(self.kept), "closed": self.closed}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.opened, self.closed = state.get("opened", 0), state.get("closed", 0)
        self.kept = list(state.get("kept", []))


def _gamma(j: int) -> float:
    if j < 1:
        return 0.0
    return 0.0722 * math.log(max(j, 2)) / (j * math.exp(math.sqrt(math.log(j))))
