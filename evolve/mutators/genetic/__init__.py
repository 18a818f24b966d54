"""The offline mutator for code: genetic improvement over syntax trees.

mutator.py     Genetic: draws kinds and places of edits, learns which kinds work
kinds.py       the table of edits
places.py      where to edit, given a profile
languages.py   what is known of a language, one line each
source.py      one file, parsed
edits.py       what an edit is
numbers.py     numeric literals
statements.py  operators, and whole statements within a function
crossover.py   a function taken over from another lineage
marks.py       marked numbers, all together by CMA-ES (evolve.mutators.tuner)
python/        edits that know what Python code means

It needs tree-sitter: `pip install -e '.[code]'`. Nothing else of `evolve.mutators` does.
"""

from evolve.mutators.genetic.mutator import Genetic

__all__ = ["Genetic"]
