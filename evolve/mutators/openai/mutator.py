"""A language model rewrites: it is told the brief, it answers with edits, and hears once what is wrong with them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from evolve.errors import UsageError
from evolve.llm import LLM, Message, Overlong
from evolve.llm.conversation import CHARACTERS, Complaint, Talk, converse, parsed
from evolve.llm.secrets import scrub, secrets_of
from evolve.mutators.base import Mutator, Workshop
from evolve.mutators.brief import RULE, NoRoom, compose, least
from evolve.mutators.openai.answer import SCHEMA, Proposal, apply
from evolve.mutators.openai.change import most_alike
from evolve.mutators.shares import Shares
from evolve.playbook import measured
from evolve.printable import line, printable
from evolve.substrate import Attempt, Brief, Rewrite

__all__ = ["OpenAI"]

_COMPLAINT = 1_000  # characters kept free for what goes back
_BRIEFS, _SHORTER = 3, 0.6  # tries, and how much of the last brief, where the server says that it is too long
_SMALLEST = 2_000  # characters of a brief, where no seed says how many

_SYSTEM = f"""\
You improve one agent of a population by small changes. Each is tried and measured against the agent as it was, and \
kept only if it is better beyond the noise.
{RULE}
Answer with one JSON object and nothing else:
{{"hypothesis": "one line: what is changed, and why that helps",
"expected": the predicted effect as a number in the unit of effects, > 0 is better; or null,
"edits": [{{"path": "file", "search": "text of the file", "replace": "what takes its place"}}],
"files": [{{"path": "file", "text": "all of its new text"}}]}}
`search` is copied exactly from the file, with enough around it to be there only once. `files` is for a new file, or \
one that changes throughout; otherwise it is []. Do not repeat what was tried: change one thing that was not."""
_LAST = "\nAnswer now with the JSON object: one new change.\n"
_NOTHING = "no answer that can be used"


class OpenAI(Mutator):
    """`mutator.name=openai`: any model that `llm` reaches. It looks at no score before it answers: `screened` is 1.

    Models are drawn by their weights times how often their rewrites were kept. An answer that cannot be read or
    applied, that the domain objects to, or that was tried before goes back once, with what is wrong.
    """

    needs_model: ClassVar[bool] = True
    reads_page: ClassVar[bool] = True

    def __init__(self, workshop: Workshop, llm: LLM) -> None:
        self._substrate, self._settings, self._editable = workshop.substrate, workshop.settings, workshop.editable
        self._llm = llm
        self._shares = Shares()
        self._secrets = secrets_of(os.environ)

    @classmethod
    def make(cls, workshop: Workshop) -> OpenAI:
        if workshop.llm is None:
            raise UsageError("mutator=openai asks a language model, and there is none. Say which: llm.models=[NAME].")
        made = cls(workshop, workshop.llm)
        needed = {name: least(genome, workshop.editable.of(genome)) for name, genome in workshop.seeds.items()}
        largest = max(needed, key=needed.__getitem__, default="")
        if made._room < needed.get(largest, _SMALLEST):
            what = f"one of {largest!r} needs {needed[largest]:,}" if largest else f"it needs {_SMALLEST:,} and more"
            raise UsageError(
                f"mutator.brief={workshop.settings.brief}, llm.context={workshop.llm.context} and "
                f"llm.answer={workshop.llm.answer} leave {made._room:,} characters for a brief, and {what}. Raise "
                "mutator.brief or llm.context, lower llm.answer, or let genome.include name fewer files."
            )
        return made

    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        model, seed = self._model(rng), int(rng.integers(2**31))
        hypothesis = _NOTHING

        def read(text: str) -> Rewrite:
            nonlocal hypothesis
            try:
                proposal = Proposal.of(parsed(text))
                hypothesis = line(self._hide(printable(proposal.hypothesis)))
                genome = apply(brief.parent, proposal, self._editable)
                rewrite = Rewrite(genome, hypothesis, expected=proposal.expected, kind=model)
                self._examine(rewrite, brief)
            except Complaint as error:
                # What it quotes of a genome goes to the model, too.
                raise Complaint(error.kind, self._hide(error.said), error.value) from None
            return rewrite

        try:
            talk = self._talk(brief, read, seed, model)
        except (NoRoom, Overlong) as error:
            return [_refused(brief, hypothesis, self._hide(str(error)), model, {})]
        if talk.value is None:
            return [_refused(brief, hypothesis, self._hide(talk.failed), model, talk.cost)]
        return [replace(talk.value, cost=talk.cost)]

    def _talk(self, brief: Brief, read: Callable[[str], Rewrite], seed: int, model: str) -> Talk[Rewrite]:
        """With a shorter brief where the model's tokens turn out to be shorter than was thought. Raises NoRoom and
        Overlong where no brief fits."""
        room = self._room
        for _ in range(_BRIEFS):
            said = compose(brief, room, length_price=self._settings.length_price, hide=self._hide)
            messages = [Message("system", _SYSTEM), Message("user", said + _LAST)]
            try:
                return converse(self._llm, messages, read, schema=SCHEMA, seed=seed, model=model)
            except Overlong as error:
                refused, room = error, int(_SHORTER * len(said))
        raise refused

    def learn(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            if attempt.rewrite.kind in self._llm.models:
                self._shares.count([attempt.rewrite.kind], attempt.verdict == "keep")

    def state(self) -> dict[str, Any]:
        return self._shares.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._shares.restore(state)

    @property
    def _room(self) -> int:
        """Characters that a brief may have."""
        fixed = len(_SYSTEM) + len(_LAST) + _COMPLAINT
        return min(self._settings.brief, (self._llm.context - self._llm.answer) * CHARACTERS - fixed)

    def _hide(self, text: str) -> str:
        return scrub(text, self._secrets)

    def _leaks(self, path: str, text: str, before: str) -> bool:
        return any(secret in path or (secret in text and secret not in before) for secret in self._secrets)

    def _model(self, rng: np.random.Generator) -> str:
        models = self._llm.models
        shares = self._shares.of(models) * np.asarray(self._llm.weights, dtype=float)
        return models[int(rng.choice(len(models), p=shares / shares.sum()))]

    def _examine(self, rewrite: Rewrite, brief: Brief) -> None:
        """Raises Complaint for what would waste a trial; where it may be meant all the same, it is gone on with."""
        genome = rewrite.genome
        if any(self._leaks(path, text, brief.parent.get(path, "")) for path, text in genome.items()):
            raise Complaint("secret", "The answer holds a key or a password. Leave it out.")
        if genome.digest in brief.tried:
            raise Complaint("tried", "The result is equal to one that was tried before. Change something else.")
        if objections := self._substrate.objections(genome):
            raise Complaint("objection", "\n".join(["The answer would not work:", *objections]), rewrite)
        likeness, earlier = max(
            (most_alike(brief.parent, genome, attempts) for attempts in (brief.past, brief.playbook)),
            key=lambda found: found[0],
        )
        if earlier is not None and likeness >= self._settings.similar:
            raise Complaint(
                "similar", f"The change is nearly the same as {_named(earlier)} Change another thing.", rewrite
            )


def _named(attempt: Attempt) -> str:
    hypothesis = json.dumps(line(attempt.rewrite.hypothesis), ensure_ascii=False)
    return (
        f"one of generation {attempt.generation} (agent {attempt.lineage}, {attempt.verdict}, "
        f"effect {measured(attempt)}): {hypothesis}."
    )


def _refused(brief: Brief, hypothesis: str, why: str, model: str, cost: Mapping[str, float]) -> Rewrite:
    return Rewrite(brief.parent, hypothesis, kind=model, cost=cost, refused=line(why) or _NOTHING)
