"""What can be said about daily returns: pure functions of arrays [T], nothing annualised unless it says so.

Sources: Bailey & Lopez de Prado (2012, 2014) for the probabilistic and the deflated Sharpe ratio; Bailey,
Borwein, Lopez de Prado & Zhu (2017) for PBO; Jobson & Korkie (1981) with Memmel's (2003) correction;
Politis & Romano (1994) for the stationary bootstrap; Newey & West (1987, 1994) for HAC.
scipy and arch are imported where they are used: they would cost a second of every start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np

from substrates.finance.portfolio import Floats

__all__ = [
    "BLOCK",
    "DAYS_A_YEAR",
    "Comparison",
    "above_benchmark",
    "annual_turnover",
    "bootstrap_difference",
    "deflated_sharpe",
    "expected_best",
    "hac_t",
    "jobson_korkie_memmel",
    "max_drawdown",
    "overfitting_probability",
    "probabilistic_sharpe",
    "sharpe",
    "t_statistic",
]

DAYS_A_YEAR = 252
"""Market days a year, the convention."""

BLOCK = 21
"""Mean block of the bootstrap: a market month, named before the first run."""

_NORMAL = NormalDist()
_EULER = 0.5772156649015329
_NO_SPREAD = 1e-12
"""A daily return below this is rounding, and so is a standard deviation below this share of the largest."""


def sharpe(returns: Floats, annualised: bool = True) -> float:
    """Mean over standard deviation (T - 1), times sqrt(252) where annualised.

    Nothing ventured is 0 (all returns are zero, to rounding); a constant other return, or fewer than two,
    has none: nan.
    """
    if len(returns) < 2:
        return math.nan
    largest = float(np.abs(returns).max())
    if largest <= _NO_SPREAD:
        return 0.0
    spread = float(returns.std(ddof=1))
    if spread <= _NO_SPREAD * largest:
        return math.nan
    return float(returns.mean()) / spread * (math.sqrt(DAYS_A_YEAR) if annualised else 1.0)


def t_statistic(values: Floats) -> float:
    """Student's t of the mean; 0 and nan as for `sharpe`."""
    return sharpe(values, annualised=False) * math.sqrt(len(values))


def hac_t(values: Floats, lags: int | None = None) -> float:
    """t of the mean with Newey-West errors; `lags` by the 1994 rule of thumb, 4 (T / 100)^(2/9)."""
    n = len(values)
    plain = t_statistic(values)
    if not math.isfinite(plain) or plain == 0.0:
        return plain
    reach = int(4 * (n / 100) ** (2 / 9)) if lags is None else lags
    x = values - values.mean()
    variance = float(x @ x)
    for lag in range(1, min(reach, n - 1) + 1):
        variance += 2.0 * (1.0 - lag / (reach + 1)) * float(x[lag:] @ x[:-lag])
    # Bartlett weights keep the sum positive; T - 1 makes zero lags the plain t.
    return float(values.mean()) / math.sqrt(variance / (n - 1) / n)


def probabilistic_sharpe(returns: Floats, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio (a day) is above `benchmark` (a day), for skew and fat tails."""
    ratio = sharpe(returns, annualised=False)
    if not math.isfinite(ratio) or len(returns) < 3 or not returns.any():
        return math.nan
    z = (returns - returns.mean()) / returns.std()
    return above_benchmark(ratio, benchmark, len(returns), float((z**3).mean()), float((z**4).mean()))


def above_benchmark(ratio: float, benchmark: float, days: int, skew: float, kurtosis: float) -> float:
    """The probabilistic Sharpe ratio from the figures themselves (a day; a normal kurtosis is 3)."""
    spread = 1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio * ratio
    return _NORMAL.cdf((ratio - benchmark) * math.sqrt((days - 1) / spread)) if spread > 0 else math.nan


def expected_best(trials: int, variance: float) -> float:
    """The Sharpe ratio that the best of `trials` without skill is expected to show.

    `variance`: of the trials' Sharpe ratios; the answer is in their unit.
    """
    if trials < 1 or not variance >= 0.0:
        raise ValueError(f"{trials} trials of variance {variance}: at least one, and a variance from 0 up")
    if trials == 1:
        return 0.0
    quantile = _NORMAL.inv_cdf
    best = (1 - _EULER) * quantile(1 - 1 / trials) + _EULER * quantile(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * best


def deflated_sharpe(returns: Floats, trials: int, variance: float) -> float:
    """Probability that the true Sharpe ratio is above 0, given that the best of `trials` was taken.

    `variance`: of the trials' Sharpe ratios *a day* (annual variance / 252).
    """
    return probabilistic_sharpe(returns, expected_best(trials, variance))


def jobson_korkie_memmel(first: Floats, second: Floats) -> float:
    """z of the difference of two paired Sharpe ratios, first - second; nan where one has none.

    Two equal series have a difference of 0 and no spread: 0.
    """
    a, b = sharpe(first, annualised=False), sharpe(second, annualised=False)
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.nan
    if np.array_equal(first, second):
        return 0.0
    if not first.any() or not second.any():
        return math.nan
    rho = float(np.corrcoef(first, second)[0, 1])
    variance = 2.0 * (1.0 - rho) + 0.5 * (a * a + b * b - 2.0 * a * b * rho * rho)
    return (a - b) * math.sqrt(len(first) / variance) if variance > _NO_SPREAD else math.nan


@dataclass(frozen=True)
class Comparison:
    """A difference of annualised Sharpe ratios: the estimate, one-sided p of "not above 0", its interval."""

    difference: float
    p: float
    low: float
    high: float
    draws: int


def bootstrap_difference(
    first: Floats, second: Floats, seed: int, draws: int = 2000, block: int = BLOCK, level: float = 0.95
) -> Comparison:
    """Stationary bootstrap of Sharpe(first) - Sharpe(second), rows kept in pairs.

    p is the share of draws, centred on the estimate, at or above it: (1 + k) / (1 + draws), never 0. The
    interval is the basic one, at `level`.
    """
    from arch.bootstrap import StationaryBootstrap

    estimate = sharpe(first) - sharpe(second)
    if np.array_equal(first, second):
        return Comparison(0.0, 1.0, 0.0, 0.0, draws)
    if not math.isfinite(estimate) or len(first) < 2 * block:
        return Comparison(estimate, 1.0, -math.inf, math.inf, 0)
    pair = np.column_stack([first, second])
    source = StationaryBootstrap(block, pair, seed=np.random.default_rng(seed))
    shifts = np.empty(draws)
    for i, ((sample,), _) in enumerate(source.bootstrap(draws)):
        mean, spread = sample.mean(axis=0), sample.std(axis=0, ddof=1)
        ratio = np.divide(mean, spread, out=np.zeros(2), where=spread > 0)
        shifts[i] = (ratio[0] - ratio[1]) * math.sqrt(DAYS_A_YEAR) - estimate
    p = (1 + int((shifts >= estimate).sum())) / (1 + draws)
    low, high = np.quantile(shifts, [(1 - level) / 2, (1 + level) / 2])
    return Comparison(estimate, p, estimate - float(high), estimate - float(low), draws)


def overfitting_probability(trials: Floats, blocks: int = 16) -> float:
    """PBO by CSCV: how often the best half-sample trial is below the median on the other half.

    `trials` [T, M]: daily returns of M trials on the same days. `blocks`: even; 16, as in the paper, gives
    12,870 splits. Ties share their ranks. nan where there are fewer than two trials or too few days.
    """
    days, count = trials.shape
    if blocks < 2 or blocks % 2:
        raise ValueError(f"{blocks} blocks cannot be halved: an even number from 2 up")
    if count < 2 or days < 2 * blocks:
        return math.nan
    size = days // blocks
    parts = trials[days - size * blocks :].reshape(blocks, size, count)
    chosen = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for row, split in enumerate(combinations(range(blocks), blocks // 2)):
        chosen[row, list(split)] = 1.0
    sums, squares = parts.sum(axis=1), np.square(parts).sum(axis=1)
    inside = _sharpes(chosen @ sums, chosen @ squares, size * blocks // 2)
    # The complement of a split is itself a split: reversed order of the combinations.
    outside = inside[::-1]
    best = inside.argmax(axis=1)
    mine = outside[np.arange(len(best)), best][:, None]
    below, equal = (outside < mine).sum(axis=1), (outside == mine).sum(axis=1)
    rank = below + (equal + 1) / 2
    # A relative rank of exactly one half is no evidence either way: half a failure.
    middle = (count + 1) / 2
    return float(((rank < middle) + 0.5 * (rank == middle)).mean())


def _sharpes(sums: Floats, squares: Floats, days: int) -> Floats:
    """Sharpe ratios from sums over `days`; no spread is 0."""
    mean = sums / days
    variance = np.maximum(squares / days - mean * mean, 0.0)
    return np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 0.0)


def max_drawdown(returns: Floats) -> float:
    """The deepest fall from a peak, 0 to 1, of wealth that starts at 1."""
    wealth = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    return float((1.0 - wealth / np.maximum.accumulate(wealth)).max())


def annual_turnover(turnover: Floats) -> float:
    """Traded value (buys and sells) over wealth, a year of 252 days."""
    return float(turnover.mean()) * DAYS_A_YEAR if len(turnover) else 0.0
