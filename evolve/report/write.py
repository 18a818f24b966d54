"""What a run leaves in a folder, written whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evolve.report.comparison import compared, multiples, sentences
from evolve.report.exports import write_exports
from evolve.report.html import page_of, rendered, shown
from evolve.report.story import Story

__all__ = ["FILES", "write_comparison", "write_report"]

FILES = "report.html, results.tsv, trials.parquet, lineages.csv, findings.json"


def write_report(ledger: Path, run: str, out: Path) -> Story:
    """The page and the tables of a run, into `out`, out of its ledger alone."""
    story = Story.read(ledger, run)
    write_exports(story, out)
    (out / "report.html").write_text(page_of(ledger, story), encoding="utf-8")
    return story


def write_comparison(ledger: Path, runs: Sequence[str], out: Path) -> list[str]:
    """The page that compares runs, into `out`; and its sentences."""
    stories = [Story.read(ledger, run) for run in runs]
    said = sentences(stories)
    page = rendered(
        "sweep.html.j2",
        title=f"{len(stories)} runs: evolve",
        drawn=multiples(stories),
        stories=stories,
        headline=said,
        table_of_runs=shown(compared(stories)),
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "comparison.html").write_text(page, encoding="utf-8")
    return said
