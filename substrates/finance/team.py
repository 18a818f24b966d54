"""From the positions of all agents to one book, and what each agent adds to it.

Exposure E is the weighted mean of the exposure agents, W that of the stock pickers' weights (sectors,
styles, alpha); the risk agent vetoes stocks and scales E; target = E W, traded by the execution agent. The
CIO's voices are Darwinian weights, after ATLAS. Row t of everything is known at the close of day t.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from substrates.finance.ground import (
    AT_ONCE,
    Darwin,
    Ground,
    Member,
    TeamConfig,
    exposure_of,
    own_book,
    timing,
    weights_of,
)
from substrates.finance.loops import capped, clipped_products
from substrates.finance.portfolio import Floats, Result, follow, trading_days
from substrates.finance.signals.position import AllocationRule, ExecutionRule

__all__ = ["Book", "Darwin", "Ground", "Member", "Team", "TeamConfig", "clean", "own_book", "paired", "timing"]

Mix = tuple[Floats, Floats]
"""Mean exposure [T] and mean weights [T, N] of a team, before its decision layer."""

_ROUNDING = 1e-12
"""A daily return below this is rounding: an exposure that never moves must not seem to have skill."""


@dataclass(frozen=True, eq=False)
class Book:
    """A team's book over some rows: what it wants [T, N], what that gave, and what is held after the last."""

    target: Floats
    result: Result
    holdings: Floats


class Team:
    """The members of one generation over all rows of a ground. Everything is computed once, when asked."""

    def __init__(self, members: Iterable[Member], ground: Ground, books: Mapping[str, Floats] | None = None) -> None:
        """`books`: net returns [T] of `own_book` where they are known already, by member."""
        self.members = tuple(members)
        self.ground = ground
        self._books = dict(books or {})
        self._seats = {member.name: seat for seat, member in enumerate(self.members)}
        self._mixes: dict[tuple[str, str | None], Mix] = {}

    @cached_property
    def own(self) -> Floats:
        """Each member's own series [T, A], known day by day: exposures against their mean *so far*.

        Of the decision layer: what the book with all voices equal loses without the member.
        """
        series = np.empty((len(self.ground.market), len(self.members)))
        for seat, member in enumerate(self.members):
            if member.layer == "decision":
                series[:, seat] = self._whole("equal") - self._whole("equal", member.name)
            elif member.picks:
                series[:, seat] = self._net(member) - self.ground.benchmark.net
            else:
                exposure = exposure_of(member)
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
        first = np.array([(start or {}).get(member.name, rule.start) for member in self.members])
        return clipped_products(self.moves[rows], first, rule.low, rule.high)

    @cached_property
    def shadow(self) -> Floats:
        """The voices [T, A] as if these members had been the team from the first day on."""
        return self.voices()[:-1]

    @cached_property
    def net(self) -> Floats:
        """The team's daily net return [T], had these members been the team from the first day on."""
        return self._whole("shadow")

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
        heard = voices if self._rules(without)[0].darwinian else np.ones_like(voices)
        return self._traded(self._mix(heard, rows, without), rows, start, without)

    def contribution(self, name: str) -> Floats:
        """What the team's net return [T] loses without this member, its shadow voices unchanged."""
        return self.net - self._whole("shadow", name)

    def series(self, name: str, rows: slice = slice(None)) -> Floats:
        """A member's fitness series over `rows`: timing, selection or contribution, by its role."""
        member = self.members[self._seats[name]]
        if member.layer == "decision":
            return clean(self.contribution(name)[rows])
        if member.picks:
            return clean((self._net(member) - self.ground.benchmark.net)[rows])
        exposure = exposure_of(member)
        return clean(timing(exposure, self.ground, exposure[rows].mean(keepdims=True))[rows])

    def replaced(self, member: Member, book: Floats | None = None) -> Team:
        """The same team with another member, and its own book's net return if known, in that seat."""
        books = {name: known for name, known in self._books.items() if name != member.name}
        if book is not None:
            books[member.name] = book
        return Team([member if old.name == member.name else old for old in self.members], self.ground, books)

    def heeding(self, other: Team) -> Team:
        """This team under another one's shadow voices; what both mix alike is not mixed again."""
        pairs = zip(self.members, other.members, strict=True)
        if all(mine is theirs for mine, theirs in pairs if mine.mixes or theirs.mixes):
            self._mixes = other._mixes
        self.__dict__["shadow"] = other.shadow
        return self

    def _net(self, member: Member) -> Floats:
        if member.name not in self._books:
            self._books[member.name] = own_book(member, self.ground).net
        return self._books[member.name]

    def _rules(self, without: str | None) -> tuple[AllocationRule, ExecutionRule]:
        """What CIO and execution say; without them voices are equal, and every day is traded in full."""
        allocation, execution = AllocationRule(), AT_ONCE
        for member in self.members:
            if member.name != without:
                allocation = member.position.allocation or allocation
                execution = member.position.execution or execution
        return allocation, execution

    def _whole(self, kind: Literal["equal", "shadow"], without: str | None = None) -> Floats:
        """The net return [T] over all days, from cash."""
        rows = slice(None)
        if not self._rules(without)[0].darwinian:
            kind = "equal"
        left_out = next((m.name for m in self.members if m.name == without and m.mixes), None)
        if (kind, left_out) not in self._mixes:
            count = (len(self.ground.market), len(self.members))
            voices = np.ones(count) if kind == "equal" else self.shadow
            self._mixes[kind, left_out] = self._mix(voices, rows, left_out)
        return self._traded(self._mixes[kind, left_out], rows, None, without).result.net

    def _mix(self, voices: Floats, rows: slice, without: str | None) -> Mix:
        """E [len(rows)] and W [len(rows), N]: the weighted means of what the agents say."""
        weights = self.ground.equal[rows]
        exposure = np.ones(len(weights))
        seats = [seat for seat, member in enumerate(self.members) if member.name != without]
        pickers = [seat for seat in seats if self.members[seat].picks]
        timers = [seat for seat in seats if self.members[seat].role == "exposure"]
        voices = voices[: len(weights)]
        if pickers:
            weights = _mean([weights_of(self.members[seat])[rows] for seat in pickers], voices[:, pickers])
        if timers:
            exposure = _mean([exposure_of(self.members[seat])[rows] for seat in timers], voices[:, timers])
        return exposure, weights

    def _traded(self, mix: Mix, rows: slice, start: Floats | None, without: str | None) -> Book:
        """What the decision layer makes of a mix: shrunk, vetoed, capped, scaled, then traded."""
        (exposure, weights), ground = mix, self.ground
        allocation, execution = self._rules(without)
        if allocation.shrink > 0.0:
            weights = weights + allocation.shrink * (ground.equal[rows] - weights)
        for risk in (m.position for m in self.members if m.role == "risk" and m.name != without):
            if risk.veto is not None:
                weights = _renormalised(np.where(risk.veto[rows], 0.0, weights), weights.sum(axis=1))
            if risk.exposure is not None:
                exposure = exposure * risk.exposure[rows]
        if allocation.cap < 1.0:
            weights = capped(weights, allocation.cap)
        target: Floats = np.clip(exposure, 0.0, ground.config.max_exposure)[:, None] * weights
        days = trading_days(execution.every, ground.dates)[rows]
        result, held = follow(target, execution, ground.returns[rows], days, ground.config.cost, start)
        return Book(target, result, held[-1])


def paired(child: Member, parent: Team, rows: slice = slice(None), book: Floats | None = None) -> Floats:
    """Daily differences [len(rows)] of a child to the member whose seat it would take, > 0: it is better.

    Exposures: of their timing series (never of raw returns); stock pickers: of their books' net returns; the
    decision layer: of the team's net return with either in the seat. Voices are the parent's in both teams,
    so that neither borrows from them. `book`: the net return [T] of the child's own book, if known.
    """
    team = parent.replaced(child, book)
    if child.layer == "decision":
        return clean((team.heeding(parent).net - parent.net)[rows])
    return clean(team.series(child.name, rows) - parent.series(child.name, rows))


def clean(series: Floats) -> Floats:
    """Without what is only rounding: two equal agents differ by nothing."""
    return np.where(np.abs(series) < _ROUNDING, 0.0, series)


def _mean(parts: Sequence[Floats], voices: Floats) -> Floats:
    """The mean of K arrays [T, ..], weighted by `voices` [T, K] > 0."""
    shares = voices / voices.sum(axis=1, keepdims=True)
    mean, term = np.zeros_like(parts[0]), np.empty_like(parts[0])
    for share, part in zip(shares.T, parts, strict=True):
        mean += np.multiply(share.reshape(-1, *(1,) * (part.ndim - 1)), part, out=term)
    return mean


def _renormalised(weights: Floats, total: Floats) -> Floats:
    """Weights scaled back to `total` [T] a row; a row without any weight stays in cash."""
    left = weights.sum(axis=1)
    scale = np.divide(total, left, out=np.zeros_like(left), where=left > 0.0)
    scaled: Floats = weights * scale[:, None]
    return scaled
