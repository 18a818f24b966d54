"""What is said at the end: one test named beforehand, and everything that should temper it.

The test: the difference of the Sharpe ratios evolved - frozen, over all days that the run walked through, net
of costs; stationary bootstrap with blocks of 21 days, one-sided at 0.025. Every figure comes from the record
of the run and the panel that it names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evolve.genome import Genome
from evolve.substrate import Chart, Findings, Record, Table
from substrates.finance import charts, evidence
from substrates.finance.desk import Desk
from substrates.finance.portfolio import Floats
from substrates.finance.settings import Calendar
from substrates.finance.statistics import (
    DAYS_A_YEAR,
    Comparison,
    annual_turnover,
    bootstrap_difference,
    deflated_sharpe,
    jobson_korkie_memmel,
    max_drawdown,
    overfitting_probability,
    sharpe,
)

__all__ = ["LEVEL", "findings"]

LEVEL = 0.025
"""One-sided, named beforehand."""

_SEED = 20_260_101
"""Of the bootstrap: the same record always says the same."""

_NAMES = {
    "frozen": "frozen seeds",
    "best_of_n": "best of N edits",
    "greedy": "greedy acceptance",
    "random_pick": "random pick",
}


@dataclass(frozen=True, eq=False)
class Track:
    """Daily net returns, turnover and costs of one way to trade the same days."""

    net: Floats
    turnover: Floats
    cost: Floats

    @classmethod
    def of(cls, record: Record) -> Track:
        """The windows of a run, one after the other."""
        windows = [track for o in record.outcomes if (track := evidence.track_of(o)) is not None]
        parts = (
            np.concatenate([np.asarray(w[name], dtype=float) for w in windows] or [np.zeros(0)])
            for name in ("net", "turnover", "cost")
        )
        return cls(*parts)

    def row(self, name: str) -> tuple[Any, ...]:
        return (
            name,
            _shown(sharpe(self.net)),
            _shown(100 * float(self.net.mean()) * DAYS_A_YEAR) if len(self.net) else None,
            _shown(100 * max_drawdown(self.net)),
            _shown(annual_turnover(self.turnover)),
            _shown(100 * float(self.cost.mean()) * DAYS_A_YEAR) if len(self.cost) else None,
        )


def findings(record: Record, desk: Desk, sealed: Callable[[], Desk], days: Calendar) -> Findings:
    """`desk` ends where the walk ends; `sealed()` opens all days, which is done only where audits were."""
    evolved = Track.of(record)
    walked = slice(days.first, days.first + len(evolved.net))
    result = desk.ground.benchmark[walked]
    tracks = {"evolved": evolved, "equal weight": Track(result.net, result.turnover, result.cost)}
    tracks |= {_NAMES.get(name, name): Track.of(other) for name, other in record.baselines.items()}
    trials = _trial_series(record, desk, walked)
    figures = _figures(record, evolved, result.net, trials)
    tables = [_ways(tracks), _luck(figures)]
    frozen = tracks.get(_NAMES["frozen"])
    test, helped, sentence = None, None, _without_test(record)
    if frozen is not None and len(frozen.net) == len(evolved.net) > 0:
        test = bootstrap_difference(evolved.net, frozen.net, _SEED)
        helped = test.difference > 0 and test.p <= LEVEL
        z = jobson_korkie_memmel(evolved.net, frozen.net)
        figures |= _finite({"difference": test.difference, "p": test.p, "low": test.low, "high": test.high, "jkm_z": z})
        sentence = _sentence(test, helped, z, len(evolved.net))
    tables += _understood(record)
    notes = [_kept(record, name) for name in record.baselines if name in _NAMES and name != "frozen"]
    if record.audits:
        more, words = _audit(record, sealed(), days)
        tables += more
        notes += words
    notes += _data(desk)
    return Findings(
        sentence,
        score=figures.get("sharpe"),
        helped=helped,
        figures=figures,
        tables=tuple(tables),
        notes=tuple(note for note in notes if note),
        charts=tuple(_charts(record, tracks, desk, days)),
    )


# -- the walk ----------------------------------------------------------------------------------


def _figures(record: Record, evolved: Track, equal: Floats, trials: Floats) -> dict[str, float]:
    """The evolved team's figures, deflated by every candidate that evidence chose from."""
    ratios = [sharpe(column, annualised=False) for column in trials.T]
    finite = [ratio for ratio in ratios if math.isfinite(ratio)]
    variance = float(np.var(finite, ddof=1)) if len(finite) > 1 else 0.0
    count, walked = max(record.screened, 1), len(evolved.net) > 0
    return _finite(
        {
            "sharpe": sharpe(evolved.net),
            "active_sharpe": sharpe(evolved.net - equal),
            # Of the active return, as the trials' own ratios are: one unit for the figure and for its correction.
            "deflated_sharpe": deflated_sharpe(evolved.net - equal, count, variance) if walked else math.nan,
            "trials": float(count),
            "attempts": float(len(record.attempts)),
            "kept": float(sum(a.verdict == "keep" for a in record.attempts)),
            "drawdown": max_drawdown(evolved.net),
            "turnover": annual_turnover(evolved.turnover),
            "cost": float(evolved.cost.mean()) * DAYS_A_YEAR if len(evolved.cost) else 0.0,
            "pbo": overfitting_probability(trials),
            "days": float(len(evolved.net)),
        }
    )


def _trial_series(record: Record, desk: Desk, rows: slice) -> Floats:
    """Own series [T, M] of everything that was tried, over the walked days; without the decision layer, whose
    series are of a team that has passed."""
    columns = []
    for attempt in record.attempts:
        if attempt.outcome.ok:
            agent = desk.agent(attempt.lineage, attempt.genome)
            if agent.layer != "decision":
                columns.append(desk.solo(agent, rows))
    return np.column_stack(columns) if columns else np.zeros((rows.stop - rows.start, 0))


def _ways(tracks: Mapping[str, Track]) -> Table:
    columns = ("", "Sharpe ratio", "return, % a year", "drawdown, %", "turnover a year", "cost, % a year")
    return Table("The walk: all days out of sample, net of costs", columns, tuple(t.row(n) for n, t in tracks.items()))


def _luck(figures: Mapping[str, float]) -> Table:
    """What the number of trials makes of the figures: deflated Sharpe ratios, and PBO by CSCV."""
    rows = (
        ("candidates that evidence chose from", int(figures["trials"])),
        ("Sharpe ratio of what is added to equal weight", figures.get("active_sharpe")),
        ("deflated by them: the probability that it adds anything", figures.get("deflated_sharpe")),
        ("PBO: how often the best half-sample trial is below the median after", figures.get("pbo")),
    )
    shown = tuple((name, value if isinstance(value, int) else _shown(value)) for name, value in rows)
    return Table("How much of it is luck", ("", ""), shown)


def _sentence(test: Comparison, helped: bool, z: float, days: int) -> str:
    figures = (
        f"Sharpe difference evolved - frozen {test.difference:+.3f} (95 % interval {test.low:+.3f} to "
        f"{test.high:+.3f}, one-sided p {test.p:.3f}, Jobson-Korkie-Memmel z {z:+.2f}) over {days:,} days "
        "out of sample, net of costs"
    )
    if helped:
        return f"There is evidence that evolution helped: {figures}."
    if test.difference == 0.0:
        same = f"the evolved team did what the seeds did, over {days:,} days"
        return f"There is no evidence that evolution helped: {same}."
    return f"There is no evidence that evolution helped: {figures}."


def _without_test(record: Record) -> str:
    kept = sum(a.verdict == "keep" for a in record.attempts)
    return (
        f"{kept} of {len(record.attempts)} attempts were kept; whether that helped was not tested, because no "
        "frozen team was run beside (run.baselines=[frozen])."
    )


def _kept(record: Record, name: str) -> str:
    other = record.baselines[name]
    kept = sum(a.verdict == "keep" for a in other.attempts)
    return f"{_NAMES[name]} kept {kept} of {len(other.attempts)} attempts."


def _understood(record: Record) -> list[Table]:
    """Free English of every champion beside what it was read as, each once, by agent."""
    rows: dict[tuple[str, ...], None] = {}
    for outcomes in record.outcomes:
        for name, outcome in outcomes.items():
            for passage in outcome.evidence.get("free_english", ()):
                read_as = " ".join(passage.get("read", ())) or f"nothing: {passage.get('why', '')}"
                rows[name, passage["said"], read_as] = None
    if not rows:
        return []
    return [Table("What the reader understood", ("agent", "as written", "read as"), tuple(sorted(rows)))]


def _charts(record: Record, tracks: Mapping[str, Track], desk: Desk, days: Calendar) -> list[Chart]:
    dates = desk.panel.dates[days.first : days.first + len(tracks["evolved"].net)]
    starts = {g: str(desk.panel.dates[int(s.get("start", days.first))]) for g, s in enumerate(record.states)}
    return charts.wealth(dates, {name: track.net for name, track in tracks.items()}) + charts.voices(record, starts)


# -- what was sealed ---------------------------------------------------------------------------


def _audit(record: Record, desk: Desk, days: Calendar) -> tuple[list[Table], list[str]]:
    """Both final teams, and every champion of the run, on days that nothing has seen."""
    periods = {"sealed": slice(days.audit, days.audit_end)}
    if days.after_end - days.audit_end > DAYS_A_YEAR:
        periods["prices only"] = slice(days.audit_end, days.after_end)
    teams = {"evolved": _onward(desk, record.final, record.state, days)}
    seeds = record.baselines.get("frozen")
    if seeds is not None:
        teams["frozen seeds"] = _onward(desk, record.seeds, seeds.state, days)
    rows: list[tuple[Any, ...]] = []
    for period, span in periods.items():
        for name, net in {**teams, "equal weight": desk.ground.benchmark.net}.items():
            rows.append((period, name, _shown(sharpe(net[span])), _shown(100 * max_drawdown(net[span]))))
    shown = [
        Table("What was sealed", ("period", "team", "Sharpe ratio", "drawdown, %"), tuple(rows)),
        _champions(record),
    ]
    if seeds is None:  # whose voices and holdings at the start of the period would be made up
        return shown, []
    span = periods["sealed"]
    test = bootstrap_difference(teams["evolved"][span], teams["frozen seeds"][span], _SEED)
    words = (
        f"Sealed period: Sharpe difference evolved - frozen {test.difference:+.3f}, one-sided p {test.p:.3f}; "
        "it repeats the test on days that nothing has seen and decides nothing."
    )
    return shown, [words]


def _onward(desk: Desk, genomes: Mapping[str, Genome], state: Mapping[str, Any], days: Calendar) -> Floats:
    """A final team's net return [T] from the end of its walk on, with the voices that it had then."""
    team = desk.team(genomes)
    rows = slice(min(int(state.get("start", days.end)), days.end), days.after_end)
    found = evidence.walk(team, rows, state.get("voices", {}), state.get("holdings", []))
    net = np.zeros(len(desk.ground.market))
    net[rows] = found.result.net
    return net


def _champions(record: Record) -> Table:
    """Every champion: the score it was tried with beside the sealed one."""
    tried = {(a.lineage, a.genome.digest): a for a in record.attempts if a.verdict == "keep"}
    rows = []
    for (lineage, digest), outcome in record.audits.items():
        attempt = tried.get((lineage, digest))
        before = attempt.outcome.score if attempt else _first_score(record, lineage, digest)
        what = f"generation {attempt.generation}" if attempt else "seed"
        rows.append((lineage, what, _shown(before), _shown(outcome.score)))
    columns = ("agent", "champion since", "own Sharpe when chosen", "own Sharpe, sealed")
    return Table("Every champion on the sealed period", columns, tuple(rows))


def _first_score(record: Record, lineage: str, digest: str) -> float | None:
    for champions, outcomes in zip(record.champions, record.outcomes, strict=True):
        if lineage in champions and champions[lineage].digest == digest:
            return outcomes[lineage].score
    return None


# -- words and numbers -------------------------------------------------------------------------


def _data(desk: Desk) -> list[str]:
    """What was missing, each sentence once, however many series it is about."""
    said = list(dict.fromkeys(desk.panel.missing.values()))
    if not desk.panel.sectors:
        said.append(
            "no stock has a sector, so whatever needs one is neutral; name a map: substrate.market.sectors=FILE"
        )
    return [f"Data: {sentence}" for sentence in said]


def _shown(value: float | None) -> float | None:
    return round(value, 4) if value is not None and math.isfinite(value) else None


def _finite(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if math.isfinite(value)}
