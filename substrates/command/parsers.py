"""The primary metric out of what a measuring command printed or wrote. Pure: text in, numbers out.

Read are `METRIC name=value` lines and the JSON of hyperfine (with and without `exit_codes` and
`memory_usage_byte`), pytest-benchmark, Google Benchmark and pyperf. Times are in seconds in every JSON format.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FORMATS", "Reading", "Unreadable", "read"]


class Unreadable(ValueError):
    """There is not exactly one finite primary metric. The message says, in one clause, what there is instead."""


@dataclass(frozen=True)
class Reading:
    """`primary`: finite. `others`: whatever else was measured, finite, by name."""

    primary: float
    others: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Benchmark:
    """One benchmark of a JSON report: the names it answers to, its figures by name, and how it failed if it did."""

    names: tuple[str, ...]
    figures: Mapping[str, float]
    failed: str = ""


def read(format: str, metric: str, text: str) -> Reading:
    """Raises Unreadable where the text does not hold exactly one finite value of the metric.

    In JSON the metric is `BENCHMARK.FIGURE`, or `FIGURE` where there is one benchmark, or `BENCHMARK` for the usual
    figure (`mean`; in Google Benchmark's `real_time`).
    """
    if format == "auto":
        format = _guess(text)
    if format == "metric":
        return _lines(metric, text)
    parse, usual = _JSON[format]
    try:
        found = list(parse(_document(text, format)))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"the JSON is none of {format}'s ({type(error).__name__}: {error})") from None
    return _picked(found, metric, usual)


# -- METRIC lines --------------------------------------------------------------------------------

# As pi-autoresearch writes them; the name may hold whatever is no space and no '='.
_LINE = re.compile(r"^METRIC[ \t]+([^\s=]+)=(\S+)[ \t]*\r?$", re.MULTILINE)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def _lines(metric: str, text: str) -> Reading:
    """Of the primary metric one value; of every other name the last that is a number."""
    primary: list[str] = []
    others: dict[str, float] = {}
    for name, value in _LINE.findall(text):
        if name == metric:
            primary.append(value)
        elif _finite(value) is not None:
            others[name] = float(value)
    if not primary:
        names = f"; it printed {', '.join(sorted(others)[:8])}" if others else ""
        raise Unreadable(f"no line `METRIC {metric}=NUMBER` was printed{names}")
    values = [_finite(value) for value in primary]
    for text_of, number in zip(primary, values, strict=True):
        if number is None:
            raise Unreadable(f"METRIC {metric}={text_of[:40]} is no finite number")
    if len(set(values)) > 1:
        raise Unreadable(f"METRIC {metric} was printed with {len(set(values))} different values")
    return Reading(float(primary[0]), others)


def _finite(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


# -- JSON ----------------------------------------------------------------------------------------


def _document(text: str, format: str) -> Mapping[str, Any]:
    """The JSON object in a text; what a tool printed before it is passed over."""
    start = text.find("{")
    try:
        value, _ = json.JSONDecoder().raw_decode(text[max(start, 0) :])
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Unreadable(f"there is no JSON object of {format} in it")
    return value


def _guess(text: str) -> str:
    """By the keys that only one of the formats has; METRIC lines where it is no JSON."""
    if _LINE.search(text):
        return "metric"
    try:
        value = _document(text, "any")
    except Unreadable:
        return "metric"
    rows = value.get("benchmarks", value.get("results"))
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    if "results" in value and "command" in first:
        return "hyperfine"
    for key, name in (("stats", "pytest-benchmark"), ("runs", "pyperf"), ("iterations", "google-benchmark")):
        if key in first:
            return name
    raise Unreadable("the JSON is of no known format: set substrate.format")


def _hyperfine(value: Mapping[str, Any]) -> Iterator[_Benchmark]:
    for row in value["results"]:
        figures = _numbers(row)
        if memory := row.get("memory_usage_byte"):
            figures["memory_usage_byte"] = max(float(m) for m in memory)
        # Under --ignore-failure hyperfine times what fails; a signal is null.
        codes = [code for code in row.get("exit_codes", []) if code != 0]
        yield _Benchmark((str(row["command"]),), figures, f"ended with the exit code {codes[0]}" if codes else "")


def _pytest_benchmark(value: Mapping[str, Any]) -> Iterator[_Benchmark]:
    for row in value["benchmarks"]:
        yield _Benchmark((str(row["name"]), str(row.get("fullname", row["name"]))), _numbers(row["stats"]))


_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def _google_benchmark(value: Mapping[str, Any]) -> Iterator[_Benchmark]:
    """Repetitions of one name are one benchmark: the median of each figure."""
    rows: dict[str, list[dict[str, float]]] = {}
    failed: dict[str, str] = {}
    for row in value["benchmarks"]:
        name = str(row["name"])
        if row.get("error_occurred") or row.get("skipped"):  # the latter since 1.8
            failed[name] = f"was skipped: {str(row.get('error_message') or row.get('skip_message') or '')[:80]}"
        figures = _numbers(row)
        for time in ("real_time", "cpu_time"):
            figures[time] *= _SECONDS[row.get("time_unit", "ns")]
        rows.setdefault(name, []).append(figures)
    for name, repetitions in rows.items():
        common = set.intersection(*(set(r) for r in repetitions))
        figures = {f: statistics.median(r[f] for r in repetitions) for f in sorted(common)}
        yield _Benchmark((name,), figures, failed.get(name, ""))


def _pyperf(value: Mapping[str, Any]) -> Iterator[_Benchmark]:
    """What all benchmarks of a file share stands at its top; of a single one that includes its name."""
    common = value.get("metadata", {})
    for row in value["benchmarks"]:
        metadata = {**common, **row.get("metadata", {})}
        values = [float(v) for run in row["runs"] for v in run.get("values", [])]
        if not values:  # calibration alone
            continue
        figures = {"mean": statistics.fmean(values), "median": statistics.median(values)}
        figures.update(min=min(values), max=max(values), stdev=statistics.stdev(values) if len(values) > 1 else 0.0)
        yield _Benchmark((str(metadata.get("name", "")),), figures)


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(v) for name, v in row.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}


_JSON: Mapping[str, tuple[Callable[[Mapping[str, Any]], Iterator[_Benchmark]], str]] = {
    "hyperfine": (_hyperfine, "mean"),
    "pytest-benchmark": (_pytest_benchmark, "mean"),
    "google-benchmark": (_google_benchmark, "real_time"),
    "pyperf": (_pyperf, "mean"),
}

FORMATS = ("auto", "metric", *_JSON)


def _picked(found: Sequence[_Benchmark], metric: str, usual: str) -> Reading:
    """The one figure that the metric names."""
    hits = [(b, figure) for b in found for figure in _figures_named(b, metric, usual, len(found) == 1)]
    names = ", ".join(sorted({b.names[0] for b in found})[:8]) or "none"
    if not hits:
        raise Unreadable(f"no benchmark has the figure {metric!r}; benchmarks: {names}")
    if len(hits) > 1:
        raise Unreadable(f"{len(hits)} benchmarks are named {metric!r}; benchmarks: {names}")
    benchmark, figure = hits[0]
    if benchmark.failed:
        raise Unreadable(f"the benchmark {benchmark.names[0][:60]!r} {benchmark.failed}")
    primary = benchmark.figures[figure]
    if not math.isfinite(primary):
        raise Unreadable(f"{metric} is {primary}, no finite number")
    others = {
        f"{b.names[0]}.{f}" if b.names[0] else f: v
        for b in found
        for f, v in b.figures.items()
        if math.isfinite(v) and not b.failed and (b is not benchmark or f != figure)
    }
    return Reading(primary, others)


def _figures_named(benchmark: _Benchmark, metric: str, usual: str, alone: bool) -> list[str]:
    named = {f for f in benchmark.figures if any(metric == f"{name}.{f}" for name in benchmark.names)}
    if metric in benchmark.names and usual in benchmark.figures:
        named.add(usual)
    if alone and metric in benchmark.figures:
        named.add(metric)
    return sorted(named)
