"""`report`: what was said at the end of a run, its page and its tables, out of the ledger alone; or runs compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from evolve.cli.options import chosen_run, parser
from evolve.errors import UsageError
from evolve.report import FILES, Story, findings_text, headline_json, write_comparison, write_report

__all__ = ["main"]


def main(args: Sequence[str]) -> int:
    made = parser("report", "The page and the tables of a run; runs, or a sweep's folder, compared.", run=False)
    made.add_argument("runs", nargs="*", metavar="RUN", help="runs, or a sweep's folder; the last run if none")
    made.add_argument("--to", type=Path, metavar="DIR", help="where to write (outputs/RUN; the sweep's own folder)")
    made.add_argument("--json", action="store_true", help="print the headline as JSON, and write nothing")
    options = made.parse_args(args)
    folder = Path(options.runs[0]) if len(options.runs) == 1 and Path(options.runs[0]).is_dir() else None
    names = _of_sweep(folder) if folder else options.runs or [None]
    runs = [chosen_run(options.ledger, name) for name in names]
    if options.json:
        told = [headline_json(Story.read(options.ledger, run)) for run in runs]
        print(json.dumps(told[0] if len(told) == 1 else told, indent=1, ensure_ascii=False))
    elif len(runs) == 1 and folder is None:
        _one(options.ledger, runs[0], options.to or Path("outputs") / runs[0])
    else:
        out = options.to or folder or Path("outputs") / f"{runs[0]}-and-{len(runs) - 1}-more"
        for sentence in write_comparison(options.ledger, runs, out):
            print(sentence)
        print(f"\nWritten to {out}: comparison.html")
    return 0


def _one(ledger: Path, run: str, out: Path) -> None:
    story = write_report(ledger, run, out)
    print(f"{run}\n")
    said = story.findings
    print(findings_text(said) if said else f"It has not ended: python -m evolve resume={run}")
    print(f"\nWritten to {out}: {FILES}")


def _of_sweep(folder: Path) -> list[str]:
    """The runs whose jobs left their headline below a sweep's folder, in the order of the jobs."""
    found = sorted(folder.glob("*/headline.json"), key=lambda p: (len(p.parent.name), p.parent.name))
    if not found:
        raise UsageError(f"{folder} is no sweep's folder: no job of it has ended. Name runs: python -m evolve runs.")
    return [str(json.loads(path.read_text(encoding="utf-8"))["run"]) for path in found]
