"""From the positions of all agents to one book, and what each agent adds to it.

Exposure E is the weighted mean of the exposure agents, W that of the stock pickers' weights (sectors,
styles, alpha); the risk agent vetoes stocks and scales E; target = E W, traded by the execution agent. The
CIO's voices are Darwinian weights, after ATLAS. Row t of everything is known at the close of day t.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from substrates.finance.portfolio import (
    ONE_WAY_COST,
    Days,
    Floats,
    Result,
    follow,
    growth_of,
    trading_days,
)
from substrates.finance.signals.position import AllocationRule, ExecutionRule, Position

__all__ = ["Book", "Darwin", "Ground", "Member", "Team", "TeamConfig", "own_book", "paired", "timing"]

_AT_ONCE = ExecutionRule()
"""Trade whatever day is allowed, all the way."""

_ROUNDING = 1e-12
"""A daily return below this is rounding: an exposure that never moves must not seem to have skill."""


@dataclass(frozen=True)
class Darwin:
    """ATLAS's numbers: each day the top quartile of a layer x 1.05, the bottom one x 0.95, within 0.3-2.5."""

    start: float = 1.0
    up: float = 1.05
    down: float = 0.95
    low: float = 0.3
    high: float = 2.5
    quantile: float = 0.25


@dataclass(frozen=True)
class TeamConfig:
    """`cost`: a share of the traded value. `max_exposure`: 1 is fully invested, no borrowing."""

    cost: float = ONE_WAY_COST
    max_exposure: float = 1.0
    darwin: Darwin = field(default_factory=Darwin)


@dataclass(frozen=True, eq=False)
class Member:
    """An agent in its seat."""

    name: str
    layer: str
    position: Position

    @property
    def role(self) -> str:
        return self.position.role

    @property
    def picks(self) -> bool:
        return self.position.weights is not None


@dataclass(frozen=True, eq=False)
class Ground:
    """What every book stands on: `returns` [T, N], the `market` return [T], `dates` [T], and the rules.

    `listed` [T, N]: which stocks have a price (default: all).
    """

    returns: Floats
    market: Floats
    dates: npt.NDArray[np.datetime64]
    config: TeamConfig = field(default_factory=TeamConfig)
    listed: Days | None = None

    @cached_property
    def growth(self) -> Floats:
        return growth_of(self.returns)

    @cached_property
    def months(self) -> Days:
        return trading_days("month", self.dates)

    @cached_property
    def equal(self) -> Floats:
        """Equal weight of the stocks that have a price [T, N]."""
        listed = np.ones(self.returns.shape) if self.listed is None else self.listed.astype(float)
        equal: Floats = listed / np.maximum(listed.sum(axis=1, keepdims=True), 1.0)
        return equal

    @cached_property
    def benchmark(self) -> Result:
        """Equal weight of the same universe, rebalanced monthly, net of the same costs."""
        return follow(self.equal, _AT_ONCE, self.growth, self.months, self.config.cost)[0]

    def until(self, stop: int) -> Ground:
        """Only what is known by the close of day stop - 1."""
        return replace(
            self,
            returns=self.returns[:stop],
            market=self.market[:stop],
            dates=self.dates[:stop],
            listed=None if self.listed is None else self.listed[:stop],
        )


@dataclass(frozen=True, eq=False)
class Book:
    """A team's book over some rows: what it wants [T, N], what that gave, and what is held after the last."""

    target: Floats
    result: Result
    holdings: Floats


def timing(exposure: Floats, ground: Ground, mean: Floats) -> Floats:
    """Timing skill [T], daily: (e of the day before - its mean) x the market, net of trading |change of e|.

    Never raw returns: who is always invested has no skill by it. `mean` [T] or one number. Row 0 is 0.
    """
    series = np.zeros(len(exposure))
    series[1:] = (exposure - mean)[:-1] * ground.market[1:]
    series[1:] -= ground.config.cost * np.abs(np.diff(exposure))
    return series


def own_book(member: Member, ground: Ground) -> Result:
    """A stock picker's own book: traded when its weights change, and at the first day of each month."""
    weights = _weights(member)
    days = ground.months.copy()
    days[1:] |= (weights[1:] != weights[:-1]).any(axis=1)
    return follow(weights, _AT_ONCE, ground.growth, days, ground.config.cost)[0]


class Team:
    """The members of one generation over all rows of a ground. Everything is computed once, when asked."""

    def __init__(
        self, members: Iterable[Member], ground: Ground, books: Mapping[str, Floats] | None = None
    ) -> None:
        """`books`: net returns [T] of `own_book` where they are known already, by member."""
        self.members = tuple(members)
        self.ground = ground
        self._books = dict(books or {})
        self._seats = {member.name: seat for seat, member in enumerate(self.members)}

    @cached_property
    def own(self) -> Floats:
        """Each member's own series [T, A], known day by day: exposures against their mean *so far*.

        Of the decision layer: what the book with all voices equal loses without the member.
        """
        equal = np.ones((len(self.ground.market), len(self.members)))
        series = np.empty_like(equal)
        whole: Floats | None = None
        for seat, member in enumerate(self.members):
            if member.layer == "decision":
                whole = self.book(equal).result.net if whole is None else whole
                series[:, seat] = whole - self._without(member.name, equal).result.net
            elif member.picks:
                series[:, seat] = self._net(member) - self.ground.benchmark.net
            else:
                exposure = _exposure(member)
                so_far = np.cumsum(exposure) / np.arange(1, len(exposure) + 1)
                series[:, seat] = timing(exposure, self.ground, so_far)
        return series

    @cached_property
    def moves(self) -> Floats:
        """What each day multiplies each voice by [T, A]: up for a layer's best, down for its worst."""
        rule = self.ground.config.darwin
        moves = np.ones_like(self.own)
        for layer in dict.fromkeys(member.layer for member in self.members):
            seats = [seat for seat, member in enumerate(self.members) if member.layer == layer]
            if len(seats) < 2:
                continue
            series = self.own[:, seats]
            ordered = np.sort(series, axis=1)
            count = max(1, int(len(seats) * rule.quantile))
            top, bottom = ordered[:, -count, None], ordered[:, count - 1, None]
            differ = top > bottom
            moves[:, seats] = np.where(
                differ & (series >= top), rule.up, np.where(differ & (series <= bottom), rule.down, 1.0)
            )
        return moves

    def voices(self, rows: slice = slice(None), start: Mapping[str, float] | None = None) -> Floats:
        """Darwinian weights [len(rows) + 1, A]: row i acts at the close of day i, by the days before it.

        The last row is what is carried on. `start`: by member, where the first row begins.
        """
        rule = self.ground.config.darwin
        moves = self.moves[rows]
        path = np.empty((len(moves) + 1, len(self.members)))
        path[0] = [(start or {}).get(member.name, rule.start) for member in self.members]
        for day, move in enumerate(moves):
            np.multiply(path[day], move, out=path[day + 1])
            np.minimum(path[day + 1], rule.high, out=path[day + 1])
            np.maximum(path[day + 1], rule.low, out=path[day + 1])
        return path

    @cached_property
    def shadow(self) -> Floats:
        """The voices [T, A] as if these members had been the team from the first day on."""
        return self.voices()[:-1]

    @cached_property
    def net(self) -> Floats:
        """The team's daily net return [T], had these members been the team from the first day on."""
        return self.book(self.shadow).result.net

    def book(
        self,
        voices: Floats,
        rows: slice = slice(None),
        start: Floats | None = None,
        without: str | None = None,
    ) -> Book:
        """The book over `rows`, traded from `start` [N] held into the first of them (default: cash).

        `voices` [len(rows) or one more, A]. `without`: a member whose seat is empty.
        """
        seats = [seat for seat, member in enumerate(self.members) if member.name != without]
        target = _target([self.members[seat] for seat in seats], voices[:, seats], self.ground, rows)
        rule = self._rule("execution", without) or _AT_ONCE
        days = trading_days(rule.every, self.ground.dates)[rows]
        growth = self.ground.growth[rows]
        first = rows.indices(len(self.ground.market))[0]
        if first > 0:
            growth = growth / self.ground.growth[first - 1]
        result, holdings = follow(target, rule, growth, days, self.ground.config.cost, start)
        return Book(target, result, holdings)

    def contribution(self, name: str) -> Floats:
        """What the team's net return [T] loses without this member, its shadow voices unchanged."""
        return self.net - self._without(name, self.shadow).result.net

    def series(self, name: str, rows: slice = slice(None)) -> Floats:
        """A member's fitness series over `rows`: timing, selection or contribution, by its role."""
        member = self.members[self._seats[name]]
        if member.layer == "decision":
            return _clean(self.contribution(name)[rows])
        if member.picks:
            return _clean((self._net(member) - self.ground.benchmark.net)[rows])
        exposure = _exposure(member)
        return _clean(timing(exposure, self.ground, exposure[rows].mean(keepdims=True))[rows])

    def replaced(self, member: Member) -> Team:
        """The same team with another member in the seat of that name."""
        books = {name: book for name, book in self._books.items() if name != member.name}
        seats = [member if old.name == member.name else old for old in self.members]
        return Team(seats, self.ground, books)

    def _without(self, name: str, voices: Floats) -> Book:
        return self.book(voices, without=name)

    def _net(self, member: Member) -> Floats:
        if member.name not in self._books:
            self._books[member.name] = own_book(member, self.ground).net
        return self._books[member.name]

    def _rule(self, role: str, without: str | None) -> ExecutionRule | None:
        found = [m.position.execution for m in self.members if m.role == role and m.name != without]
        return found[0] if found else None


def paired(child: Member, parent: Team, rows: slice = slice(None)) -> Floats:
    """Daily differences [len(rows)] of a child to the member whose seat it would take, > 0: it is better.

    Exposures: of their timing series (never of raw returns); stock pickers: of their books' net returns; the
    decision layer: of the team's net return with either in the seat. Voices are the parent's in both teams,
    so that neither borrows from them.
    """
    team = parent.replaced(child)
    if child.layer == "decision":
        return _clean((team.book(parent.shadow).result.net - parent.net)[rows])
    return _clean(team.series(child.name, rows) - parent.series(child.name, rows))


def _clean(series: Floats) -> Floats:
    return np.where(np.abs(series) < _ROUNDING, 0.0, series)


def _exposure(member: Member) -> Floats:
    if member.position.exposure is None:
        raise ValueError(f"{member.name} ({member.role}) sets no exposure")
    return member.position.exposure


def _weights(member: Member) -> Floats:
    if member.position.weights is None:
        raise ValueError(f"{member.name} ({member.role}) picks no stocks")
    return member.position.weights


def _target(members: Sequence[Member], voices: Floats, ground: Ground, rows: slice) -> Floats:
    """E W over `rows` [len(rows), N]: at most `max_exposure` in all."""
    length = len(ground.market[rows])
    rule = next((m.position.allocation for m in members if m.position.allocation), AllocationRule())
    voices = voices[:length] if rule.darwinian else np.ones((length, len(members)))
    pickers = [seat for seat, member in enumerate(members) if member.picks]
    timers = [seat for seat, member in enumerate(members) if member.role == "exposure"]
    weights = equal = ground.equal[rows]
    exposure = np.ones(length)
    if pickers:
        weights = _mean([_weights(members[seat])[rows] for seat in pickers], voices[:, pickers])
    if timers:
        exposure = _mean([_exposure(members[seat])[rows] for seat in timers], voices[:, timers])
    if rule.shrink > 0.0:
        weights = weights + rule.shrink * (equal - weights)
    for risk in (member.position for member in members if member.role == "risk"):
        if risk.veto is not None:
            weights = _renormalised(np.where(risk.veto[rows], 0.0, weights), weights.sum(axis=1))
        if risk.exposure is not None:
            exposure = exposure * risk.exposure[rows]
    if rule.cap < 1.0:
        weights = _capped(weights, rule.cap)
    target: Floats = np.clip(exposure, 0.0, ground.config.max_exposure)[:, None] * weights
    return target


def _mean(parts: Sequence[Floats], voices: Floats) -> Floats:
    """The mean of K arrays [T, ..], weighted by `voices` [T, K] > 0."""
    shares = voices / voices.sum(axis=1, keepdims=True)
    mean = np.zeros_like(parts[0])
    for share, part in zip(shares.T, parts, strict=True):
        mean += share.reshape(-1, *(1,) * (part.ndim - 1)) * part
    return mean


def _renormalised(weights: Floats, total: Floats) -> Floats:
    """Weights scaled back to `total` [T] a row; a row without any weight stays in cash."""
    left = weights.sum(axis=1)
    scale = np.divide(total, left, out=np.zeros_like(left), where=left > 0.0)
    scaled: Floats = weights * scale[:, None]
    return scaled


def _capped(weights: Floats, cap: float) -> Floats:
    """No weight above `cap`: the excess goes to the others in proportion, and to cash where none has room."""
    total = weights.sum(axis=1)
    for _ in range(math.ceil(1.0 / cap)):  # each round fills one more stock to its cap
        full = weights >= cap
        if not (weights > cap).any():
            break
        weights = np.where(full, cap, weights)
        rest = np.where(full, 0.0, weights)
        room = np.maximum(total - (weights - rest).sum(axis=1), 0.0)
        weights = np.where(full, cap, _renormalised(rest, room))
    capped: Floats = np.minimum(weights, cap)
    return capped
