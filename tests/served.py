"""What tests of the client share: a request, and the books of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evolve.llm import LLM, Call, Message, Request

KEY = "a-key-that-nobody-may-see"


def asks(text: str = "Say hello.", seed: int = 0, **more: Any) -> Request:
    return Request((Message("user", text),), seed=seed, **more)


class Books:
    """What a run's ledger and console would hold."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.seconds: list[float] = []
        self.says: list[str] = []

    def record(self, key: str, call: Call, seconds: float) -> None:
        assert key not in self.calls
        self.calls[key] = call
        self.seconds.append(seconds)

    @property
    def paid(self) -> list[Call]:
        return [call for call in self.calls.values() if call["paid"]]


Connected = Callable[..., tuple[LLM, Books]]
