"""What a brief has to say, section by section: whatever was written elsewhere becomes a quotation."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

from evolve.genome import Genome
from evolve.mutators.brief.quoting import Quote
from evolve.mutators.brief.room import Part
from evolve.playbook import measured
from evolve.printable import line, printable
from evolve.substrate import Attempt, Brief, Outcome

__all__ = ["Hide", "editable", "files", "named", "sections"]

Hide = Callable[[str], str]
"""Takes secrets out of a text."""

_ATTEMPTS = 200  # of this lineage, at most: the newest, and those with the largest effects


def named(name: str) -> str:
    """A path or a lineage between quotation marks."""
    return json.dumps(printable(name), ensure_ascii=False)


def editable(brief: Brief) -> tuple[str, ...]:
    """The parent's files that may be edited; all of them where the brief names none."""
    return tuple(path for path in brief.parent if path in brief.editable) or tuple(brief.parent)


def files(genome: Mapping[str, str], paths: Sequence[str], says: str, hide: Hide) -> tuple[Quote, ...]:
    return tuple(Quote(f"file {named(path)} ({says})", printable(hide(genome[path])), whole=True) for path in paths)


def sections(brief: Brief, hide: Hide, at_hand: bool) -> list[Part]:
    """All but goal and genome. `at_hand`: who reads it has the genome's files before him."""
    own = editable(brief)
    others = sorted((path for path in brief.parent if path not in own), key=lambda path: len(brief.parent[path]))
    parts = [
        Part(
            "The last measurement of this genome",
            "What it scored, and the evidence for it.",
            tuple(_measurement(brief.outcome, hide)),
            3.0,
        ),
        Part(
            "Attempts on this agent so far",
            f"{_counted(brief.past)} Effects are with ± one standard error.",
            _attempts(brief.past, hide),
            3.0,
        ),
        Part("What worked elsewhere", "From all agents of this run.", _text("page", hide(brief.page)), 2.0),
        Part(
            "Agents that do better",
            "What they have may be taken over. A diff is against the genome above.",
            tuple(chain.from_iterable(_donor(name, g, brief.parent, hide) for name, g in brief.donors.items())),
            2.0,
        ),
        Part(
            "The team",
            "This agent's score depends on these others, which stay as they are.",
            _text("names", ", ".join(named(hide(name)) for name in brief.team)),
            0.5,
        ),
        Part(
            "The other files of the genome",
            "They may not be edited.",
            () if at_hand else files(brief.parent, others, "not editable", hide),
            1.0,
        ),
    ]
    return [part for part in parts if part.quotes]


def _text(label: str, text: str) -> tuple[Quote, ...]:
    return (Quote(label, printable(text)),) if text.strip() else ()


def _measurement(outcome: Outcome, hide: Hide) -> Iterator[Quote]:
    """Figures together; a text of several lines (a log, a table) by itself."""
    evidence = _hidden(outcome.evidence, hide)
    texts = {name: value for name, value in evidence.items() if isinstance(value, str) and "\n" in value}
    figures = {
        "status": outcome.status,
        "score": outcome.score,
        "metrics": _hidden(outcome.metrics, hide),
        **({"evidence": rest} if (rest := {n: v for n, v in evidence.items() if n not in texts}) else {}),
    }
    yield Quote("figures", printable(_json(figures)))
    for name, text in texts.items():
        yield Quote(f"evidence {named(name)}", printable(text), ends=True)


def _json(value: Mapping[str, Any]) -> str:
    """A line for each name of the outer level and of the evidence: short, and still to be read."""
    rows = []
    for name, inner in value.items():
        if name == "evidence":
            rows += [
                f"evidence {line(n, 80)}: {json.dumps(v, ensure_ascii=False, default=str)}" for n, v in inner.items()
            ]
        else:
            rows.append(f"{name}: {json.dumps(inner, ensure_ascii=False, default=str)}")
    return "\n".join(rows)


def _hidden(value: Any, hide: Hide) -> Any:
    """JSON without secrets: before it is written as text, in which they would be escaped."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        # In the order of the names: a ledger keeps no other, and a resumed run must be told the same.
        return {hide(str(name)): _hidden(value[name], hide) for name in sorted(value, key=str)}
    return [_hidden(inner, hide) for inner in value] if isinstance(value, list | tuple) else value


def _counted(past: Sequence[Attempt]) -> str:
    kept = sum(attempt.verdict == "keep" for attempt in past)
    shown = f" These are {_ATTEMPTS}, the newest and the largest." if len(past) > _ATTEMPTS else ""
    return f"{len(past):,} so far, {kept:,} kept.{shown}"


def _attempts(past: Sequence[Attempt], hide: Hide) -> tuple[Quote, ...]:
    newest = list(reversed(past))
    largest = sorted(newest, key=lambda a: -abs(a.effect or 0.0))
    turns = chain.from_iterable(zip_longest(newest[:_ATTEMPTS], largest[:_ATTEMPTS]))
    telling = list({id(attempt): attempt for attempt in turns if attempt is not None}.values())[:_ATTEMPTS]
    return _text("attempts, newest and largest first", "\n".join(_attempt(attempt, hide) for attempt in telling))


def _attempt(attempt: Attempt, hide: Hide) -> str:
    expected = attempt.rewrite.expected
    predicted = "" if expected is None else f", predicted {expected:+.3g}"
    effect = f", effect {measured(attempt)}" if attempt.effect is not None else ""
    hypothesis = json.dumps(line(hide(attempt.rewrite.hypothesis)), ensure_ascii=False)
    reason = f"; {line(hide(attempt.reason), 200)}" if attempt.reason else ""
    return f"- generation {attempt.generation}, {attempt.verdict}{effect}{predicted}: {hypothesis}{reason}"


def _donor(name: str, donor: Genome, parent: Genome, hide: Hide) -> Iterator[Quote]:
    """Where it differs from the parent: as a diff, or its files where these are shorter."""
    who = named(hide(name))
    changed = [path for path in donor if donor[path] != parent.get(path)]
    whole = [Quote(f"agent {who}, file {named(path)}", printable(hide(donor[path]))) for path in changed]
    diff = printable(hide("".join(_diff(parent, donor))))
    if diff and len(diff) < sum(len(quote.text) for quote in whole):
        yield Quote(f"agent {who}, as a diff", diff)
    else:
        yield from whole


def _diff(before: Genome, after: Genome) -> Iterator[str]:
    for path in sorted({*before, *after}):
        a, b = before.get(path, ""), after.get(path, "")
        if a != b:
            for row in difflib.unified_diff(a.splitlines(True), b.splitlines(True), path, path, n=2):
                yield row if row.endswith("\n") else row + "\n"
