"""Conformance suites that a new component joins by one line, and scripted parts. For users' tests too.

conformance.py   what every substrate, mutator, selection and acceptance must pass
scripted.py      a mutator that answers from a list
"""

from evolve.testing.conformance import (
    AcceptanceConformance,
    MutatorConformance,
    SelectionConformance,
    SubstrateConformance,
)
from evolve.testing.scripted import Scripted

__all__ = [
    "AcceptanceConformance",
    "MutatorConformance",
    "Scripted",
    "SelectionConformance",
    "SubstrateConformance",
]
