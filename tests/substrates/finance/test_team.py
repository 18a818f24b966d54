"""The book and what each agent adds to it, by hand and as properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from substrates.finance.portfolio import simulate
from substrates.finance.signals.position import AllocationRule, ExecutionRule, Position
from substrates.finance.team import Darwin, Ground, Member, Team, TeamConfig, own_book, paired, timing

DAYS, STOCKS = 90, 5


def ground(seed: int = 0, days: int = DAYS, **config: float) -> Ground:
    rng = np.random.default_rng(seed)
    returns = rng.normal(0.001, 0.02, (days, STOCKS))
    dates = np.datetime64("2001-01-01") + np.arange(days)
    return Ground(returns, returns.mean(axis=1), dates, TeamConfig(**config))


def timer(name: str, exposure: float | np.ndarray, days: int = DAYS) -> Member:
    return Member(name, "macro", Position("exposure", exposure=np.broadcast_to(exposure, days).astype(float)))


def picker(name: str, stock: int, layer: str = "style", days: int = DAYS) -> Member:
    weights = np.zeros((days, STOCKS))
    weights[:, stock] = 1.0
    return Member(name, layer, Position("alpha" if layer == "decision" else "selection", weights=weights))


def full_team(seed: int, days: int = DAYS) -> list[Member]:
    """Four timers, four pickers and a whole decision layer, all of them erratic."""
    rng = np.random.default_rng(seed)
    months = np.arange(days) // 21

    def weights() -> np.ndarray:
        return rng.dirichlet(np.ones(STOCKS), months[-1] + 1)[months]

    members = [timer(f"macro{i}", rng.uniform(0.3, 1.2, days), days) for i in range(4)]
    members += [Member(f"style{i}", "style", Position("selection", weights=weights())) for i in range(4)]
    risk = Position("risk", exposure=rng.uniform(0.5, 1.0, days), veto=rng.random((days, STOCKS)) < 0.2)
    rule = Position("execution", execution=ExecutionRule("weekly", 0.02, 0.7))
    cio = Position("allocation", allocation=AllocationRule(darwinian=True, cap=0.6, shrink=0.1))
    decision = {"risk": risk, "alpha": Position("alpha", weights=weights()), "execution": rule, "cio": cio}
    return members + [Member(name, "decision", position) for name, position in decision.items()]


def ones(team: Team) -> np.ndarray:
    return np.ones((len(team.ground.market), len(team.members)))


def test_the_book_by_hand() -> None:
    team = Team([timer("a", 0.4), timer("b", 0.8), picker("x", 0), picker("y", 1)], ground())
    book = team.book(ones(team))
    assert book.target[3] == pytest.approx([0.3, 0.3, 0, 0, 0])
    loud = ones(team) * [1, 3, 1, 1]
    heard = Team([*team.members, cio(True)], ground()).book(np.c_[loud, loud[:, 0]])
    assert heard.target[3, 0] == pytest.approx(0.35)
    # Without a CIO who listens to them, voices count for nothing.
    assert team.book(loud).target[3] == pytest.approx(book.target[3])
    assert book.result.net == pytest.approx(simulate(book.target, ground().returns).net)


def cio(darwinian: bool = False, cap: float = 1.0, shrink: float = 0.0) -> Member:
    rule = AllocationRule(darwinian, cap, shrink)
    return Member("cio", "decision", Position("allocation", allocation=rule))


def test_a_team_of_nobody_holds_equal_weight() -> None:
    team = Team([], ground())
    assert team.book(ones(team)).target == pytest.approx(np.full((DAYS, STOCKS), 0.2))


def test_the_risk_agent_vetoes_and_scales() -> None:
    veto = np.zeros((DAYS, STOCKS), dtype=bool)
    veto[:, 0] = True
    veto[50:] = True
    risk = Member("cro", "decision", Position("risk", exposure=np.full(DAYS, 0.5), veto=veto))
    target = Team([picker("x", 0), picker("y", 1), risk], ground()).book(np.ones((DAYS, 3))).target
    assert target[10] == pytest.approx([0, 0.5, 0, 0, 0])
    assert not target[60].any()


def test_exposure_is_bounded() -> None:
    assert Team([timer("a", 1.7)], ground()).book(np.ones((DAYS, 1))).target.sum(axis=1) == pytest.approx(1.0)
    lent = ground(max_exposure=1.5)
    assert Team([timer("a", 1.7)], lent).book(np.ones((DAYS, 1))).target.sum(axis=1) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"shrink": 0.5}, [0.6, 0.1, 0.1, 0.1, 0.1]),
        ({"cap": 0.3}, [0.3, 0, 0, 0, 0]),
        ({"cap": 0.4, "shrink": 0.5}, [0.4, 0.15, 0.15, 0.15, 0.15]),
        ({"cap": 0.1}, [0.1, 0, 0, 0, 0]),
    ],
)
def test_the_cio_shrinks_and_caps(rule: dict[str, float], expected: list[float]) -> None:
    """The excess over a cap goes to the others; where nobody has room it stays in cash."""
    target = Team([picker("x", 0), cio(**rule)], ground()).book(np.ones((DAYS, 2))).target
    assert target[5] == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 500), st.floats(0.05, 0.9))
def test_a_capped_book_is_full_or_at_its_cap(seed: int, cap: float) -> None:
    weights = np.random.default_rng(seed).dirichlet(np.full(STOCKS, 0.5), DAYS)
    alpha = Member("x", "style", Position("selection", weights=weights))
    target = Team([alpha, cio(cap=cap)], ground()).book(np.ones((DAYS, 2))).target
    assert target.max() <= cap + 1e-12
    full = np.isclose(target.sum(axis=1), 1.0)
    at_cap = np.isclose(target, cap).sum(axis=1) == (weights > 0).sum(axis=1)
    assert (full | at_cap).all()


def test_timing_rewards_no_constant_exposure() -> None:
    team = Team([timer("calm", 1.0), timer("low", 0.2)], ground())
    assert not team.series("calm").any()
    assert not team.series("low").any()


def test_timing_by_hand() -> None:
    exposure = np.where(np.arange(DAYS) % 2 == 0, 1.0, 0.0)
    field = ground()
    series = timing(exposure, field, exposure.mean(keepdims=True))
    assert series[7] == pytest.approx((exposure[6] - 0.5) * field.market[7] - 5e-4)
    rows = slice(10, 31)  # 11 days in, 10 out
    assert Team([timer("a", exposure)], field).series("a", rows)[0] == pytest.approx(
        (exposure[9] - 11 / 21) * field.market[10] - 5e-4
    )


def test_selection_is_against_equal_weight() -> None:
    even = Member("even", "style", Position("selection", weights=np.full((DAYS, STOCKS), 1 / STOCKS)))
    team = Team([even, picker("x", 2)], ground())
    assert np.abs(team.series("even")).max() == 0.0
    assert team.series("x") == pytest.approx(own_book(team.members[1], ground()).net - ground().benchmark.net)


def test_the_decision_layer_is_judged_by_what_the_team_loses() -> None:
    team = Team(full_team(1), ground())
    for name in ("risk", "alpha", "execution", "cio"):
        others = Team([m for m in team.members if m.name != name], team.ground)
        seats = [i for i, m in enumerate(team.members) if m.name != name]
        without = others.book(team.shadow[:, seats]).result.net
        assert team.series(name) == pytest.approx(team.net - without)
        assert team.series(name).any()


def test_voices_follow_the_quartiles() -> None:
    """Four pickers: each day the best one's voice x 1.05 and the worst one's x 0.95, from the next day on."""
    team = Team([picker(f"p{i}", i) for i in range(4)], ground())
    voices = team.voices()
    assert (voices[0] == 1.0).all()
    for day in (1, 40, 88):
        order = np.argsort(team.own[day])
        ratio = voices[day + 1] / voices[day]
        assert ratio[order[3]] == pytest.approx(1.05)
        assert ratio[order[0]] == pytest.approx(0.95)
        assert ratio[order[1:3]] == pytest.approx(1.0)


def test_voices_stay_within_bounds() -> None:
    field = ground(days=400)
    field.returns[:, 0] += 0.02
    field.returns[:, 1] -= 0.02
    last = Team([picker(f"p{i}", i, days=400) for i in range(4)], field).voices()[-1]
    assert (last[0], last[1]) == (Darwin().high, Darwin().low)


def test_who_is_alone_or_tied_keeps_its_voice() -> None:
    alone = Team([picker("x", 0), timer("a", 0.3)], ground())
    assert (alone.voices() == 1.0).all()
    tied = Team([picker(f"p{i}", 0) for i in range(4)], ground())
    assert (tied.voices() == 1.0).all()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 300), st.integers(2, DAYS - 2))
def test_the_future_changes_no_weight(seed: int, day: int) -> None:
    """Noise after a day, in prices and in what the agents say then, changes no voice and no target before."""
    past, future = full_team(seed), full_team(seed + 1)
    field, other = ground(seed), ground(seed + 1)
    other.returns[: day + 1] = field.returns[: day + 1]
    other.market[: day + 1] = field.market[: day + 1]

    def spliced(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
        return None if a is None or b is None else np.concatenate([a[: day + 1], b[day + 1 :]])

    mixed = [
        Member(a.name, a.layer, Position(
            a.role,
            spliced(a.position.exposure, b.position.exposure),
            spliced(a.position.weights, b.position.weights),
            spliced(a.position.veto, b.position.veto),
            a.position.execution,
            a.position.allocation,
        ))
        for a, b in zip(past, future, strict=True)
    ]  # fmt: skip
    one, two = Team(past, field), Team(mixed, other)
    assert np.array_equal(one.shadow[: day + 1], two.shadow[: day + 1])
    assert np.array_equal(one.book(one.shadow).target[: day + 1], two.book(two.shadow).target[: day + 1])
    assert one.net[: day + 1] == pytest.approx(two.net[: day + 1], abs=1e-15)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 300), st.integers(1, DAYS - 1))
def test_window_after_window_is_the_whole(seed: int, cut: int) -> None:
    """An unchanged team that carries its voices and holdings has one track record, however it is cut."""
    team = Team(full_team(seed), ground(seed))
    names = [member.name for member in team.members]
    voices = team.voices(slice(0, cut))
    first = team.book(voices, slice(0, cut))
    later = team.voices(slice(cut, DAYS), dict(zip(names, voices[-1], strict=True)))
    second = team.book(later, slice(cut, DAYS), first.holdings)
    assert np.concatenate([voices[:-1], later[:-1]]) == pytest.approx(team.shadow)
    assert np.concatenate([first.result.net, second.result.net]) == pytest.approx(team.net, abs=1e-12)


@pytest.mark.parametrize("seat", ["macro1", "style2", "risk", "alpha", "execution", "cio"])
def test_a_twin_has_no_difference(seat: str) -> None:
    team = Team(full_team(3), ground())
    twin = next(member for member in team.members if member.name == seat)
    assert not paired(twin, team).any()


@pytest.mark.parametrize("seat", ["macro1", "style2", "risk", "alpha", "execution"])
def test_paired_differences_are_of_what_the_role_is_for(seat: str) -> None:
    team, other = Team(full_team(3), ground()), Team(full_team(4), ground())
    child = next(m for m in other.members if m.name == seat)
    if seat == "execution":
        child = Member(seat, "decision", Position("execution", execution=ExecutionRule("monthly")))
    rows = slice(20, 80)
    mine, theirs = team.replaced(child), team
    if child.layer == "decision":
        expected = mine.book(team.shadow).result.net - theirs.net
    elif child.picks:
        expected = own_book(child, team.ground).net - own_book(theirs.members[6], team.ground).net
    else:
        expected = np.zeros(DAYS)
        expected[rows] = mine.series(seat, rows) - theirs.series(seat, rows)
    assert paired(child, team, rows) == pytest.approx(expected[rows])
    assert paired(child, team, rows).any()


def test_more_exposure_alone_wins_no_duel() -> None:
    """Raw returns would reward it in a rising market; the difference of timing series does not."""
    field = ground()
    field.market[:] = 0.001
    assert not paired(timer("a", 1.0), Team([timer("a", 0.2)], field)).any()


def test_only_listed_stocks_make_the_benchmark() -> None:
    listed = np.ones((DAYS, STOCKS), dtype=bool)
    listed[:30, 0] = False
    field = ground()
    field = Ground(field.returns, field.market, field.dates, field.config, listed)
    assert field.equal[0] == pytest.approx([0, 0.25, 0.25, 0.25, 0.25])
    assert field.equal[30] == pytest.approx(np.full(STOCKS, 0.2))
    assert field.until(40).benchmark.net == pytest.approx(field.benchmark.net[:40], abs=1e-15)
