"""Tables for other programs: results.tsv (autoresearch's columns), trials.parquet (every attempt, every field),
lineages.csv (a line a lineage), findings.json (what was said at the end), headline.json."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evolve.report.story import Story, Try

__all__ = ["headline_json", "write_exports"]


def headline_json(story: Story) -> dict[str, Any]:
    """The run in a few numbers."""
    said = story.findings
    return {
        "run": story.run,
        "domain": story.domain,
        "ended": story.ended,
        "sentence": said.sentence if said else None,
        "helped": said.helped if said else None,
        "score": said.score if said else None,
        "metric": (said.scored if said else "") or story.metric.name,
        "attempts": len(story.tries),
        "kept": len(story.kept),
        "failed": len(story.failed),
        "generations": story.generations,
        "seconds": story.seconds,
        "cost": story.cost,
        "slots": story.usage.to_json() if story.usage else None,
        "figures": dict(said.figures) if said else {},
    }


def write_exports(story: Story, out: Path) -> None:
    """Into `out`, which is made. Nothing here is needed to go on; all of it can be rebuilt."""
    import pandas as pd

    out.mkdir(parents=True, exist_ok=True)
    _results(story, out / "results.tsv")
    rows = [_row(story.run, t) for t in story.tries]
    columns = list(rows[0]) if rows else ["run", "commit"]
    pd.DataFrame(rows, columns=columns).to_parquet(out / "trials.parquet", index=False)
    lines = [_lineage(story, name) for name in sorted(story.seeds)]
    pd.DataFrame(lines).to_csv(out / "lineages.csv", index=False)
    _json(out / "headline.json", headline_json(story))
    if story.findings is not None:
        _json(out / "findings.json", {"reason": story.ended, "findings": story.findings.to_json()})


def _results(story: Story, path: Path) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, escapechar="\\")
        name = story.metric.name.lower().replace(" ", "_")
        writer.writerow(["commit", name, "memory_gb", "status", "description"])
        for t in story.tries:
            score = "" if t.score is None else f"{t.score:.6f}"
            memory = "" if t.memory_gb is None else f"{t.memory_gb:.1f}"
            writer.writerow([t.commit[:7], score, memory, t.verdict, " ".join(t.hypothesis.split())])


def _row(run: str, t: Try) -> dict[str, Any]:
    fields = asdict(t)
    usd = t.cost.get("usd", None if t.cost.get("calls") else 0.0)  # calls without a price: nobody knows
    lists = {"parents": ",".join(t.parents), "donors": ",".join(t.donors), "cost_usd": usd}
    del fields["cost"]
    return {"run": run, **fields, **lists}


def _lineage(story: Story, name: str) -> dict[str, Any]:
    tries = [t for t in story.tries if t.lineage == name]
    kept = [t for t in tries if t.verdict == "keep"]
    champion = kept[-1] if kept else None
    scores = [scores[name] for scores in story.measured if name in scores]
    audits = [score for (lineage, _), score in story.audits.items() if lineage == name]
    return {
        "run": story.run,
        "lineage": name,
        "seed": story.seeds[name],
        "champion": champion.commit if champion else story.seeds[name],
        "attempts": len(tries),
        "kept": len(kept),
        "failed": sum(t in story.failed for t in tries),
        "first_score": scores[0] if scores else None,
        "last_score": scores[-1] if scores else None,
        "held_out_score": audits[-1] if audits else None,
    }


def _json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
