"""`doctor +domain=…`: is the ruler straight? Preflight, then worlds whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from evolve.cli.configure import composed
from evolve.cli.launch import build
from evolve.preflight import preflight, worlds

__all__ = ["main"]


def main(args: Sequence[str]) -> int:
    """1 when a check fails."""
    settings = composed(args)
    failed = 0
    with closing(build(settings)) as built:
        if built.llm is not None:
            built.llm.attach({}, lambda key, call, seconds: None, print)  # no ledger: only what is said is of use
        for one in preflight(settings, built.substrate, built.workers, built.seeds):
            failed += _say(one.name, one.holds, one.said)
        for one in worlds(
            settings, built.substrate, lambda world: built.mutate(settings, world), built.workers, built.seeds
        ):
            failed += _say(one.name, one.holds, one.said)
    print(f"{failed} checks failed: a score of this domain cannot be believed yet." if failed else "All is well.")
    return 1 if failed else 0


def _say(name: str, holds: bool, said: str) -> bool:
    print(f"{'ok    ' if holds else 'FAILED'} {name}: {said}", flush=True)
    return not holds
