"""Who rewrites a genome.

base.py       the one method of a mutator
embedded.py   offline: takes the most promising of the edits that the domain itself proposes
"""

from evolve.mutators.base import Mutator, Workshop
from evolve.mutators.embedded import Embedded

__all__ = ["Embedded", "Mutator", "Workshop"]
