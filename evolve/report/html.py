"""One self-contained HTML page: nothing is fetched, and nothing that a genome says is ever markup or script."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from omegaconf import OmegaConf

from evolve.ledger import files_of
from evolve.printable import rounded
from evolve.report import figures as draw
from evolve.report.changes import changes
from evolve.report.figures import Figure
from evolve.report.findings import cell
from evolve.report.story import Story
from evolve.substrate import Picture, Table

__all__ = ["headline", "page_of", "rendered", "shown", "spent"]

_MOST_CHANGES = 400
"""Kept changes shown with their diffs, the newest: more than a person reads, and a bound on the page."""


def page_of(ledger: Path, story: Story) -> str:
    """The page of one run."""
    wanted = [draw.progress(story), draw.evidence(story), draw.family_tree(story)] if story.tries else []
    drawn = [figure for figure in wanted if figure is not None]
    held = draw.held_out(story)
    drawn += [held] if held is not None else []
    said = story.findings
    drawn += draw.charts(said.charts) if said else []
    return rendered(
        "run.html.j2",
        title=f"{story.run}: evolve",
        drawn=drawn,
        texts=draw.texts(story),
        story=story,
        headline=headline(story),
        facts=_facts(story),
        tables=[shown(table) for table in (*(said.tables if said else ()), *_models(story))],
        pictures=_pictures(said.pictures if said else ()),
        notes=(*said.notes, *_left_out(story)) if said else (),
        kept=_kept(ledger, story),
        failures=_failures(story),
        time=_time(story.seconds),
        spent=spent(story),
        configuration=OmegaConf.to_yaml(OmegaConf.create(dict(story.settings))),
    )


def rendered(template: str, title: str, drawn: Sequence[Figure], texts: Sequence[str] = (), **values: Any) -> str:
    """A template of the page folder, with its figures as data and a policy that allows our two scripts alone.

    `texts`: what the dots of several figures say, carried once.
    """
    from plotly.offline import get_plotlyjs

    place = files("evolve.report.page")
    script, plotly = place.joinpath("page.js").read_text(encoding="utf-8"), get_plotlyjs()
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: place.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        title=title,
        policy=f"default-src 'none'; script-src {_hash(plotly)} {_hash(script)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'",
        css=Markup(place.joinpath("page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        plotly=Markup(plotly),
        figures=drawn,
        figures_json=Markup(_data({"figures": [asdict(one) for one in drawn], "texts": texts})),
        **values,
    )


def _data(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


# -- words -------------------------------------------------------------------------------------


def headline(story: Story) -> list[str]:
    """What was kept, what it is worth, what it cost, in two or three sentences."""
    tried, kept = len(story.tries), len(story.kept)
    lineages = len({t.lineage for t in story.kept})
    where = f" in {lineages} of {len(story.seeds)} lineages" if kept else ""
    what = f"{kept:,} of {tried:,} attempts were kept{where}, over {story.generations:,} generations."
    cost = f"It took {_time(story.seconds)} and {spent(story)}."
    if story.findings is None:
        return [f"The run has not ended: python -m evolve resume={story.run}", f"{what} {cost}"]
    return [story.findings.sentence, " ".join(part for part in (what, _audit(story), cost) if part)]


def _audit(story: Story) -> str:
    standing = story.standing
    if not standing:
        return ""
    before, audit = (sum(part) / len(standing) for part in list(zip(*standing, strict=True))[1:])
    if len(standing) == 1:
        subject, were = f"the {story.metric.name} of the champion", "it was"
    else:
        subject, were = f"the mean {story.metric.name} of the {len(standing)} champions", "they were"
    return (
        f"On what was held out, {subject} is {rounded(audit)}; it was {rounded(before)} when {were} "
        f"chosen{_seeds(story)}."
    )


def _seeds(story: Story) -> str:
    """The same of the seeds, which nobody chose: what was held out may be harder or easier by itself."""
    audits: dict[str, float | None] = {}
    for (name, _), score in story.audits.items():
        audits.setdefault(name, score)  # a lineage's first champion is its seed
    first = story.measured[0] if story.measured else {}
    known = [(first[name], audit) for name, audit in audits.items() if audit is not None and name in first]
    if not known:
        return ""
    before, after = (sum(part) / len(known) for part in zip(*known, strict=True))
    return f" (their seeds {rounded(after)} and {rounded(before)})"


def _facts(story: Story) -> list[tuple[str, str]]:
    facts = [(f"{len(story.kept):,} of {len(story.tries):,}", "attempts kept")]
    facts.append((f"{story.generations:,}", "generations"))
    if story.findings is not None and story.findings.score is not None:
        what = story.findings.scored or f"{story.metric.name} at the end"
        facts.insert(0, (rounded(story.findings.score), what))
    facts.append((f"{len(story.seeds):,}", "lineages"))
    facts.append((f"{len(story.failed):,}", "attempts failed"))
    facts.append((f"{sum(t.screened for t in story.tries):,}", "candidates looked at"))
    return facts


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def spent(story: Story) -> str:
    """In words: calls, tokens and money, as far as they are known."""
    cost = story.cost
    if not any(cost.values()):
        return "no money"
    words = [f"{cost[u]:,.0f} {u[:-1] if cost[u] == 1 else u}" for u in ("calls", "tokens") if u in cost]
    unknown = ["money that is not known, as llm.prices has no price of a model"] if story.asked else []
    return ", ".join([*words, *([f"{cost['usd']:,.2f} US dollars"] if "usd" in cost else unknown)])


def _left_out(story: Story) -> list[str]:
    """Baselines that were asked for and are not there: with less to spend than the run they would be no comparison."""
    wanted = story.settings.get("run", {}).get("baselines", ())
    return [
        f"The baseline {name} was left out: the budget did not reach for it."
        for name in wanted
        if name not in story.baselines
    ]


def _models(story: Story) -> list[Table]:
    if not story.asked:
        return []
    columns = ("model", "calls", "failed", "from memory", "prompt tokens", "answer tokens", "US dollars", "seconds")
    rows = [
        (a.model, a.calls, a.failed, a.remembered, a.prompt_tokens, a.answer_tokens, a.usd, round(a.seconds, 1))
        for a in story.asked
    ]
    return [Table("What language models were asked, for baselines too", columns, tuple(rows))]


# -- parts -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cells:
    """A table as it is shown: text, and which columns hold numbers."""

    title: str
    columns: tuple[str, ...]
    cells: list[list[str]]
    numeric: list[bool]


def shown(table: Table) -> _Cells:
    numeric = [
        all(isinstance(row[i], int | float | None) for row in table.rows) and bool(table.rows)
        for i in range(len(table.columns))
    ]
    return _Cells(table.title, table.columns, [[cell(value) for value in row] for row in table.rows], numeric)


def _pictures(pictures: Sequence[Picture]) -> dict[str, list[tuple[str, str]]]:
    """By title: what each says, and its data as an address. An image runs no script, whatever is in it."""
    by_title: dict[str, list[tuple[str, str]]] = {}
    for one in pictures:
        data = base64.b64encode(one.svg.encode()).decode()
        by_title.setdefault(one.title, []).append((one.said, f"data:image/svg+xml;base64,{data}"))
    return by_title


def _kept(ledger: Path, story: Story) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """By lineage, in order: each kept attempt with what it changed."""
    last = story.kept[-_MOST_CHANGES:]
    # A genome's digest is its git tree.
    texts = files_of(ledger, list(dict.fromkeys(d for t in last for d in (t.genome, t.parent))))
    by_lineage: dict[str, list[Mapping[str, Any]]] = {}
    for t in last:
        by_lineage.setdefault(t.lineage, []).append(
            {
                "t": t,
                "effect": _number(t.effect) + (f", {t.evidence:.2f} standard errors" if t.evidence is not None else ""),
                "expected": _number(t.expected),
                "changes": list(changes(texts[t.parent], texts[t.genome])),
            }
        )
    return sorted(by_lineage.items())


def _failures(story: Story) -> list[Mapping[str, Any]]:
    by_kind: dict[str, list[Any]] = {}
    for t in story.failed:
        by_kind.setdefault(t.verdict, []).append(t)
    return [{"verdict": kind, "count": len(found), "example": found[-1]} for kind, found in sorted(by_kind.items())]


def _number(value: float | None) -> str:
    return "none" if value is None else rounded(value)
