"""Signals: what directives say on a panel of prices and series, as arrays.

interpret.py    an agent and a panel -> a Position
position.py     the answer: exposure, weights, vetoes or a rule
books.py        rankers, filters and tilts -> weights
vetoes.py       what the risk officer forbids
conditions.py   the market and the macro series -> exposure
measures.py     numbers of stocks on the days of renewal
neutral.py      which directives lack their data
frame.py        what signals share on one panel
rolling.py      rolling statistics that look back only
memory.py       arrays computed once, within a bound
"""

from substrates.finance.signals.interpret import interpret
from substrates.finance.signals.memory import Memory
from substrates.finance.signals.position import AllocationRule, ExecutionRule, Position

__all__ = ["AllocationRule", "ExecutionRule", "Memory", "Position", "interpret"]
