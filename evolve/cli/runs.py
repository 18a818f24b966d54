"""`runs`: what a ledger holds. `compact`: fold its packs."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.cli.options import parser
from evolve.ledger import compact as fold
from evolve.ledger import journal, runs

__all__ = ["compact", "main"]


def main(args: Sequence[str]) -> int:
    options = parser("runs", "The runs of a ledger, newest first.", run=False).parse_args(args)
    for name in runs(options.ledger):
        entries = journal(options.ledger, name)
        verdicts = [e.value["verdict"] for e in entries if e.kind == "verdict"]
        closed = sum(e.kind == "checkpoint" for e in entries)
        ended = next((e.value["reason"] for e in entries if e.kind == "findings"), None)
        state = f"ended: {ended}" if ended else f"not ended; python -m evolve resume={name}"
        kept = verdicts.count("keep")
        print(f"{name}  {closed} generations, kept {kept} of {len(verdicts)} attempts, {state}")
    return 0


def compact(args: Sequence[str]) -> int:
    options = parser("compact", "Fold a ledger's many small packs into one.", run=False).parse_args(args)
    fold(options.ledger)
    print(f"{options.ledger} is compact.")
    return 0
