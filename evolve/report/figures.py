"""What is drawn: plotly figures as plain data. Colours are names that the page looks up, for light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evolve.report.story import FAILED, Story, Try
from evolve.substrate import Chart

__all__ = ["MANY", "Figure", "charts", "evidence", "family_tree", "held_out", "progress", "texts"]

MANY = 3000
"""Points from which WebGL draws them: in SVG 15,000 take seconds (measured), here a part of one."""

MOST_LABELS = 8
"""Lines that are named at their ends; of more, only those that ended furthest from the middle."""


LONGEST_LABEL = 24
"""Characters; a longer name is cut, so that the lines keep their room."""


@dataclass(frozen=True)
class Figure:
    """`said`: in one sentence, what is to be seen. `zoom`: the wheel zooms. Heights in pixels."""

    name: str
    title: str
    said: str
    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    height: int = 380
    zoom: bool = False


# Colours by name: the page has one value for light and one for dark (Okabe and Ito's, safe for the colour-blind).
_LOOKS = {
    "keep": {"color": "accent", "symbol": "diamond", "size": 9, "opacity": 1.0},
    "discard": {"color": "faint", "symbol": "circle", "size": 4, "opacity": 0.6},
    "undecided": {"color": "second", "symbol": "circle-open", "size": 6, "opacity": 0.9},
    "failed": {"color": "warn", "symbol": "x", "size": 6, "opacity": 0.9},
}
_SAID = {"keep": "kept", "discard": "discarded", "undecided": "undecided", "failed": "failed"}


def _look(verdict: str) -> str:
    return "failed" if verdict in FAILED else verdict if verdict in _LOOKS else "discard"


def _dots(tries: Sequence[tuple[int, Try]], y: Sequence[float | None], x: Sequence[float]) -> list[dict[str, Any]]:
    """A trace a look: discards first, so that what was kept lies on top.

    `tries` are (number from 1, attempt); `said` points into the page's texts, which are carried once.
    """
    kind = "scattergl" if len(tries) > MANY else "scatter"
    traces = []
    for look in ("discard", "undecided", "failed", "keep"):
        rows = [i for i, (_, t) in enumerate(tries) if _look(t.verdict) == look]
        if rows:
            traces.append(
                {
                    "type": kind,
                    "mode": "markers",
                    "name": _SAID[look],
                    "x": [x[i] for i in rows],
                    "y": [y[i] for i in rows],
                    "said": [tries[i][0] - 1 for i in rows],
                    "hovertemplate": "%{text}<extra></extra>",
                    "marker": dict(_LOOKS[look]),
                }
            )
    return traces


def texts(story: Story) -> list[str]:
    """What is said of each attempt where the mouse is over it."""
    return [_hover(t) for t in story.tries]


def _hover(t: Try) -> str:
    return (
        f"{t.commit[:10]} {_plain(t.lineage, 60)}, generation {t.generation}: {t.verdict}<br>{_plain(t.hypothesis, 90)}"
    )


def _plain(text: str, most: int = LONGEST_LABEL) -> str:
    """Plotly reads a little HTML in texts: what comes from a genome or a domain must not be any."""
    short = text if len(text) <= most else text[: most - 1] + "…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def progress(story: Story) -> Figure:
    """Every attempt a dot by status, the running best a line with the noise floor around it, the baselines' bests
    beside it."""
    scored = [(n, t) for n, t in enumerate(story.tries, 1) if t.score is not None]
    traces = _dots(scored, [t.score for _, t in scored], [n for n, _ in scored])
    count = max(len(story.tries), 1)
    notes = []
    runs = {"this run": (story.best, "accent", "solid")}
    begins = story.begins
    for name, other in story.baselines.items():
        runs[name.replace("_", " ")] = ([(int(g), float(s)) for g, s in other["best"]], f"line{len(runs)}", "dot")
    for name, (steps, color, dash) in runs.items():
        if steps:
            xs = [begins[min(g, len(begins) - 1)] for g, _ in steps] + [count]
            ys = [s for _, s in steps] + [steps[-1][1]]
            if name == "this run" and story.floor is not None:
                traces.insert(0, _band(xs, ys, story.floor))
            line = {"color": color, "width": 2.5 if name == "this run" else 1.2, "shape": "hv", "dash": dash}
            said = f"best of {_plain(name)}: %{{y:.4g}}<extra></extra>"
            traces.append({"type": "scatter", "mode": "lines", "x": xs, "y": ys, "line": line, "hovertemplate": said})
            notes.append(_label(count, ys[-1], name, color))
    better = "higher" if story.metric.sign > 0 else "lower"
    floor = ""
    if story.floor is not None and story.best:
        floor = (
            f" The band around this run's line is the noise floor, {story.floor:.3g} to either side: the standard "
            "deviation of the difference between two trials of one and the same genome. What one trial shows inside "
            "it is noise; of noise alone, one in three lies outside."
        )
    return Figure(
        "progress",
        "Score over attempts",
        f"Each dot is an attempt by its own score ({story.metric.name}, {better} is better); the lines are each "
        f"generation's best champion, as it was measured then.{floor}",
        traces,
        _layout("attempts", f"{story.metric.name}", notes, right=_room(runs)),
    )


def _band(x: Sequence[float], y: Sequence[float], floor: float) -> dict[str, Any]:
    """What lies by no more than `floor` from a line of steps."""
    xs = [x[0], *(end for step in x[1:] for end in (step, step))]
    ys = [*(level for level in y[:-1] for _ in (0, 1)), y[-1]]
    return {
        "type": "scatter", "mode": "lines", "x": [*xs, *reversed(xs)],
        "y": [*(level + floor for level in ys), *(level - floor for level in reversed(ys))],
        "fill": "toself", "fillcolor": "band", "line": {"width": 0}, "hoverinfo": "skip",
    }  # fmt: skip


def evidence(story: Story) -> Figure | None:
    """Effects in units of their own noise, with the band that noise alone fills; None where scores have no noise."""
    known = [(n, t) for n, t in enumerate(story.tries, 1) if t.evidence is not None]
    if not known:
        return None
    traces = _dots(known, [t.evidence for _, t in known], [n for n, _ in known])
    band = {
        "type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": -2, "y1": 2,
        "fillcolor": "band", "line": {"width": 0}, "layer": "below",
    }  # fmt: skip
    layout = _layout("attempts", "effect / its standard error", [], right=20)
    layout["shapes"] = [band]
    return Figure(
        "evidence",
        "Effect over noise",
        "Each attempt's measured effect against its parent, in standard errors. The band, two to either side, is what "
        "noise alone fills; what was kept had to stand out of it by more, the more candidates were looked at.",
        traces,
        layout,
        height=320,
    )


def family_tree(story: Story) -> Figure:
    """A row a lineage, a column a generation; lines go from parents to children."""
    rows = {name: i for i, name in enumerate(sorted(story.seeds, reverse=True))}
    place = {commit: (-1.0, float(rows[name])) for name, commit in story.seeds.items()}
    seen: dict[tuple[str, int], int] = {}
    for t in story.tries:
        slot = seen[t.lineage, t.generation] = seen.get((t.lineage, t.generation), -1) + 1
        place[t.commit] = (t.generation + 0.3 * (slot % 3), rows.get(t.lineage, 0) + 0.12 * (slot // 3))
    lines: dict[str, list[list[float | None]]] = {"discard": [[], []], "keep": [[], []], "join": [[], []]}
    for t in story.tries:
        for i, parent in enumerate(t.parents):
            if parent in place and (i == 0 or t.verdict == "keep"):
                kind = "keep" if t.verdict == "keep" and i == 0 else "join" if t.verdict == "keep" else "discard"
                for axis in (0, 1):
                    lines[kind][axis] += [place[parent][axis], place[t.commit][axis], None]
    looks = {
        "discard": {"color": "faint", "width": 0.5},
        "keep": {"color": "accent", "width": 2},
        "join": {"color": "second", "width": 1.5, "dash": "dot"},
    }
    kind = "scattergl" if len(story.tries) > MANY else "scatter"
    traces: list[dict[str, Any]] = [
        {"type": kind, "mode": "lines", "x": x, "y": y, "line": looks[name], "hoverinfo": "skip",
         "opacity": 0.35 if name == "discard" else 1.0}
        for name, (x, y) in lines.items() if x
    ]  # fmt: skip
    numbered = list(enumerate(story.tries, 1))
    at = [place[t.commit] for t in story.tries]
    traces += _dots(numbered, [y for _, y in at], [x for x, _ in at])
    names = sorted(rows, key=rows.__getitem__)
    layout = _layout("generation", "", [], right=20)
    layout["yaxis"] = {
        **layout["yaxis"],
        "tickmode": "array",
        "tickvals": [rows[n] for n in names] if len(names) <= 60 else [],
        "ticktext": [_plain(name) for name in names] if len(names) <= 60 else [],
        "automargin": True,
    }
    return Figure(
        "tree",
        "Who descends from whom",
        "A row a lineage, from its seed on the left. A strong line leads to a change that was kept, a dotted one from "
        "the other parent of a crossover, a faint one to what was discarded. The wheel zooms, dragging moves.",
        traces,
        layout,
        height=max(380, min(900, 90 + 22 * len(rows))),
        zoom=True,
    )


def held_out(story: Story) -> Figure | None:
    """What a champion was chosen on beside what was held out; on the line the gap is the seeds', which nobody chose."""
    kept, points = {(t.lineage, t.genome) for t in story.kept}, []
    for (lineage, digest), audit in story.audits.items():
        before = story.chosen_on(lineage, digest)
        if before is not None and audit is not None:
            points.append((lineage, before, audit, (lineage, digest) in kept))
    if not points:
        return None
    traces: list[dict[str, Any]] = []
    for crowned, look, said in ((False, "discard", "seed"), (True, "keep", "kept")):
        rows = [p for p in points if p[3] is crowned]
        marker = dict(_LOOKS[look]) | {"size": 9, "opacity": 0.9}
        traces.append(
            {
                "type": "scatter", "mode": "markers", "x": [p[1] for p in rows], "y": [p[2] for p in rows],
                "text": [f"{_plain(p[0])} ({said})" for p in rows], "marker": marker,
                "hovertemplate": "%{text}<br>chosen on %{x:.3g}, held out %{y:.3g}<extra></extra>",
            }
        )  # fmt: skip
    gaps = [p[2] - p[1] for p in points if not p[3]]
    gap = sum(gaps) / len(gaps) if gaps else 0.0
    ends = [min(p[1] for p in points), max(p[1] for p in points)]
    traces.append(
        {
            "type": "scatter", "mode": "lines", "x": ends, "y": [x + gap for x in ends],
            "line": {"color": "ink", "width": 1, "dash": "dot"}, "hoverinfo": "skip",
        }
    )  # fmt: skip
    better = "below" if story.metric.sign > 0 else "above"
    return Figure(
        "held_out",
        "Chosen on, and held out",
        f"Each champion's {story.metric.name} on what it was chosen on, and on what nobody saw; diamonds were kept, "
        "circles are seeds. On the dotted line the gap between both is that of the seeds, which nobody chose; a cloud "
        f"of diamonds {better} it is overfitting.",
        traces,
        _layout("score that it was chosen on", "score on what was held out", [], right=20),
    )


def charts(drawn: Sequence[Chart]) -> list[Figure]:
    """The domain's own lines; each is named at its end, the first is the accent."""
    figures = []
    for number, chart in enumerate(drawn):
        ends = {name: next((v for v in reversed(line) if v is not None), None) for name, line in chart.lines}
        few = len(chart.lines) <= MOST_LABELS
        named = set(ends) if few else _extremes(ends)
        traces, notes = [], []
        for i, (name, line) in enumerate(chart.lines):
            strong = i == 0 if few else name in named
            color = "accent" if i == 0 and few else f"line{i % 6}" if few or strong else "faint"
            traces.append(
                {
                    "type": "scatter", "mode": "lines", "x": list(chart.x), "y": list(line),
                    "line": {"color": color, "width": 2.4 if strong and few else 1.2},
                    "hovertemplate": f"{_plain(name)}: %{{y:.4g}}<extra></extra>",
                }
            )  # fmt: skip
            end = ends[name]
            if name in named and end is not None:
                notes.append(_label(chart.x[-1], end, name, color))
        layout = _layout("", chart.unit, notes, right=_room(named))
        if chart.unit.endswith("log"):
            layout["yaxis"]["type"] = "log"
        layout["hovermode"] = "closest"
        figures.append(Figure(f"chart{number}", chart.title, chart.said, traces, layout))
    return figures


def _room(names: Iterable[str]) -> int:
    """Pixels for the longest label, about 6.5 a character of 12 pixels' height."""
    return 16 + round(6.5 * min(LONGEST_LABEL, max(map(len, names), default=0)))


def _extremes(ends: Mapping[str, float | None]) -> set[str]:
    known = sorted((v, n) for n, v in ends.items() if v is not None)
    half = MOST_LABELS // 2
    return {n for _, n in (*known[:half], *known[-half:])}


def _label(x: Any, y: float, text: str, color: str) -> dict[str, Any]:
    """At the end of a line: nothing has to be looked up in a legend. The page keeps labels apart."""
    return {"x": x, "y": y, "text": _plain(text), "color": color}


def _layout(x: str, y: str, labels: Sequence[Mapping[str, Any]], right: int) -> dict[str, Any]:
    return {
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": "pan",
        "margin": {"l": 60, "r": right, "t": 8, "b": 44},
        "xaxis": {"title": {"text": x}, "zeroline": False},
        "yaxis": {"title": {"text": y}, "zeroline": False},
        "labels": list(labels),
    }
