"""A short conversation: an answer that is wrong goes back once with what is wrong with it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from evolve.errors import Spent
from evolve.llm.types import LLM, Answer, Failed, Message, Overlong, Request

__all__ = ["CHARACTERS", "Complaint", "Talk", "converse", "parsed"]

T = TypeVar("T")

SHOWN = 4_000  # characters of an answer, or of a complaint, that go back; an assumption: more says no more
CHARACTERS = 3  # to a token, at the low end of English and code: what must fit a context is counted with it


class Complaint(Exception):
    """What is wrong with an answer. `kind`: complaints of one kind are made once. `value`: what to go on with where it
    would be made again; None: nothing."""

    def __init__(self, kind: str, said: str, value: Any = None) -> None:
        super().__init__(said)
        self.kind, self.said, self.value = kind, said, value


@dataclass(frozen=True)
class Talk(Generic[T]):
    """How it ended: `value`, or why there is none (`failed`); `cost`: `calls`, `tokens`, `usd` over all turns."""

    value: T | None
    failed: str = ""
    cost: Mapping[str, float] = field(default_factory=dict)


def converse(
    llm: LLM,
    messages: Sequence[Message],
    read: Callable[[str], T],
    *,
    schema: Mapping[str, Any] | None = None,
    seed: int = 0,
    model: str = "",
    most: int | None = None,
    turns: int = 4,
) -> Talk[T]:
    """Asks until `read` gives a value. Each kind of Complaint that it raises goes back to the model once; then, or
    with no turns left, the last `value` of a Complaint counts, or there is none.

    Raises Halt; Overlong where the first prompt is; and Spent, unless an earlier answer is good enough to go on with.
    """
    asked, heard = tuple(messages), set[str]()
    cost: Counter[str] = Counter()
    last: Complaint | None = None
    good: Any = None  # what an earlier answer would do, for want of a better one
    for _ in range(turns):
        try:
            answer = llm.ask(Request(asked, schema, seed, model, most))
        except Failed as error:
            if last is None and isinstance(error, Overlong):
                raise  # whoever asks can say less
            cost.update(error.cost)
            return _ended(good, str(error), cost)
        except Spent:
            if good is None:
                raise
            return _ended(good, "", cost)
        cost.update(answer.cost)
        try:
            return Talk(read(answer.text), cost=dict(cost))
        except Complaint as complaint:
            last = complaint
            good = complaint.value if complaint.value is not None else good
        if last.kind in heard:
            break
        heard.add(last.kind)
        asked = (*messages, *_returned(llm, messages, answer, last))
    return _ended(good, "it was not asked" if last is None else last.said, cost)


def _ended(value: Any, failed: str, cost: Mapping[str, float]) -> Talk[Any]:
    return Talk(value, "" if value is not None else failed, dict(cost))


def _returned(llm: LLM, messages: Sequence[Message], answer: Answer, complaint: Complaint) -> tuple[Message, Message]:
    """The last answer, as much of it as fits, and what is wrong with it: earlier ones would only fill the context."""
    cut = f" It also broke off at its limit of {llm.answer} tokens: say less." if answer.cut else ""
    room = (llm.context - llm.answer) * CHARACTERS - sum(len(m.content) for m in messages) - len(_CUT)
    said = complaint.said[: max(0, min(SHOWN, room - len(cut)))] + cut
    room -= len(said)
    shown = answer.text[: max(0, min(SHOWN, room))]
    if len(shown) < len(answer.text):
        shown += _CUT
    return Message("assistant", shown), Message("user", said)


_CUT = " […]"
FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)


def parsed(text: str) -> Any:
    """The JSON of an answer: all of it, what stands in a fence, or the outermost braces. Raises Complaint("form")."""
    text = text.rpartition("</think>")[2].strip()  # models that reason aloud do so before it
    first, last = text.find("{"), text.rfind("}")
    outermost = [text[first : last + 1]] if 0 <= first < last else []
    wrong = "it holds no object"
    for candidate in (text, *FENCE.findall(text), *outermost):
        try:
            value = json.loads(candidate, parse_constant=_refuse)
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair can be written nowhere
        except (ValueError, RecursionError) as error:
            wrong = str(error) if "{" in candidate else wrong
        else:
            return value
    raise Complaint("form", f"The answer is not JSON ({wrong}). Answer with one JSON object and nothing else.")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")
