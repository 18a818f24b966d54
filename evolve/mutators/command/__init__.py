"""Any coding-agent program as the mutator: it works in a checkout of the parent, and what it leaves there is the child.

mutator.py     from a brief to a Rewrite: what came of one run
agent.py       the program: its words, its clock, what it does not see
checkout.py    a repository of the parent's files, and what may be taken from it afterwards
hypothesis.py  what the program says of its change
preface.py     what it is told besides the brief
"""

from evolve.mutators.command.mutator import Command

__all__ = ["Command"]
