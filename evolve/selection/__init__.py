"""Who is rewritten, and from which parents.

ranked.py   the worst, or any, by rank; donors are the best of the others (DEAP)
"""

from evolve.selection.base import Selection
from evolve.selection.ranked import Ranked

__all__ = ["Ranked", "Selection"]
