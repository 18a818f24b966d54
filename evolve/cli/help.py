"""The help text, and the list of domains."""

from __future__ import annotations

from evolve.components import names

__all__ = ["HELP", "domains"]

HELP = """\
evolve: a population of agents that improves itself overnight, with a score you can believe.

Start a run
  python -m evolve +domain=finance                       25 agents trade real prices
  python -m evolve +domain=finance run.generations=8     a short one
  python -m evolve +domain=finance population.path=DIR   your own agents (docs/agents.md)
  python -m evolve +domain=finance substrate.market.path=prices.csv   your own prices (docs/prices.md)
  python -m evolve +domain=command substrate.repository=PATH ...   any repository that measures (docs/repositories.md)
  python -m evolve +domain=ml                            programs that train a language model (docs/training.md)
  python -m evolve +domain=chess                         engines that play chess (docs/chess.md)
  python -m evolve +domain=finance mutator=openai 'llm.models=[NAME]'   a language model rewrites (docs/models.md)
  python -m evolve +domain=finance mutator=openai llm=local   a small one on this machine, without a key
  python -m evolve -m +domain=finance seed=1,2,3         a sweep
  python -m evolve resume=RUN                            go on where a run was stopped

Look at it
  python -m evolve log [RUN] [--lineage NAME] [--diff] [--all]   what was tried and kept
  python -m evolve report [RUN]          what was said at the end; writes report.html and tables
  python -m evolve report RUN RUN ...    runs compared; of a sweep: report multirun/DATE/TIME
  python -m evolve export LINEAGE --to DIR   a champion's files
  python -m evolve export LINEAGE --repository PATH   its kept changes as a branch of the repository it evolved
  python -m evolve runs                  the runs of a ledger
  python -m evolve replay COMMIT         run a recorded trial again: does it hold?

Check it
  python -m evolve doctor +domain=finance    is the ruler straight? Controls, and worlds whose answer is known
  python -m evolve compact                   fold a ledger's packs into one

Every option: python -m evolve +domain=finance --cfg job, and docs/configuration.md.
Ctrl-C once ends a run after this generation's records; twice ends it now. Both can be resumed.
"""


def domains() -> str:
    """What to say when no domain was named."""
    known = names("substrates")
    if not known:
        return "No domain is installed. Install evolve itself first: pip install -e ."
    rows = "\n".join(f"  python -m evolve +domain={name}" for name in known)
    return f"No domain was named. Start one of these:\n{rows}\nHelp: python -m evolve --help"
