"""Who rewrites a genome.

base.py       the one method of a mutator
embedded.py   offline: takes the most promising of the edits that the domain itself proposes
genetic/      offline: edits of programs' syntax trees
openai/       a language model
command/      any coding agent's program
hybrid.py     a language model for structure, CMA-ES for numbers
random_search.py  every number drawn anew, for comparison
movable.py    which numbers of a genome may be moved
tuner.py      all numbers of a genome moved together
brief/        what a model is told, as text
shares.py     how often a kind is tried, given how often it worked
"""

from evolve.mutators.base import Mutator, Workshop
from evolve.mutators.embedded import Embedded

__all__ = ["Embedded", "Mutator", "Workshop"]
