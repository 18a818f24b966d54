"""Numbers out of reports: golden samples of every format, and whatever is not exactly one finite number."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from substrates.command.parsers import FORMATS, Unreadable, read

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> str:
    return (SAMPLES / f"{name}.json").read_text(encoding="utf-8")


GOLDEN = [
    ("hyperfine-1.10", "hyperfine", "mean", 0.0421),
    ("hyperfine-1.10", "hyperfine", "render page.html", 0.0421),
    ("hyperfine-1.15", "hyperfine", "nap.median", 0.013685360400000002),
    ("hyperfine-1.15", "hyperfine", "sleep 0.02", 0.023315553400000005),
    ("hyperfine-1.19", "hyperfine", "render page.html.min", 0.0408),
    ("hyperfine-1.19", "hyperfine", "memory_usage_byte", 9502720.0),
    ("pytest-benchmark-5", "pytest-benchmark", "test_parse.min", 2.1140003809705376e-07),
    ("pytest-benchmark-5", "pytest-benchmark", "test_b.py::test_parse.ops", 4221903.301336034),
    ("pytest-benchmark-5", "pytest-benchmark", "test_render", 1.2534513882206095e-06),
    ("google-benchmark-1.7", "google-benchmark", "BM_Fill/8", 1.6622050151125674e-08),
    ("google-benchmark-1.7", "google-benchmark", "BM_Fill/8_mean.cpu_time", 1.6674696116757249e-08),
    ("google-benchmark-1.7", "google-benchmark", "BM_Fill/8.items_per_second", 4.8314458526266927e08),
    ("pyperf-2", "pyperf", "parse.min", 1.3730004866374656e-08),
    ("pyperf-2-single", "pyperf", "render.median", None),
    ("pyperf-2-single", "pyperf", "mean", None),
]


@pytest.mark.parametrize(("name", "format", "metric", "value"), GOLDEN)
@pytest.mark.parametrize("auto", [False, True])
def test_golden_samples(name: str, format: str, metric: str, value: float | None, auto: bool) -> None:
    reading = read("auto" if auto else format, metric, "some tool said this\n" + sample(name))
    if value is None:
        runs = json.loads(sample(name))["benchmarks"][0]["runs"]
        values = sorted(v for run in runs for v in run.get("values", []))
        value = sum(values) / len(values) if metric == "mean" else (values[2] + values[3]) / 2
    assert reading.primary == pytest.approx(value, rel=1e-12)
    assert all(math.isfinite(v) for v in reading.others.values())


def test_the_other_figures_are_named() -> None:
    assert read("auto", "nap.mean", sample("hyperfine-1.15")).others["sleep 0.02.max"] == 0.024312822400000003
    assert "nap.mean" not in read("auto", "nap.mean", sample("hyperfine-1.15")).others


@pytest.mark.parametrize(
    ("format", "metric", "text", "said"),
    [
        ("hyperfine", "mean", sample("hyperfine-1.15"), "no benchmark has the figure 'mean'; benchmarks: nap, sleep"),
        ("hyperfine", "gone.mean", sample("hyperfine-1.19"), "no benchmark has the figure 'gone.mean'"),
        ("hyperfine", "mean", sample("hyperfine-1.19").replace("[\n        0,", "[\n        1,"), "exit code 1"),
        ("hyperfine", "stddev", sample("hyperfine-1.10"), "no benchmark has the figure 'stddev'"),
        ("hyperfine", "mean", sample("hyperfine-1.10").replace('"mean": 0.0421', '"mean": NaN'), "is nan, no finite"),
        ("hyperfine", "mean", "done in 3 s", "there is no JSON object of hyperfine in it"),
        ("hyperfine", "mean", "[1, 2]", "there is no JSON object of hyperfine in it"),
        ("hyperfine", "mean", sample("pyperf-2"), "the JSON is none of hyperfine's (KeyError: 'results')"),
        ("pyperf", "mean", '{"benchmarks": [{"runs": [{"warmups": [[1, 2.0]]}]}]}', "benchmarks: none"),
        ("pyperf", "mean", '{"benchmarks": 3}', "the JSON is none of pyperf's"),
        ("google-benchmark", "BM_Bad", sample("google-benchmark-1.7"), "'BM_Bad' was skipped: no data"),
        ("google-benchmark", "x", '{"benchmarks": [{"name": "x", "cpu_time": 1}]}', "none of google-benchmark's"),
        ("pytest-benchmark", "t", '{"benchmarks": [{"name": "t", "stats": {"mean": "1"}}]}', "no benchmark has"),
        ("auto", "mean", '{"results": [1]}', "the JSON is of no known format: set substrate.format"),
        ("auto", "x", "", "no line `METRIC x=NUMBER` was printed"),
        ("metric", "x", "METRIC y=1\nMETRIC z=2\n", "no line `METRIC x=NUMBER` was printed; it printed y, z"),
        ("metric", "x", " METRIC x=1", "no line"),
        ("metric", "x", "METRIC x = 1", "no line"),
        ("metric", "x", "METRIC x=", "no line"),
        ("metric", "x", "METRIC x=1\nMETRIC x=2", "METRIC x was printed with 2 different values"),
        ("metric", "x", "METRIC x=1\nMETRIC x=NaN", "METRIC x=NaN is no finite number"),
        ("metric", "x", "METRIC x=-inf", "METRIC x=-inf is no finite number"),
        ("metric", "x", "METRIC x=1_000", "METRIC x=1_000 is no finite number"),
        ("metric", "x", "METRIC x=0x10", "METRIC x=0x10 is no finite number"),
        ("metric", "x", "METRIC x=12ms", "METRIC x=12ms is no finite number"),
    ],
)
def test_what_is_not_one_finite_number(format: str, metric: str, text: str, said: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read(format, metric, text)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_two_benchmarks_of_one_name_are_two_metrics() -> None:
    twice = json.loads(sample("hyperfine-1.19"))
    twice["results"] *= 2
    with pytest.raises(Unreadable, match="2 benchmarks are named"):
        read("auto", "render page.html", json.dumps(twice))


def test_metric_lines_as_pi_autoresearch_has_them() -> None:
    text = "building\nMETRIC parse_µs=3\r\nMETRIC total_µs=15200\nMETRIC parse_µs=4.5e0  \n"
    text += "METRIC bad=nan\nMETRIC total_µs=15200\n"
    reading = read("auto", "total_µs", text)
    assert (reading.primary, reading.others) == (15200.0, {"parse_µs": 4.5})


def test_metric_lines_win_over_json_beside_them() -> None:
    assert read("auto", "x", '{"results": []}\nMETRIC x=1\n').primary == 1.0


@given(st.sampled_from(FORMATS), st.text() | st.binary().map(lambda b: b.decode("utf-8", "replace")))
def test_no_text_breaks_it(format: str, text: str) -> None:
    with suppress(Unreadable):
        assert math.isfinite(read(format, "x", text).primary)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["benchmarks", "results", "runs", "values", "name", "x", "stats", "metadata", "command", "mean"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(FORMATS), st.dictionaries(st.sampled_from(["benchmarks", "results", "metadata"]), JSON))
def test_no_json_breaks_it(format: str, value: object) -> None:
    with suppress(Unreadable):
        assert math.isfinite(read(format, "x", json.dumps(value)).primary)


def test_a_deep_document_is_no_way_out() -> None:
    with pytest.raises(Unreadable):
        read("hyperfine", "mean", '{"results": ' + "[" * 100_000)
