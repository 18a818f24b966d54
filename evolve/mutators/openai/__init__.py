"""A language model rewrites.

mutator.py  OpenAI: which model, what it is told, what goes back to it
answer.py   what it answers, and from there to a genome
change.py   how alike two changes are
"""

from evolve.mutators.openai.mutator import OpenAI

__all__ = ["OpenAI"]
