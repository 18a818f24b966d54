"""One finance genome from its text to its daily net returns, beside the same weights through the package `bt`.

    pip install bt
    python -m benchmarks.finance_speed

Ours is the whole way: read the agent's Markdown, compute its signals over all days, make its weights, trade them with
costs. Nothing is remembered from one repeat to the next. The peer is only asked to trade the weights that come out,
given to it on the days on which they are renewed, and none of its statistics are computed. Both must agree before
their times mean anything. Repeats alternate, and medians are compared. Promised: at least 10 times as fast.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from evolve.population import read_seeds
from substrates.finance.agent import parse_agent
from substrates.finance.desk import text_of
from substrates.finance.ground import Ground, Member, TeamConfig, own_book
from substrates.finance.market import load_panel
from substrates.finance.market.panel import Panel
from substrates.finance.portfolio import ONE_WAY_COST, Floats
from substrates.finance.signals import interpret
from substrates.finance.signals.memory import Memory

__all__ = ["Agreement", "Traded", "agreement", "ours", "theirs"]

AGENT = "momentum"
"""Of the seeds: the 12-month return without the last month, the best five, monthly."""

PROMISED = 10.0
ALIKE, APART = 0.999, 0.01
"""Least correlation of the daily returns, and largest relative difference of the final wealth."""

CAPITAL = 1e6


@dataclass(frozen=True)
class Traded:
    """What an agent wants [T, N] on every day, on which days it is renewed [T], and the daily net returns [T]."""

    weights: Floats
    renewed: np.ndarray
    net: Floats


def ours(panel: Panel, text: str) -> Traded:
    """From the text to the net returns; nothing that an earlier call has computed is used."""
    agent = parse_agent.__wrapped__(AGENT, text)
    position = interpret(agent, panel, Memory())
    if position.weights is None:
        raise ValueError(f"{AGENT} ({agent.role}) picks no stocks")
    ground = Ground(
        returns=np.nan_to_num(panel.returns, nan=0.0),
        market=np.nan_to_num(panel.market, nan=0.0),
        dates=panel.dates,
        config=TeamConfig(cost=ONE_WAY_COST),
        listed=np.isfinite(panel.prices),
    )
    result = own_book(Member(AGENT, agent.layer, position), ground)
    return Traded(position.weights, ground.months, result.net)


def theirs(panel: Panel, traded: Traded, bt: Any) -> tuple[Callable[[], None], Callable[[], Floats]]:
    """bt, made ready to trade the weights: what runs it, and what reads its net returns [T] afterwards."""
    dates = pd.DatetimeIndex(panel.dates.astype("datetime64[ns]"))
    prices = pd.DataFrame(panel.prices, dates, list(panel.tickers))
    weights = pd.DataFrame(traded.weights, dates, list(panel.tickers))[traded.renewed]
    strategy = bt.Strategy(AGENT, [bt.algos.WeighTarget(weights), bt.algos.Rebalance()])
    test = bt.Backtest(
        strategy,
        prices,
        initial_capital=CAPITAL,
        commissions=lambda quantity, price: abs(quantity) * price * ONE_WAY_COST,
        integer_positions=False,
        progress_bar=False,
    )
    return test.run, lambda: test.strategy.prices.pct_change().fillna(0.0).reindex(dates).to_numpy()


@dataclass(frozen=True)
class Agreement:
    """Correlation of the daily net returns, and the final wealth of 1 by either."""

    correlation: float
    ours: float
    theirs: float

    @property
    def holds(self) -> bool:
        return self.correlation > ALIKE and abs(self.ours / self.theirs - 1) < APART


def agreement(one: Floats, other: Floats) -> Agreement:
    return Agreement(
        float(np.corrcoef(one, other)[0, 1]), float(np.prod(1 + one)), float(np.prod(1 + np.nan_to_num(other)))
    )


def _timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args(arguments)
    try:
        bt = import_module("bt")
    except ImportError:
        sys.exit("There is nothing to compare with: pip install bt (into an environment of its own, beside evolve).")
    panel, text = load_panel(), text_of(read_seeds("pkg://populations.finance")[AGENT]) or ""
    started = time.perf_counter()
    traded = ours(panel, text)  # the first call compiles, or loads what was compiled before
    first = time.perf_counter() - started
    run, returns = theirs(panel, traded, bt)
    run()
    alike = agreement(traded.net, returns())
    mine, peer = [], []
    for _ in range(options.repeats):
        mine.append(_timed(lambda: ours(panel, text)))
        peer.append(_timed(theirs(panel, traded, bt)[0]))
    print(f"{AGENT}, {len(panel.dates):,} days x {len(panel.tickers)} stocks, {int(traded.renewed.sum())} rebalances")
    print(
        f"the two agree: correlation of daily net returns {alike.correlation:.6f}, final wealth {alike.ours:.3f} and "
        f"{alike.theirs:.3f} ({100 * (alike.ours / alike.theirs - 1):+.2f} %)"
        if alike.holds
        else f"THE TWO DO NOT AGREE: {alike}"
    )
    one, other = statistics.median(mine), statistics.median(peer)
    print(
        f"ours, text to net returns: {1e3 * one:.1f} ms (the first time in a process {1e3 * first:.0f} ms); "
        f"bt {bt.__version__}, weights to net returns: {1e3 * other:.0f} ms"
    )
    pairs = statistics.median(b / a for a, b in zip(mine, peer, strict=True))
    print(f"ratio {pairs:.0f} (promised: at least {PROMISED:g})")
    sys.exit(0 if alike.holds else 1)


if __name__ == "__main__":
    main()
