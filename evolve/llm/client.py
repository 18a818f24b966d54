"""The LLM of a run: who asks again, what is known, what is recorded; the rest is the line's."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from evolve.config import LLMSettings, SchemaMode
from evolve.errors import Halt, Spent
from evolve.llm.answers import Answers
from evolve.llm.budget import Budget, Prices
from evolve.llm.gate import Gate
from evolve.llm.line import Line
from evolve.llm.loop import Loop
from evolve.llm.secrets import scrub
from evolve.llm.types import LLM, Answer, Call, Failed, Message, Record, Request
from evolve.llm.wire import Asked, Server, Wire
from evolve.substrate import content_key

__all__ = ["Client", "Identity"]

T = TypeVar("T")

FIRST = 0.5  # seconds before the first retry; a convention: the SDK's own
WORTH = 1.0  # seconds: what was paid for is worth a flush of the ledger, however fast it came


@dataclass(frozen=True)
class Identity:
    """Who is asked. `name`: of the server or of the model's file, under which answers are kept for other runs; never a
    port. `where`: the server as a person is told."""

    name: str
    where: str
    models: tuple[str, ...]
    weights: tuple[float, ...]


class Client(LLM):
    """`key`: None where the server needs none; `secrets`: what must not leave; `folder`: where answers are kept;
    `first`: seconds before a request that failed is tried again; `known_only`: what is not known raises Halt."""

    def __init__(
        self,
        settings: LLMSettings,
        server: Server,
        identity: Identity,
        key: str | None,
        secrets: Collection[str],
        prices: Prices,
        folder: Callable[[], Path],
        first: float = FIRST,
        known_only: bool = False,
    ) -> None:
        self._settings, self._server, self._identity = settings, server, identity
        self._known_only = known_only
        self._secrets = frozenset(secrets) | ({key} if key else frozenset())
        self._say: Callable[[str], None] = lambda text: None
        self._record: Record | None = None
        self._early: list[tuple[str, Call, float]] = []
        self._calls: dict[str, Call] = {}  # answered, by their request
        self._told: set[str] = set()  # whose answer was given out in this sitting
        self._flying: dict[str, Future[Answer]] = {}
        self._closed = self._spent = False
        self._mutex = threading.Lock()
        self._answers = Answers(folder, self._tell) if settings.cache else None
        self._loop = Loop()
        self._line = Line(
            settings,
            Wire(settings, server, key, self._clean),
            Gate(identity.where, settings.patience, first, self._tell),
            Budget(settings.budget),
            prices,
            first,
            self._clean,
        )

    def listed(self) -> list[str]:
        """What the server has. Raises what the SDK and httpx2 raise, and TimeoutError."""
        return self._run(self._line.wire.models())

    @property
    def models(self) -> tuple[str, ...]:
        return self._identity.models

    @property
    def weights(self) -> tuple[float, ...]:
        return self._identity.weights

    @property
    def context(self) -> int:
        return self._settings.context

    @property
    def answer(self) -> int:
        return self._settings.answer

    # -- asking ----------------------------------------------------------------------------------

    def ask(self, request: Request) -> Answer:
        asked = self._asked(request)
        key = self._key(asked)
        with self._mutex:
            if self._closed:
                raise Halt("The model was asked after the run had closed it.")
            known = self._calls.get(key)
            if known is not None:
                first = key not in self._told
                self._told.add(key)
                return _answer(known) if first else replace(_answer(known), paid=False)
            shared = self._flying.get(key)
            mine = self._flying[key] = shared or Future()
        if shared is not None:
            return _again(shared)
        try:
            answer = self._answered(key, asked)
        except BaseException as error:
            with self._mutex:
                del self._flying[key]
            mine.set_exception(error)
            if isinstance(error, Spent) and not self._spent:
                self._spent = True
                self._tell(str(error))  # a mutator may go on without a model, and a person must know
            raise
        with self._mutex:
            del self._flying[key]
        mine.set_result(answer)
        return answer

    def _answered(self, key: str, asked: Asked) -> Answer:
        """From the disk or the network; recorded."""
        shelf = content_key(self._identity.name, key)
        kept = self._answers.get(shelf) if self._answers is not None else None
        if kept is not None and (answer := self._kept(kept)) is not None:
            self._note(key, asdict(answer), 0.0)
            return answer
        if self._known_only:
            raise Halt(
                "This needs an answer of a model that is not recorded, and nobody is asked now. Check out the version "
                "of evolve that made the run."
            )
        lost: list[Call] = []
        try:
            answer = self._run(self._line.ask(asked, lost))
        finally:
            for call in lost:
                self._note("", call, WORTH)
        call = asdict(answer)
        self._note(key, call, max(answer.seconds, WORTH))
        if self._answers is not None:
            self._answers.put(shelf, call)
        return answer

    def _kept(self, call: Call) -> Answer | None:
        """An answer of another run, which this one does not pay; None where somebody else's hand was in it."""
        try:
            answer = _answer(call)
        except TypeError:
            return None
        told = isinstance(answer.text, str) and answer.model in self.models
        return replace(answer, text=self._clean(answer.text), paid=False) if told else None

    def _run(self, task: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run(task)
        except CancelledError:
            raise Halt("The run was closed while a model was asked.") from None

    def _asked(self, request: Request) -> Asked:
        return Asked(
            request.model or self.models[0],
            tuple(Message(message.role, self._clean(message.content)) for message in request.messages),
            None if self._settings.schema is SchemaMode.never else request.schema,
            request.seed,
            min(request.most or self.answer, self.answer),
        )

    def _key(self, asked: Asked) -> str:
        """The same request is the same call, wherever the server was when it answered: a run that goes on may have
        another address. Other runs, which may have another server, look by the server's name as well."""
        return content_key(
            asked.model,
            [[message.role, message.content] for message in asked.messages],
            asked.schema,
            asked.seed,
            asked.most,
            self._settings.temperature,
            self._settings.extra,
        )

    def _clean(self, text: str) -> str:
        """Nothing secret, and nothing that UTF-8 cannot say."""
        return scrub(text.encode(errors="replace").decode(), self._secrets)

    # -- the books -------------------------------------------------------------------------------

    def attach(self, known: Mapping[str, Call], record: Record, say: Callable[[str], None]) -> None:
        self._say = say
        past = dict(known)
        self._run(self._count(past))
        with self._mutex:
            self._calls = {**self._calls, **{key: call for key, call in past.items() if "failed" not in call}}
            self._record, early, self._early = record, self._early, []
        for key, call, seconds in early:
            # Asked before anybody knew that this run had its answer already: the money is gone all the same.
            record(_no_answer() if not key or key in past else key, call, seconds)

    async def _count(self, past: Mapping[str, Call]) -> None:
        for call in past.values():
            self._line.budget.count(_cost(call))

    def _note(self, key: str, call: Call, seconds: float) -> None:
        """A call is over; `key`: "" where it gave no answer."""
        with self._mutex:
            record = self._record
            if record is None:
                self._early.append((key, call, seconds))
        if record is not None:
            record(key or _no_answer(), call, seconds)  # several at once: the ledger writes them together
        if key:
            with self._mutex:
                self._calls[key] = call
                self._told.add(key)

    def _tell(self, text: str) -> None:
        self._say(self._clean(text))

    def close(self) -> None:
        with self._mutex:
            self._closed = True
        self._loop.close(self._line.wire.close)
        self._server.stop()
        if self._answers is not None:
            self._answers.close()


_FIELDS = tuple(field.name for field in fields(Answer))


def _answer(call: Call) -> Answer:
    return Answer(**{name: call[name] for name in _FIELDS if name in call})


def _cost(call: Call) -> dict[str, float]:
    """Of a recorded call, also of one that failed."""
    if not call.get("paid", True):
        return {}
    usd = call.get("usd")
    tokens = call.get("prompt_tokens", 0) + call.get("answer_tokens", 0)
    return {"calls": 1, "tokens": tokens, **({} if usd is None else {"usd": usd})}


def _no_answer() -> str:
    """The key of a call that nobody will look for; the books keep what it took."""
    return content_key("no answer", uuid.uuid4().hex)


def _again(shared: Future[Answer]) -> Answer:
    """What somebody else paid for, or failed at."""
    try:
        return replace(shared.result(), paid=False)
    except Failed as error:
        raise Failed(str(error)) from None
