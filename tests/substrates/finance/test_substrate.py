"""The finance domain on a small synthetic market: protocol, time, money, and what must not be possible."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from panels import small_panel

from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.memory import Memory, NoLedger
from evolve.substrate import Case, Outcome
from evolve.testing.conformance import SubstrateConformance
from evolve.workers import LocalWorkers, RecordedBench
from substrates.finance import evidence
from substrates.finance.ground import Darwin
from substrates.finance.market.panel import Panel
from substrates.finance.settings import Calendar, FinanceSettings, ProposalSettings
from substrates.finance.statistics import sharpe
from substrates.finance.substrate import Finance

SETTINGS = FinanceSettings(
    window=30,
    fitness_days=60,
    duel_days=100,
    first_day="2000-10-02",
    last_day="2001-10-31",
    audit_day="2001-11-01",
    audit_last="2002-04-30",
)
RULES = {
    "trend": ("macro", "exposure", ["Halve exposure when the market is below its 50-day average."]),
    "season": ("macro", "exposure", ["Cut exposure to 75 % in May to October."]),
    "momentum": ("style", "selection", ["Rank by 3-month return; hold the top 3; rebalance monthly."]),
    "calm": (
        "style",
        "selection",
        [
            "Rank by lowest 42-day volatility; hold the top 4; rebalance monthly.",
            "Hold a stock only while it is above its 50-day average.",
        ],
    ),
    "cro": ("decision", "risk", ["Veto the 1 stock with the highest 42-day volatility."]),
    "alpha": ("decision", "alpha", ["Rank by lowest 5-day return; hold the top 3; rebalance weekly."]),
    "execution": ("decision", "execution", ["Trade weekly."]),
    "cio": ("decision", "allocation", ["Weigh agents by Darwinian weight."]),
}


def markdown(layer: str, role: str, lines: list[str]) -> str:
    said = "".join(f"- {line}\n" for line in lines)
    return f"# An agent\n\nLayer: {layer}\nRole: {role}\n\n## Directives\n\n{said}"


def genome(layer: str, role: str, *lines: str) -> Genome:
    return Genome({"agent.md": markdown(layer, role, list(lines))})


SEEDS = {name: genome(layer, role, *lines) for name, (layer, role, lines) in sorted(RULES.items())}


def market(seed: int = 0, length: int = 700) -> Panel:
    small = small_panel(length, seed)
    return Panel(small.dates, small.tickers, small.prices, small.sectors, small.series, {"vix": "it ended"})


def finance(panel: Panel | None = None, **changes: Any) -> Finance:
    return Finance(replace(SETTINGS, **changes), panel if panel is not None else market())


def bench(substrate: Finance) -> RecordedBench:
    memory = Memory(NoLedger())
    return RecordedBench(substrate, LocalWorkers(1), memory.outcomes, memory.add_outcome)


def cases(
    substrate: Finance, seeds: Mapping[str, Genome] = SEEDS, state: Mapping[str, Any] | None = None
) -> list[Case]:
    conditions = substrate.conditions(0, state or {}, "select")
    return [
        Case(g, name, conditions, "select", 0, {n: o for n, o in seeds.items() if n != name})
        for name, g in seeds.items()
    ]


def seat(substrate: Finance, name: str, child: Genome, purpose: str = "confirm") -> Case:
    team = {n: g for n, g in SEEDS.items() if n != name}
    return Case(child, name, substrate.conditions(5, {"start": 400}, purpose), "duel", 0, team)  # type: ignore[arg-type]


class TestConformance(SubstrateConformance):
    make = staticmethod(lambda: (finance(), SEEDS))


# -- time ----------------------------------------------------------------------------------------


def test_windows_follow_each_other_to_the_end() -> None:
    substrate, state, windows = finance(), {}, []
    while substrate.stop(state) is None:
        left = substrate.horizon(state)
        windows.append(substrate.conditions(len(windows), state, "select")["window"])
        state = substrate.advance(state, {}, [])
        assert substrate.horizon(state) == left - 1
    assert windows[0][0] == substrate.calendar.first
    assert all(a[1] == b[0] for a, b in itertools.pairwise(windows))
    assert substrate.calendar.end - windows[-1][1] < SETTINGS.window
    assert "no data left" in str(substrate.stop(state))


def test_no_day_that_ranks_a_parent_tests_its_child() -> None:
    substrate = finance()
    for state in ({}, {"start": 300}, {"start": 400}):
        select = substrate.conditions(0, state, "select")
        confirm = substrate.conditions(0, state, "confirm")
        assert confirm["rows"][1] == select["rows"][0]
        assert select["rows"][1] == select["window"][1] <= substrate.calendar.end


def test_the_sealed_days_are_on_no_desk() -> None:
    substrate = finance()
    assert len(substrate.desk.panel.dates) == substrate.calendar.end <= substrate.calendar.audit
    assert substrate.conditions(0, {}, "audit")["rows"] == [substrate.calendar.audit, substrate.calendar.audit_end]


def test_a_run_never_sees_what_comes_after() -> None:
    """Everything after the walk replaced by noise: outcomes and bouts are the same."""
    one = finance()
    prices = one.panel.prices.copy()
    prices[one.calendar.end :] = np.exp(np.random.default_rng(9).normal(3, 0.5, prices[one.calendar.end :].shape))
    old = one.panel
    two = finance(Panel(old.dates, old.tickers, prices, old.sectors, old.series, old.missing))
    found = [s.measure(cases(s), bench(s)) for s in (one, two)]
    assert {n: (o.score, o.metrics) for n, o in found[0].items()} == {
        n: (o.score, o.metrics) for n, o in found[1].items()
    }
    child = genome("style", "selection", "Rank by 6-month return; hold the top 3; rebalance monthly.")
    bouts = [
        s.compare(seat(s, "momentum", SEEDS["momentum"]), [seat(s, "momentum", child)], bench(s)) for s in (one, two)
    ]
    assert bouts[0] == bouts[1]


def test_the_days_of_the_built_in_market() -> None:
    dates = np.arange(np.datetime64("1990-01-02"), np.datetime64("2022-12-29"))
    dates = dates[np.is_busday(dates)]
    days = Calendar.of(dates, FinanceSettings())
    assert str(dates[days.first]) == "1994-01-03"
    assert str(dates[days.end - 1]) == "2011-12-30"
    assert str(dates[days.audit]) == "2012-01-03"
    assert str(dates[days.audit_end - 1]) == "2017-03-29"
    assert days.after_end == len(dates)


def test_own_prices_are_divided_by_shares() -> None:
    dates = np.arange(np.datetime64("2010-01-01"), np.datetime64("2010-01-01") + 2400)
    own = replace(FinanceSettings(), market=replace(FinanceSettings().market, path="mine.csv"))
    assert Calendar.of(dates, own) == Calendar(800, 1800, 1800, 2400, 2400)
    with pytest.raises(UsageError, match="300 days"):
        Calendar.of(dates[:300], own)
    with pytest.raises(UsageError, match="sealed period"):
        Calendar.of(dates, replace(own, last_day="2016-07-01"))
    with pytest.raises(UsageError, match="is no date"):
        Calendar.of(dates, replace(own, first_day="tomorrow"))


def test_meaningless_settings_are_refused() -> None:
    with pytest.raises(UsageError, match=r"substrate\.window=0"):
        finance(window=0)


# -- evaluation ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (markdown("style", "selection", ["Buy what rises tomorrow."]), "refused"),
        (
            markdown("style", "selection", ["Rank by next month's return; hold the top 3; rebalance monthly."]),
            "refused",
        ),
        ("no layer, no role, no rule", "invalid"),
        ("", "invalid"),
    ],
)
def test_the_gate(text: str, status: str) -> None:
    substrate = finance()
    outcome = substrate.trial(seat(substrate, "momentum", Genome({"agent.md": text})), bench(substrate))
    assert outcome.status == status
    assert outcome.evidence["reason"]
    (bout,) = substrate.compare(
        seat(substrate, "momentum", SEEDS["momentum"]),
        [seat(substrate, "momentum", Genome({"agent.md": text}))],
        bench(substrate),
    )
    assert bout.failed == status


def test_two_files_are_no_agent() -> None:
    substrate = finance()
    two = Genome({"a.md": "x", "b.md": "y"})
    assert substrate.trial(seat(substrate, "momentum", two), bench(substrate)).status == "invalid"
    with pytest.raises(UsageError, match="one Markdown file"):
        substrate.admit({"momentum": two})


def test_a_child_keeps_its_seat() -> None:
    """Who is judged as a picker cannot become a timer for an easier test."""
    substrate = finance()
    (bout,) = substrate.compare(
        seat(substrate, "momentum", SEEDS["momentum"]), [seat(substrate, "momentum", SEEDS["trend"])], bench(substrate)
    )
    assert bout.failed == "invalid"


def test_a_bout_is_all_history_at_once() -> None:
    substrate = finance()
    child = genome("style", "selection", "Rank by 6-month return; hold the top 3; rebalance monthly.")
    twin, other = substrate.compare(
        seat(substrate, "momentum", SEEDS["momentum"]),
        [seat(substrate, "momentum", SEEDS["momentum"]), seat(substrate, "momentum", child)],
        bench(substrate),
    )
    days = substrate.conditions(5, {"start": 400}, "confirm")["rows"][1]
    assert (twin.count, twin.total, twin.squares, twin.last) == (days, 0.0, 0.0, True)
    assert other.count == days
    assert other.squares > 0
    early = replace(seat(substrate, "momentum", child), conditions={**twin_conditions(substrate), "rows": [0, 99]})
    (none,) = substrate.compare(replace(early, genome=SEEDS["momentum"]), [early], bench(substrate))
    assert (none.count, none.last) == (0, True)


def twin_conditions(substrate: Finance) -> Mapping[str, Any]:
    return substrate.conditions(5, {"start": 400}, "confirm")


def test_measuring_is_one_pass_that_agrees_with_trials() -> None:
    substrate = finance()
    found = substrate.measure(cases(substrate), bench(substrate))
    for case in cases(substrate):
        alone = substrate.trial(case, bench(substrate))
        assert alone.score == pytest.approx(found[case.lineage].score)
    assert [n for n, o in found.items() if "track" in o.evidence] == [min(SEEDS)]
    worth = {a["directive"]: a["worth"] for a in found["calm"].evidence["attribution"]}
    assert len(worth) == 2
    assert all(isinstance(value, float) for value in worth.values())
    assert found["trend"].evidence["attribution"][0]["worth"] is None


def test_the_track_goes_on_from_what_was_carried() -> None:
    """Two windows of an unchanged team are one walk: no free trades, no forgotten voices at the seam."""
    substrate = finance()
    first = substrate.measure(cases(substrate), bench(substrate))
    state = substrate.advance({}, first, [])
    assert json.loads(json.dumps(state)) == state
    second = substrate.measure(cases(substrate, state=state), bench(substrate))
    tracks = [evidence.track_of(found) for found in (first, second)]
    nets = np.concatenate([track["net"] for track in tracks if track is not None])
    start = substrate.calendar.first
    whole = evidence.walk(substrate.desk.team(SEEDS), slice(start, start + 60), {}, [])
    assert nets == pytest.approx(whole.result.net, abs=1e-14)
    assert state["voices"] != dict.fromkeys(SEEDS, 1.0)


def test_rank_is_a_percentile_within_the_layer() -> None:
    def scored(layer: str, score: float | None) -> Outcome:
        return Outcome("ok", score, evidence={"layer": layer})

    last = {
        "a": scored("macro", 9.0), "b": scored("macro", 1.0), "c": scored("macro", 1.0), "d": scored("macro", None),
        "e": scored("style", -5.0),
    }  # fmt: skip
    ranks = finance().rank([{}, last], {})
    assert ranks == {"a": 0.875, "b": 0.5, "c": 0.5, "d": 0.125, "e": 0.5}


def test_an_agent_that_looks_ahead_is_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hole that evaluating once over all days would be: a position that knows the whole panel."""
    from substrates.finance import desk

    honest = desk.interpret

    def peeking(agent: Any, panel: Panel) -> Any:
        position = honest(agent, panel)
        if position.exposure is None:
            return position
        return replace(position, exposure=position.exposure * (1 + panel.market[-1]))

    monkeypatch.setattr(desk, "interpret", peeking)
    substrate = finance()
    outcome = substrate.trial(seat(substrate, "trend", SEEDS["trend"]), bench(substrate))
    assert outcome.status == "invalid"
    assert "looks ahead" in outcome.evidence["reason"]


def test_a_loss_is_demanded_only_where_costs_show_above_luck() -> None:
    cheap = finance()
    cheap.admit(SEEDS)
    assert "worse" not in {control.kind for control in cheap.controls()}


def test_a_team_has_one_of_each_single_role() -> None:
    with pytest.raises(UsageError, match=r"the agents 'cio' and 'second' both have the role allocation"):
        finance().admit({**SEEDS, "second": SEEDS["cio"]})


def test_what_has_no_effect_is_said() -> None:
    odd = genome(
        "macro", "exposure", "Halve exposure when oil is above 60.", "Listen to the captains.", "Trade weekly."
    )
    assert finance().admit(SEEDS) == []
    said = finance().admit({**SEEDS, "odd": odd})
    assert said[0] == "odd, line 9: not read, so without effect: - Listen to the captains."
    assert said[1].startswith("odd, line 10 has no effect: it is for the role execution")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cost_bps": float("inf")}, r"substrate\.cost_bps=inf means nothing: give 0 to 1000"),
        ({"darwin": Darwin(quantile=2.0)}, r"substrate\.darwin\.quantile=2\.0 means nothing: give 0\.01 to 0\.5"),
        ({"darwin": Darwin(low=5.0)}, r"substrate\.darwin\.low=5\.0 means nothing: give 0\.001 to 1"),
        ({"darwin": Darwin(high=float("nan"))}, r"substrate\.darwin\.high=nan means nothing"),
        ({"proposals": ProposalSettings(crossovers=5.0)}, r"substrate\.proposals\.crossovers=5\.0 means nothing"),
        ({"proposals": ProposalSettings(vocabulary=-5)}, r"substrate\.proposals\.vocabulary=-5 means nothing"),
        ({"audit_day": "2001-05-01"}, r"substrate\.audit_day=2001-05-01 lies within the walk"),
        ({"duel_days": 5000}, r"no child could ever be judged: a duel needs 5000 days"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        finance(**changes)


def test_controls_behave() -> None:
    substrate = finance(cost_bps=20.0)
    substrate.admit(SEEDS)
    kinds = set()
    for control in substrate.controls():
        if control.genome is None:
            continue
        kinds.add(control.kind)
        case = seat(substrate, control.lineage, control.genome)
        outcome = substrate.trial(case, bench(substrate))
        (bout,) = substrate.compare(seat(substrate, control.lineage, SEEDS[control.lineage]), [case], bench(substrate))
        if control.kind == "null":
            assert (outcome.status, bout.total, bout.squares) == ("ok", 0.0, 0.0)
        elif control.kind == "worse":
            assert outcome.ok
            assert bout.total < 0
        else:
            assert bout.failed in ("refused", "invalid")
    assert kinds == {"null", "worse", "cheat"}


def test_scores_are_sharpe_ratios_of_own_skill() -> None:
    substrate = finance()
    found = substrate.measure(cases(substrate), bench(substrate))
    rows = slice(*substrate.conditions(0, {}, "select")["rows"])
    desk, team = substrate.desk, substrate.desk.team(SEEDS)
    for name in SEEDS:
        expected = sharpe(team.series(name, rows))
        assert found[name].score == pytest.approx(expected, abs=1e-9)
        assert math.isfinite(sharpe(desk.fitness(desk.agent(name, SEEDS[name]), team, rows)))
