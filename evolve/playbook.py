"""What a run has learnt so far, as a page that a mutator reads: what worked, what didn't."""

from __future__ import annotations

import heapq
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

from evolve.printable import line
from evolve.substrate import Attempt

__all__ = ["measured", "noise", "page"]

_ROWS = 40  # of a section, at most; 4,000 characters hold fewer
_SAID = 160  # characters of a hypothesis
_CLOSED = ("keep", "discard", "undecided")  # other verdicts are failures


def noise(attempt: Attempt) -> float | None:
    """The standard error of its effect; None where it cannot be told."""
    variance = attempt.duel.variance
    return None if variance is None else math.sqrt(variance / attempt.duel.count)


def measured(attempt: Attempt) -> str:
    """The effect and its noise in words: "+0.31 ± 0.08"."""
    if attempt.effect is None:
        return "not measured"
    if attempt.duel.exact:
        return f"{attempt.effect:+.3g} exactly"
    error = noise(attempt)
    return f"{attempt.effect:+.3g}" + ("" if error is None else f" ± {error:.2g}")


def page(attempts: Sequence[Attempt], limit: int = 4000) -> str:
    """Markdown in at most `limit` characters, from the closed attempts of all lineages, oldest first; "" where there
    are none. Every hypothesis is one quoted line."""
    newest = attempts[::-1]
    kept = [a for a in newest if a.verdict == "keep"]
    harmful = [a for a in newest if a.verdict == "discard" and (a.effect or 0.0) < 0]
    sections = (
        ("What worked, best first", _best(kept), 0.5),
        ("Tried again and again without success", _in_vain(newest), 0.4),
        ("What did most harm", _worst(harmful), 0.5),
        ("Why answers failed", _failures(newest), 1.0),
    )
    text = f"{len(attempts):,} attempts, {len(kept):,} kept.\n" if attempts else ""
    text = text if len(text) <= limit else ""
    for title, rows, share in sections:
        text += _section(title, list(islice(rows, _ROWS)), int((limit - len(text)) * share))
    return text


def _section(title: str, rows: Sequence[str], room: int) -> str:
    """As many rows as there is room for, from the first; "" where that is none."""
    text = f"\n### {title}\n\n"
    used = 0
    for row in rows:
        if len(text) + len(row) + 3 > room:
            break
        text += f"- {row}\n"
        used += 1
    return text if used else ""


def _best(kept: Sequence[Attempt]) -> Iterator[str]:
    for attempt in heapq.nlargest(_ROWS, kept, key=lambda a: a.effect or 0.0):
        error = noise(attempt)
        over = "" if not error or attempt.effect is None else f", {attempt.effect / error:.1f} times its noise"
        yield f"{measured(attempt)}{over}: {_said(attempt)} ({_where(attempt)})"


def _worst(harmful: Sequence[Attempt]) -> Iterator[str]:
    for attempt in heapq.nsmallest(_ROWS, harmful, key=lambda a: a.effect or 0.0):
        yield f"{measured(attempt)}: {_said(attempt)} ({_where(attempt)})"


def _in_vain(newest: Sequence[Attempt]) -> Iterator[str]:
    """Ideas of which no attempt was kept, the most frequent first."""
    counts = Counter[str]()
    latest: dict[str, Attempt] = {}
    worked = set[str]()
    for attempt in newest:
        idea = _idea(attempt.rewrite.hypothesis)
        if attempt.verdict == "keep":
            worked.add(idea)
        elif attempt.verdict in _CLOSED:
            counts[idea] += 1
            latest.setdefault(idea, attempt)
    for idea, count in counts.most_common():
        if count < 2:
            return
        if idea not in worked:
            yield f"{count} times, the last {measured(latest[idea])}: {_said(latest[idea])}"


def _failures(newest: Sequence[Attempt]) -> Iterator[str]:
    reasons = Counter((a.verdict, a.reason) for a in newest if a.verdict not in _CLOSED)
    alike = Counter[tuple[str, str]]()
    shown: dict[tuple[str, str], str] = {}
    for (verdict, reason), count in reasons.items():
        kind = (verdict, _idea(reason))
        alike[kind] += count
        shown.setdefault(kind, reason)
    for kind, count in alike.most_common():
        yield f"{count} × {line(kind[0], 20)}: {_quoted(shown[kind])}"


@lru_cache(maxsize=32_768)  # a page is made every generation, of attempts that are mostly the same
def _idea(text: str) -> str:
    """What is said, whatever the numbers in it."""
    return " ".join(re.findall(r"[^\W\d_]+", text[:_SAID].lower())[:8])


def _said(attempt: Attempt) -> str:
    return _quoted(attempt.rewrite.hypothesis)


def _quoted(text: str) -> str:
    return json.dumps(line(text, _SAID), ensure_ascii=False)


def _where(attempt: Attempt) -> str:
    return f"agent {line(attempt.lineage, 60)}, generation {attempt.generation}"
