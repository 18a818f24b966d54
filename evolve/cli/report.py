"""`report`: what was said at the end of a run, and its tables, out of the ledger alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evolve.cli.options import chosen_run, parser
from evolve.components import load
from evolve.ledger import journal
from evolve.report import findings_text, write_exports
from evolve.substrate import Findings

__all__ = ["main"]


def main(args: Sequence[str]) -> int:
    made = parser("report", "What was said at the end of a run; writes results.tsv and trials.parquet.")
    made.add_argument("--to", type=Path, metavar="DIR", help="where to write (outputs/RUN)")
    options = made.parse_args(args)
    run = chosen_run(options.ledger, options.run)
    entries = journal(options.ledger, run)
    said = next((e.value["findings"] for e in entries if e.kind == "findings"), None)
    print(f"{run}\n")
    print(findings_text(Findings.from_json(said)) if said else f"It has not ended: python -m evolve resume={run}")
    domain = next((e.value["domain"] for e in entries if e.kind == "run"), None)
    metric = load("substrates", domain).metric.name if domain else "score"
    out = options.to or Path("outputs") / run
    write_exports(options.ledger, run, out, metric)
    print(f"\nWritten to {out}: results.tsv, trials.parquet" + (", findings.json" if said else ""))
    return 0
