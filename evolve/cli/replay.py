"""`replay COMMIT`: run a recorded trial again, under its recorded conditions, and say whether it holds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from evolve.cli.launch import build
from evolve.cli.options import parser
from evolve.cli.resume import recorded_seeds, recorded_settings
from evolve.errors import UsageError
from evolve.ledger import journal, runs
from evolve.memory import Memory, NoLedger
from evolve.replay import attempt_of, replay

__all__ = ["main"]


def main(args: Sequence[str]) -> int:
    """1 where the claim does not hold."""
    made = parser("replay", "Run a recorded trial again, and say whether it holds.", run=False)
    made.add_argument("commit", metavar="COMMIT", help="of an attempt, as `log` shows it; its first digits will do")
    options = made.parse_args(args)
    run, memory = _run_of(options.ledger, options.commit)
    attempt = attempt_of(memory, options.commit)
    if attempt is None:  # _run_of has found one
        raise UsageError(f"{options.commit} names no attempt of {run}.")
    entries = memory.journal.entries
    with closing(build(recorded_settings(entries), recorded_seeds(entries), rewrites=False)) as built:
        if built.llm is not None:
            built.llm.attach(memory.calls, lambda key, call, seconds: None, print)
        found = replay(memory, attempt, built.substrate, built.workers)
    print(f"{attempt.commit[:10]} {attempt.lineage}, generation {attempt.generation} of {run}, {attempt.verdict}:")
    print(f"  {attempt.rewrite.hypothesis}")
    print(f"{'It holds' if found.holds else 'It does NOT hold'}: {found.said}.")
    return 0 if found.holds else 1


def _run_of(ledger: Path, commit: str) -> tuple[str, Memory]:
    """The newest run with such an attempt."""
    for run in runs(ledger):
        memory = Memory(NoLedger(journal(ledger, run)))
        if attempt_of(memory, commit) is not None:
            return run, memory
    raise UsageError(
        f"{commit} names no attempt in {ledger}, or more than one. Replay takes an attempt's commit (not a seed's): "
        "`python -m evolve log --all` lists them."
    )
