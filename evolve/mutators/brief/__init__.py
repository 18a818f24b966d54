"""The brief as text: what a language model or a coding agent is told before it rewrites a genome.

compose.py  from a Brief to Markdown, in at most so many characters
parts.py    what it has to say: goal, genome, evidence, attempts, donors
room.py     who gets how many characters, and what is said of the rest
quoting.py  data between marks that cannot occur in it
"""

from evolve.mutators.brief.compose import NoRoom, compose, least
from evolve.mutators.brief.quoting import RULE

__all__ = ["RULE", "NoRoom", "compose", "least"]
