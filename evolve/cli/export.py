"""`export LINEAGE --to DIR`: the champion's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evolve.cli.options import chosen_run, parser
from evolve.errors import UsageError
from evolve.ledger import branches, genome_of

__all__ = ["main"]


def main(args: Sequence[str]) -> int:
    made = parser("export", "Write the files of a lineage's champion.", run=False)
    made.add_argument("lineage", metavar="LINEAGE", help="its name")
    made.add_argument("--run", metavar="RUN", help="the last one when left out")
    made.add_argument("--to", type=Path, metavar="DIR", required=True, help="an empty folder, or one to be made")
    options = made.parse_args(args)
    run = chosen_run(options.ledger, options.run)
    tips = branches(options.ledger, run)
    if options.lineage not in tips:
        raise UsageError(f"There is no lineage {options.lineage!r} in {run}. Lineages: {', '.join(sorted(tips))}.")
    if options.to.exists() and (not options.to.is_dir() or any(options.to.iterdir())):
        raise UsageError(f"--to {options.to} is there and not empty. Name a folder that does not exist yet.")
    files = genome_of(options.ledger, tips[options.lineage])
    for path, text in files.items():
        target = options.to / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    print(f"{run}/{options.lineage} ({tips[options.lineage][:10]}): {', '.join(files)} written to {options.to}")
    return 0
