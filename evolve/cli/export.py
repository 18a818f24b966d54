"""`export LINEAGE`: the champion's files in a folder, or the lineage as a branch of the repository that it evolved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evolve.cli.options import chosen_run, parser
from evolve.cli.review import write_branch
from evolve.errors import UsageError
from evolve.ledger import branches, genome_of

__all__ = ["main"]


def main(args: Sequence[str]) -> int:
    made = parser("export", "Write a lineage's champion: its files, or a branch with every kept change.", run=False)
    made.add_argument("lineage", metavar="LINEAGE", help="its name")
    made.add_argument("--run", metavar="RUN", help="the last one when left out")
    where = made.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", type=Path, metavar="DIR", help="an empty folder, or one to be made")
    where.add_argument("--repository", type=Path, metavar="PATH", help="the repository whose files were evolved")
    options = made.parse_args(args)
    run = chosen_run(options.ledger, options.run)
    tips = branches(options.ledger, run)
    if options.lineage not in tips:
        raise UsageError(f"There is no lineage {options.lineage!r} in {run}. Lineages: {', '.join(sorted(tips))}.")
    if options.repository is not None:
        branch, tip, count = write_branch(options.ledger, run, options.lineage, options.repository)
        what = "one kept change" if count == 1 else f"{count} kept changes"
        print(f"{branch} ({tip[:10]}) written to {options.repository}: {what}. Look: git log -p {branch}")
        return 0
    _write_files(options.ledger, run, options.lineage, tips[options.lineage], options.to)
    return 0


def _write_files(ledger: Path, run: str, lineage: str, tip: str, to: Path) -> None:
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"--to {to} is there and not empty. Name a folder that does not exist yet.")
    files = genome_of(ledger, tip)
    for path, text in files.items():
        target = to / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    print(f"{run}/{lineage} ({tip[:10]}): {', '.join(files)} written to {to}")
