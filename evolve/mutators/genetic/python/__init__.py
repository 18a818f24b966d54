"""Edits that know what Python code means, and mean to leave that as it is while it gets faster.

code.py       Python's own tree of a file, with offsets
stable.py     what keeps its value through a piece of code
hoist.py      computed once instead of again and again
loops.py      loops written as what they do
calls.py      calls that are spared
constants.py  constants made once, at the top of the module
branches.py   conditions in another order
idioms.py     small expressions that have a cheaper form, and classes with slots
tidy.py       what other edits leave behind

They are careful but no compiler: a file sees neither types nor other files. What one of them breaks, the trial finds.
"""
