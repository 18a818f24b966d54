"""What a look at the text finds, before a clock is spent; nothing of a genome runs here."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator

from evolve.genome import Genome, foreign_imports, parsed, unreadable

__all__ = ["ENTRY", "broken", "objections", "seeds_itself"]

ENTRY = "train.py"

_SEEDING = {"manual_seed", "manual_seed_all", "seed", "seed_all", "set_rng_state", "set_rng_state_all", "set_state"}
_GENERATORS = {"default_rng", "RandomState", "Random", "SeedSequence", "PCG64", "Philox", "MT19937"}


def seeds_itself(genome: Genome) -> str:
    """Where a genome seeds something, in words; empty where it doesn't. A seed that was picked because it scored well
    is no improvement: other seeds are drawn for every repeat."""
    for path, text in genome.items():
        if path.endswith(".py") and unreadable(path, text) is None:
            for node in ast.walk(parsed(text.encode())):
                if isinstance(node, ast.Call) and _is_seeding(node):
                    return f"{path} line {node.lineno} sets a random seed: seeds are set outside and vary by repeat"
    return ""


def broken(genome: Genome) -> str:
    """Why it cannot be trained, as far as its text tells; empty where it can."""
    for path, text in genome.items():
        if (problem := unreadable(path, text)) is not None:
            return problem
    return _missing(genome)


def _missing(genome: Genome) -> str:
    if ENTRY not in genome:
        return f"{ENTRY} is missing: it must define class Model(facts) and train(session)"
    if unreadable(ENTRY, genome[ENTRY]) is not None:
        return ""  # said elsewhere
    there = set(_defined(parsed(genome[ENTRY].encode())))
    lacking = [name for name in ("Model", "train") if name not in there]
    return f"{ENTRY} does not define {' and '.join(lacking)}" if lacking else ""


def objections(genome: Genome) -> list[str]:
    """A sentence each, for a model that wrote it."""
    said = [problem for path, text in genome.items() if (problem := unreadable(path, text)) is not None]
    said += [lacking] if (lacking := _missing(genome)) else []
    said += [seeding] if (seeding := seeds_itself(genome)) else []
    return [*said, *_foreign(genome)][:8]


def _is_seeding(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in _SEEDING:
        return True
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return name in _GENERATORS and any(isinstance(value, ast.Constant) and value.value is not None for value in given)


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.ImportFrom | ast.Import):
            yield from ((alias.asname or alias.name) for alias in node.names)


def _foreign(genome: Genome) -> Iterator[str]:
    """Imports of what is not installed here."""
    for path, line, name in foreign_imports(genome):
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            yield f"{path} line {line} imports {name}, which isn't there"
