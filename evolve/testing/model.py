"""A language model that answers by a script, in this process: for tests of whatever asks one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from evolve.llm import LLM, Answer, Call, Record, Request

__all__ = ["ScriptedLLM"]


class ScriptedLLM(LLM):
    """Answers by `script(request)`: a text, or an exception to raise. Remembers what it was asked, in `requests`."""

    def __init__(
        self,
        script: Callable[[Request], str | Exception],
        *,
        models: Mapping[str, float] | None = None,
        context: int = 32_768,
        answer: int = 8_192,
        usd: float | None = 0.001,
    ) -> None:
        self._script, self._models, self._context, self._answer, self._usd = script, models, context, answer, usd
        self.requests: list[Request] = []

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(self._models or {"scripted": 1.0})

    @property
    def weights(self) -> tuple[float, ...]:
        return tuple((self._models or {"scripted": 1.0}).values())

    @property
    def context(self) -> int:
        return self._context

    @property
    def answer(self) -> int:
        return self._answer

    def ask(self, request: Request) -> Answer:
        self.requests.append(request)
        said = self._script(request)
        if isinstance(said, Exception):
            raise said
        prompt = sum(len(message.content) for message in request.messages) // 4
        return Answer(said, request.model or self.models[0], prompt, len(said) // 4, self._usd, 0.0)

    def attach(self, known: Mapping[str, Call], record: Record, say: Callable[[str], None]) -> None:
        return None

    def close(self) -> None:
        return None
