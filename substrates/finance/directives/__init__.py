"""Directives: what an agent's Markdown may say so that a machine can act on it.

tree.py         the typed tree of a directive
grammar.lark    the controlled English
parse.py        English -> tree (or None: unread)
render.py       tree -> English, without loss
series.py       the names of series, sectors and months
neighbours.py   one-step edits of a directive
vocabulary.py   documented rules that the embedded mutator may add
"""

from substrates.finance.directives.neighbours import neighbours
from substrates.finance.directives.parse import Reading, parse, read
from substrates.finance.directives.render import render
from substrates.finance.directives.tree import Directive
from substrates.finance.directives.vocabulary import vocabulary

__all__ = ["Directive", "Reading", "neighbours", "parse", "read", "render", "vocabulary"]
