"""What is asked of a language model, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["LLM", "Answer", "Call", "Failed", "Message", "Overlong", "Record", "Request", "Role"]

Role = str  # "system", "user" or "assistant"


@dataclass(frozen=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True)
class Request:
    """`schema`: the JSON schema that the answer follows; None: free text. `model`: one of `LLM.models`, "" the first.
    `most`: tokens of the answer, where fewer than configured will do."""

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    seed: int = 0
    model: str = ""
    most: int | None = None


@dataclass(frozen=True)
class Answer:
    """`usd`: None where no price is known. `paid`: False where a cache had it, so that nothing was paid by this run.
    `cut`: it ended at its limit of tokens. Tokens are estimated (4 characters each) where the server doesn't say."""

    text: str
    model: str
    prompt_tokens: int
    answer_tokens: int
    usd: float | None
    seconds: float
    paid: bool = True
    cut: bool = False

    @property
    def cost(self) -> dict[str, float]:
        """As a Rewrite says it."""
        if not self.paid:
            return {}
        money = {} if self.usd is None else {"usd": self.usd}
        return {"calls": 1, "tokens": self.prompt_tokens + self.answer_tokens, **money}


class Failed(Exception):
    """One request got no answer, and why; others may. `cost`: what it took all the same."""

    def __init__(self, said: str, cost: Mapping[str, float] | None = None) -> None:
        super().__init__(said)
        self.cost = dict(cost or {})


class Overlong(Failed):
    """The prompt is longer than the model's context."""


Call = Mapping[str, Any]
"""A recorded call: the fields of Answer, or `failed`, as JSON; never a prompt."""
Record = Callable[[str, Call, float], None]
"""Told (key, call, seconds) of every call once it is over, before anybody uses what it answered."""


class LLM(Protocol):
    """One client for every model of a run; for all threads."""

    @property
    def models(self) -> tuple[str, ...]: ...

    @property
    def weights(self) -> tuple[float, ...]: ...

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together."""

    @property
    def answer(self) -> int:
        """Tokens that an answer may have."""

    def ask(self, request: Request) -> Answer:
        """Blocks until there is an answer. Raises Failed, evolve.errors.Spent, evolve.errors.Halt."""

    def attach(self, known: Mapping[str, Call], record: Record, say: Callable[[str], None]) -> None:
        """From now on calls are recorded there, and those that are known cost nothing; what was asked before is
        recorded now. `say`: for a person, while a server is waited for."""

    def close(self) -> None:
        """Ends what was started for it. Nothing can be asked after."""
