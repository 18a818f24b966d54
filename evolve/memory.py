"""What a run remembers: every rewrite, outcome, bout and verdict, by the key of its content.

The engine asks here before it does anything, and tells here whatever it did: so a resumed run repeats
nothing that is recorded, wherever it was stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from evolve.genome import Genome
from evolve.ledger import Attempt as Commit
from evolve.ledger import Entry
from evolve.substrate import Attempt, Bout, Case, Duel, Outcome, Rewrite, content_key

__all__ = ["Journal", "Memory", "NoLedger"]


class Journal(Protocol):
    """What the memory needs of a ledger."""

    @property
    def entries(self) -> Sequence[Entry]: ...
    def append(self, entry: Entry, *, summary: str, seconds: float = 0.0) -> None: ...
    def attempt(self, attempt: Commit) -> str: ...
    def move_branches(self, tips: Mapping[str, str], *, rebuild: bool = False) -> None: ...
    def flush(self) -> None: ...


@dataclass(frozen=True)
class NoLedger:
    """A run that is only thought (a baseline, a control), or only read. Nothing is written."""

    entries: Sequence[Entry] = ()

    def append(self, entry: Entry, *, summary: str, seconds: float = 0.0) -> None:
        return None

    def attempt(self, attempt: Commit) -> str:
        return content_key(attempt.lineage, attempt.number, sorted(attempt.genome.items()))

    def move_branches(self, tips: Mapping[str, str], *, rebuild: bool = False) -> None:
        return None

    def flush(self) -> None:
        return None


class Memory:
    """The recorded past of one run, and the only way to add to it. `outcomes` is shared with the bench."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.outcomes: dict[str, Outcome] = {}
        self.spent: str | None = None  # the cap of the budget that was reached
        self.genomes: dict[str, Genome] = {}
        self.checkpoints: list[dict[str, Any]] = []
        self.page = ""  # the last one of what worked
        self.verdicts: dict[str, Attempt] = {}
        self.calls: dict[str, Mapping[str, Any]] = {}  # of language models, by their request
        self._rewrites: dict[str, list[Rewrite]] = {}
        self._bouts: dict[str, list[Bout]] = {}
        self._other: dict[tuple[str, str], Mapping[str, Any]] = {}
        for entry in journal.entries:
            self._load(entry)

    # -- rewrites ------------------------------------------------------------------------------

    def rewrite(self, key: str) -> list[Rewrite] | None:
        return self._rewrites.get(key)

    def add_rewrites(
        self, key: str, lineage: str, rewrites: list[Rewrite], seconds: float, spent: str | None = None
    ) -> None:
        """`spent`: the cap that left nothing for this rewrite."""
        value = {
            "lineage": lineage,
            "answers": [r.to_json() for r in rewrites],
            "seconds": seconds,
            **({} if spent is None else {"spent": spent}),
        }
        files = {f"{i}/{path}": text for i, r in enumerate(rewrites) for path, text in r.genome.items()}
        said = rewrites[0].hypothesis if rewrites else spent or "nothing left to try"
        self._append(Entry("rewrite", key, value, genome=files or None), f"{lineage}: {said}", seconds)
        self._keep_rewrites(key, rewrites, spent)

    def _keep_rewrites(self, key: str, rewrites: list[Rewrite], spent: str | None) -> None:
        self._rewrites[key] = rewrites
        self.spent = self.spent or spent
        for r in rewrites:
            self.genomes[r.genome.digest] = r.genome

    def add_call(self, key: str, call: Mapping[str, Any], seconds: float) -> None:
        """A language model's answer, before it is used."""
        self.calls[key] = call
        said = call.get("failed") or f"{call.get('prompt_tokens', 0)} + {call.get('answer_tokens', 0)} tokens"
        self._append(Entry("call", key, dict(call)), f"{call.get('model', 'model')}: {said}"[:200], seconds)

    # -- outcomes and bouts --------------------------------------------------------------------

    def add_outcome(self, key: str, case: Case, outcome: Outcome) -> None:
        """Called by the bench, which has already put it into `outcomes`."""
        value = {
            "lineage": case.lineage,
            "genome": case.genome.digest,
            "stream": case.stream,
            "repeat": case.repeat,
            "conditions": dict(case.conditions),
            "outcome": outcome.to_json(),
        }
        score = "" if outcome.score is None else f" {outcome.score:.6g}"
        self._append(
            Entry("outcome", key, value),
            f"{case.stream} {case.lineage}: {outcome.status}{score}",
            outcome.seconds,
        )

    def bouts(self, key: str) -> list[Bout] | None:
        return self._bouts.get(key)

    def add_bouts(self, key: str, lineage: str, bouts: list[Bout], seconds: float) -> None:
        value = {"lineage": lineage, "bouts": [dict(vars(b)) for b in bouts], "seconds": seconds}
        count = max((b.count for b in bouts), default=0)
        self._append(Entry("bout", key, value), f"{lineage}: {count} paired differences", seconds)
        self._bouts[key] = bouts

    # -- verdicts, checkpoints, and the rest ---------------------------------------------------

    def add_verdict(self, key: str, attempt: Attempt) -> None:
        value = {
            "lineage": attempt.lineage,
            "generation": attempt.generation,
            "genome": attempt.genome.digest,
            "parent": attempt.parent.digest,
            "rewrite": attempt.rewrite.to_json(),
            "trial": attempt.trial,
            # The evidence, which may be long, is told once: by the outcome.
            "outcome": {name: what for name, what in attempt.outcome.to_json().items() if name != "evidence"},
            "duel": dict(vars(attempt.duel)),
            "alpha": attempt.alpha,
            "verdict": attempt.verdict,
            "reason": attempt.reason,
            "commit": attempt.commit,
        }
        self.verdicts[key] = attempt
        self._append(
            Entry("verdict", key, value, attempt=attempt.commit),
            f"{attempt.verdict} {attempt.lineage}: {attempt.rewrite.hypothesis}",
        )

    def add_page(self, generation: int, text: str) -> None:
        self.page = text
        self._append(Entry("page", content_key(generation, text), {"generation": generation, "text": text}), "playbook")

    def add_checkpoint(self, value: dict[str, Any]) -> None:
        self.checkpoints.append(value)
        self._append(Entry("checkpoint", content_key(value), value), f"generation {value['generation']} closed")
        self.journal.flush()

    def find(self, kind: str, key: str) -> Mapping[str, Any] | None:
        """An entry of another kind (run, seed, preflight, findings), or None."""
        return self._other.get((kind, key))

    def add(
        self,
        kind: str,
        key: str,
        value: dict[str, Any],
        summary: str,
        genome: Genome | None = None,
        commit: str | None = None,
    ) -> None:
        self._other[kind, key] = value
        if genome is not None:
            self.genomes[genome.digest] = genome
        self._append(Entry(kind, key, value, genome=genome, attempt=commit), summary)

    def _append(self, entry: Entry, summary: str, seconds: float = 0.0) -> None:
        self.journal.append(entry, summary=summary, seconds=seconds)

    # -- reading back --------------------------------------------------------------------------

    def _load(self, entry: Entry) -> None:
        value = entry.value
        if entry.kind == "rewrite":
            self._keep_rewrites(entry.key, _rewrites(entry), value.get("spent"))
        elif entry.kind == "call":
            self.calls[entry.key] = value
        elif entry.kind == "page":
            self.page = value["text"]
        elif entry.kind == "outcome":
            self.outcomes[entry.key] = Outcome.from_json(value["outcome"])
        elif entry.kind == "bout":
            self._bouts[entry.key] = [Bout(**b) for b in value["bouts"]]
        elif entry.kind == "verdict":
            self.verdicts[entry.key] = self._attempt(value)
        elif entry.kind == "checkpoint":
            self.checkpoints.append(dict(value))
        else:
            if entry.genome is not None:
                genome = Genome(entry.genome)
                self.genomes[genome.digest] = genome
            self._other[entry.kind, entry.key] = value

    def _attempt(self, value: Mapping[str, Any]) -> Attempt:
        genome = self.genomes[value["genome"]]
        return Attempt(
            lineage=value["lineage"],
            generation=value["generation"],
            genome=genome,
            parent=self.genomes[value["parent"]],
            rewrite=Rewrite.from_json(value["rewrite"], genome),
            outcome=self.outcomes[value["trial"]],
            trial=value["trial"],
            duel=Duel(**value["duel"]),
            alpha=value["alpha"],
            verdict=value["verdict"],
            reason=value["reason"],
            commit=value["commit"],
        )


def _rewrites(entry: Entry) -> list[Rewrite]:
    files = entry.genome or {}
    return [
        Rewrite.from_json(
            answer,
            Genome({p.split("/", 1)[1]: text for p, text in files.items() if p.split("/", 1)[0] == str(i)}),
        )
        for i, answer in enumerate(entry.value["answers"])
    ]
