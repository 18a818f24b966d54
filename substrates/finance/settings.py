"""What a person may set, and which days of a panel are for what."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

from evolve.errors import UsageError
from substrates.finance.ground import Darwin, TeamConfig

__all__ = ["BUILT_IN", "Calendar", "FinanceSettings", "MarketSettings", "Period", "ProposalSettings", "ReaderName"]


@dataclass(frozen=True)
class Period:
    """Dates of the run; the first day of a period is its first market day on or after that date."""

    first: str
    last: str
    audit: str
    audit_last: str
    after_last: str


BUILT_IN = Period("1994-01-03", "2011-12-30", "2012-01-03", "2017-03-29", "2022-12-28")
"""The built-in market. Four years before the first trade; while all series live the audit is sealed; what
follows has prices only."""

_WARM_UP = 1 / 3
_SEALED = 1 / 4
"""Of a user's own prices, where no dates are given: a third to learn from, the last quarter sealed."""

_FIRSTS = ("first_day", "audit_day")


class ReaderName(str, Enum):
    directives = "directives"
    openai = "openai"


@dataclass(frozen=True)
class MarketSettings:
    path: str | None = None  # CSV or Parquet of prices, wide or long; null: the built-in market
    sectors: str | None = None  # CSV ticker,sector; null: the built-in ones, or none for own prices


@dataclass(frozen=True)
class ProposalSettings:
    """The embedded mutator's offers for one rewrite. All of them are counted as trials."""

    count: int = 8  # edits tried in full
    crossovers: float = 0.3  # share of them that takes over a directive from a donor
    vocabulary: int = 40  # documented directives ranked by their solo t, at most


@dataclass(frozen=True)
class FinanceSettings:
    reader: ReaderName = ReaderName.directives  # openai: lines in free English are read by the language model
    market: MarketSettings = field(default_factory=MarketSettings)
    cost_bps: float = 5.0  # a share of the traded value, in 1/10,000
    max_exposure: float = 1.0  # 1: fully invested, no borrowing
    window: int = 63  # market days of a generation: a quarter
    fitness_days: int = 252  # market days that rank the agents: a year
    duel_days: int = 504  # least history of a duel: two years
    first_day: str | None = None  # of trading; null: 1994-01-03, or after a third of own prices
    last_day: str | None = None  # of the walk; null: 2011-12-30, or before the last quarter
    audit_day: str | None = None  # first sealed day; null: 2012-01-03, or the first after last_day
    audit_last: str | None = None  # last sealed day; null: 2017-03-29, or the last of own prices
    darwin: Darwin = field(default_factory=Darwin)
    proposals: ProposalSettings = field(default_factory=ProposalSettings)

    def team(self) -> TeamConfig:
        return TeamConfig(self.cost_bps / 1e4, self.max_exposure, self.darwin)

    def check(self) -> None:
        """Raise UsageError for a number that means nothing."""
        for name, value, least in (
            ("window", self.window, 1),
            ("fitness_days", self.fitness_days, 20),
            ("duel_days", self.duel_days, 60),
            ("cost_bps", self.cost_bps, 0.0),
            ("max_exposure", self.max_exposure, 0.01),
            ("proposals.count", self.proposals.count, 1),
        ):
            if not value >= least:
                raise UsageError(f"substrate.{name}={value} is too small; give {least} or more.")
        darwin = self.darwin
        for name, number, low, high in (
            ("cost_bps", self.cost_bps, 0.0, 1000.0),
            ("max_exposure", self.max_exposure, 0.01, 10.0),
            ("proposals.crossovers", self.proposals.crossovers, 0.0, 1.0),
            ("proposals.vocabulary", self.proposals.vocabulary, 0, 1000),
            ("darwin.quantile", darwin.quantile, 0.01, 0.5),
            ("darwin.low", darwin.low, 0.001, darwin.start),
            ("darwin.high", darwin.high, darwin.start, 1000.0),
            ("darwin.up", darwin.up, 1.0, 10.0),
            ("darwin.down", darwin.down, 0.01, 1.0),
        ):
            if not low <= number <= high:
                raise UsageError(f"substrate.{name}={number} means nothing: give {low:g} to {high:g}.")


@dataclass(frozen=True)
class Calendar:
    """Rows of a panel. The walk trades [first, end); [audit, audit_end) is sealed; then prices only."""

    first: int
    end: int
    audit: int
    audit_end: int
    after_end: int

    @classmethod
    def of(cls, dates: npt.NDArray[np.datetime64], settings: FinanceSettings) -> Calendar:
        """From the settings, the built-in market's dates, or shares of a user's own.

        Raises UsageError where the panel is too short for a warm-up, one window and a sealed period.
        """
        own = settings.market.path is not None
        days = len(dates)

        def row(key: str, given: str | None, built_in: str, share: float) -> int:
            text = given if given is not None else (None if own else built_in)
            if text is None:
                return int(days * share)
            return int(np.searchsorted(dates, _date(key, text), side="left" if key in _FIRSTS else "right"))

        first = row("first_day", settings.first_day, BUILT_IN.first, _WARM_UP)
        end = row("last_day", settings.last_day, BUILT_IN.last, 1 - _SEALED)
        sealed = settings.audit_day or (None if own else BUILT_IN.audit)
        audit = end if sealed is None else row("audit_day", sealed, sealed, 0)
        audit_end = row("audit_last", settings.audit_last, BUILT_IN.audit_last, 1.0)
        calendar = cls(first, end, audit if settings.audit_day else max(audit, end), audit_end, days)
        calendar._check(settings, days)
        return calendar

    def _check(self, settings: FinanceSettings, days: int) -> None:
        if self.first < settings.fitness_days or self.end - self.first < settings.window:
            raise UsageError(
                f"the prices have {days} days, which leaves {self.first} before the first trade and "
                f"{max(self.end - self.first, 0)} to trade; at least {settings.fitness_days} and "
                f"{settings.window} are needed: give longer prices, or set substrate.first_day, last_day, "
                "window or fitness_days."
            )
        if self.end - settings.fitness_days < settings.duel_days:
            raise UsageError(
                f"the walk ends {self.end} days after the first price, so that no child could ever be judged: a duel "
                f"needs {settings.duel_days} days that end {settings.fitness_days} days before. Give longer prices, or "
                "set substrate.duel_days or fitness_days lower, or last_day later."
            )
        if self.audit < self.end:
            raise UsageError(
                f"substrate.audit_day={settings.audit_day} lies within the walk, which would see what is sealed: "
                "name a day after substrate.last_day."
            )
        if self.audit_end - self.audit < settings.window:
            raise UsageError(
                f"the sealed period has {max(self.audit_end - self.audit, 0)} days; at least "
                f"{settings.window} are needed: set substrate.last_day earlier or audit_last later."
            )


def _date(key: str, text: str) -> np.datetime64:
    try:
        return np.datetime64(text, "D")
    except ValueError as error:
        raise UsageError(f"substrate.{key}={text} is no date; write it as 1994-01-03.") from error
