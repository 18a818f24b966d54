"""Conformance suites that a new component joins by one line, and scripted parts. For users' tests too.

conformance.py   what every substrate, mutator, selection and acceptance must pass
scripted.py      a mutator that answers from a list
model.py         a language model that answers by a script
server.py        an OpenAI-compatible server that answers, or misbehaves, by a script
"""

from evolve.testing.conformance import (
    AcceptanceConformance,
    MutatorConformance,
    SelectionConformance,
    SubstrateConformance,
)
from evolve.testing.model import ScriptedLLM
from evolve.testing.scripted import Scripted
from evolve.testing.server import ScriptedServer

__all__ = [
    "AcceptanceConformance",
    "MutatorConformance",
    "Scripted",
    "ScriptedLLM",
    "ScriptedServer",
    "SelectionConformance",
    "SubstrateConformance",
]
