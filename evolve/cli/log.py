"""`log`: a run's story in the terminal: what was tried, kept, why, with which effect, and what it changed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from evolve.cli.options import chosen_run, parser, printable
from evolve.errors import UsageError
from evolve.ledger import Record, attempts, files_of

__all__ = ["main"]

_STYLES = {"keep": "bold green", "seed": "cyan", "restored": "magenta", "undecided": "yellow"}


def main(args: Sequence[str]) -> int:
    made = parser("log", "What a run tried and kept, oldest first.")
    made.add_argument("--lineage", metavar="NAME", help="one lineage only")
    made.add_argument("--all", action="store_true", help="discarded and failed attempts too")
    made.add_argument("--diff", action="store_true", help="what each attempt changed")
    options = made.parse_args(args)
    run = chosen_run(options.ledger, options.run)
    records = attempts(options.ledger, run)
    lineages = sorted({r.trailers["Lineage"] for r in records})
    if options.lineage is not None and options.lineage not in lineages:
        raise UsageError(f"There is no lineage {options.lineage!r} in {run}. Lineages: {', '.join(lineages)}.")
    mine = [r for r in records if options.lineage in (None, r.trailers["Lineage"])]
    shown = [r for r in mine if options.all or r.trailers["Status"] in ("keep", "restored")]
    texts = files_of(options.ledger, _trees(records, shown)) if options.diff else {}
    trees = {r.commit: r.tree for r in records}
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(_heading(run, mine, options.lineage)))
    for record in shown:
        console.print(entry(record))
        if options.diff and record.parents:
            for line in changes(texts[trees[record.parents[0]]], texts[record.tree]):
                console.print(line)
    if not options.all:
        console.print(Text("\nEvery attempt: --all. What each changed: --diff. One agent: --lineage NAME.", "dim"))
    return 0


def _trees(records: Sequence[Record], shown: Sequence[Record]) -> list[str]:
    trees = {r.commit: r.tree for r in records}
    return [tree for r in shown for tree in (r.tree, *(trees[p] for p in r.parents[:1]))]


def _heading(run: str, records: Sequence[Record], lineage: str | None) -> str:
    tried = [r for r in records if r.trailers["Status"] not in ("seed", "restored")]
    kept = sum(r.trailers["Status"] == "keep" for r in tried)
    whose = f", lineage {lineage}" if lineage else ""
    return f"{run}{whose}: {len(tried)} attempts, {kept} kept"


def entry(record: Record) -> Text:
    """One attempt: commit, generation, lineage, verdict, effect; then the hypothesis, and where it came from."""
    said = record.trailers
    status = said["Status"]
    line = Text("\n")
    line.append(record.commit[:10], "yellow")
    line.append(f"  generation {said['Generation']}  {printable(said['Lineage'])}  ")
    line.append(status, _STYLES.get(status, "red" if status != "discard" else ""))
    if "Effect" in said:
        line.append(f"  effect {said['Effect']}")
    if len(record.parents) > 1:
        line.append(f"  taken over from {', '.join(p[:10] for p in record.parents[1:])}")
    line.append(f"\n  {printable(record.subject)}")
    if "Evidence" in said:
        line.append(f"\n  {printable(said['Evidence'])}", "dim")
    return line


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Text]:
    """A unified diff of two genomes, file by file."""
    for path in sorted({*old, *new}):
        before, after = old.get(path, "").splitlines(), new.get(path, "").splitlines()
        for line in difflib.unified_diff(before, after, path, path, lineterm="", n=1):
            style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            yield Text(f"    {printable(line)}", style)
