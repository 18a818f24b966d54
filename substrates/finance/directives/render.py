"""A directive in English. `parse(render(directive)) == directive` for every directive that can be built."""

from __future__ import annotations

from decimal import Decimal
from functools import singledispatch

from substrates.finance.directives.series import MONTHS, Unit, phrase_of
from substrates.finance.directives.tree import (
    CapStocks,
    Clause,
    Condition,
    Directive,
    Keep,
    Measure,
    Quantity,
    Rank,
    Scale,
    ShrinkBook,
    StockTest,
    Tilt,
    TradeBand,
    TradeEvery,
    TradeStep,
    VetoWhere,
    VetoWorst,
    VolatilityTarget,
    WeighAgents,
    Window,
)


def render(directive: Directive) -> str:
    """The canonical English sentence of a directive, with its full stop."""
    return f"{_sentence(directive)}."


def number(value: float, unit: Unit = "percent") -> str:
    """A number without loss: 0.125 is `12.5 %`, `12.5` or `0.125` by its unit. Zero is always `0`."""
    if value == 0:
        return "0"
    if unit == "percent":
        return percent(value)
    exact = Decimal(repr(value))
    return _plain(exact * 100 if unit == "points" else exact)


def percent(share: float) -> str:
    """A share of something without loss: 0.125 is `12.5 %`, 0 is `0 %`."""
    return f"{_plain(Decimal(repr(share)) * 100)} %"


def _plain(exact: Decimal) -> str:
    text = format(exact, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _adjective(window: Window) -> str:
    return f"{window.count}-{window.unit}"


def _span(window: Window) -> str:
    return f"{window.count} {window.unit}{'' if window.count == 1 else 's'}"


def _measure(measure: Measure) -> str:
    window = _adjective(measure.window)
    if measure.form in ("average", "high"):
        return f"distance from the {window} {measure.form}"
    if measure.skip is None:
        return f"{window} {measure.form}"
    skipped = _span(measure.skip).removeprefix("1 ")
    return f"{window} {measure.form} skipping the last {skipped}"


def _condition(condition: Condition) -> str:
    quantity, side = condition.quantity, condition.side
    if quantity.form == "distance" and condition.level == 0 and quantity.window is not None:
        return f"{_subject(quantity.subject)} is {side} its {_adjective(quantity.window)} average"
    return f"{_quantity(quantity)} is {side} {number(condition.level, quantity.unit)}"


def _subject(subject: str) -> str:
    return "the market" if subject == "market" else phrase_of(subject)


def _quantity(quantity: Quantity) -> str:
    subject = quantity.subject
    if quantity.window is None:
        return phrase_of(subject)
    window = _adjective(quantity.window)
    if quantity.form == "share":
        return f"the share of stocks above their {window} average"
    if quantity.form == "distance":
        return f"the distance of {_subject(subject)} from its {window} average"
    if subject == "market":
        if quantity.form == "drawdown":
            return f"the market's drawdown from its {window} high"
        return f"the market's {window} {quantity.form}"
    return f"the {window} {quantity.form} of {phrase_of(subject)}"


def _clause(clause: Clause) -> str:
    if isinstance(clause, Condition):
        return f"when {_condition(clause)}"
    first, last = MONTHS[clause.first - 1], MONTHS[clause.last - 1]
    return f"in {first}" if first == last else f"in {first} to {last}"


def _at_average(test: StockTest) -> bool:
    return test.measure.form == "average" and test.level == 0


@singledispatch
def _sentence(directive: Directive) -> str:
    raise TypeError(f"not a directive: {directive!r}")


@_sentence.register
def _scale(directive: Scale) -> str:
    clause = _clause(directive.clause)
    if directive.factor == 0.5:
        return f"Halve exposure {clause}"
    verb = "Cut" if directive.factor < 1 else "Raise"
    return f"{verb} exposure to {percent(directive.factor)} {clause}"


@_sentence.register
def _target(directive: VolatilityTarget) -> str:
    return f"Target {percent(directive.target)} volatility over {_span(directive.window)}"


@_sentence.register
def _rank(directive: Rank) -> str:
    over = " sectors" if directive.over == "sectors" else ""
    order = "lowest " if directive.order == "lowest" else ""
    text = f"Rank{over} by {order}{_measure(directive.measure)}; hold the top {directive.hold}"
    text += f"; rebalance {directive.every}"
    if directive.inverse_volatility is not None:
        text += f"; weigh by inverse {_adjective(directive.inverse_volatility)} volatility"
    return text


@_sentence.register
def _keep(directive: Keep) -> str:
    test = directive.test
    if _at_average(test):
        return f"Hold a stock only while it is {test.side} its {_adjective(test.measure.window)} average"
    level = number(test.level, test.measure.unit)
    return f"Hold a stock only while its {_measure(test.measure)} is {test.side} {level}"


@_sentence.register
def _tilt(directive: Tilt) -> str:
    return f"{'Prefer' if directive.prefer else 'Avoid'} {directive.sector} {_clause(directive.clause)}"


@_sentence.register
def _veto_worst(directive: VetoWorst) -> str:
    noun = "stock" if directive.count == 1 else "stocks"
    return f"Veto the {directive.count} {noun} with the {directive.order} {_measure(directive.measure)}"


@_sentence.register
def _veto_where(directive: VetoWhere) -> str:
    test = directive.test
    window = _adjective(test.measure.window)
    if _at_average(test):
        return f"Veto stocks {test.side} their {window} average"
    if test.measure.form == "high" and test.side == "below" and test.level < 0:
        return f"Veto stocks more than {percent(-test.level)} below their {window} high"
    return f"Veto stocks with {_measure(test.measure)} {test.side} {number(test.level, test.measure.unit)}"


@_sentence.register
def _trade_every(directive: TradeEvery) -> str:
    return f"Trade {directive.every}"


@_sentence.register
def _trade_band(directive: TradeBand) -> str:
    return f"Trade only when the target has moved by more than {percent(directive.band)}"


@_sentence.register
def _trade_step(directive: TradeStep) -> str:
    return f"Move {percent(directive.step)} of the way each day"


@_sentence.register
def _weigh(directive: WeighAgents) -> str:
    return "Weigh agents by Darwinian weight" if directive.darwinian else "Weigh agents equally"


@_sentence.register
def _cap(directive: CapStocks) -> str:
    return f"Cap each stock at {percent(directive.cap)}"


@_sentence.register
def _shrink(directive: ShrinkBook) -> str:
    return f"Shrink the book {percent(directive.share)} towards equal weight"
