"""One request to an OpenAI-compatible server, and what its outcome means. Nothing is tried again here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx2
import openai

from evolve.config import LLMSettings, SchemaMode
from evolve.errors import Halt, UsageError
from evolve.llm.reply import Refused, Reply, Unusable, code, completion, listed, retry_after, words
from evolve.llm.types import Message

__all__ = ["Asked", "Hopeless", "Remote", "Server", "Trouble", "Wire", "loopback"]

LARGEST = 4 * 2**20  # bytes of any answer that are read; the longest answers of today's models are 0.5 MB
CONNECT = 10.0  # seconds to reach a server; an assumption: one that is there takes a call in far less

_OVERLONG = re.compile(r"context (size|length|window)|maximum context", re.IGNORECASE)  # llama.cpp, vLLM, OpenAI

Tokens = tuple[int, int]


@dataclass(frozen=True)
class Asked:
    """A request as it goes out: nothing in it is secret. `most`: tokens of the answer."""

    model: str
    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None
    seed: int
    most: int


class Server(Protocol):
    """Where the models are."""

    def start(self) -> str:
        """Its base URL; starts what isn't running."""

    def stop(self) -> None: ...

    def schema(self, schema: Mapping[str, Any], most: int) -> Mapping[str, Any]:
        """As this server is given it, for an answer of `most` tokens."""


@dataclass(frozen=True)
class Remote:
    """A server that others run."""

    base_url: str

    def start(self) -> str:
        return self.base_url

    def stop(self) -> None:
        return None

    def schema(self, schema: Mapping[str, Any], most: int) -> Mapping[str, Any]:
        return schema


def loopback(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


class Trouble(Exception):
    """It went wrong, and may go well the next time. `billed`: the tokens that the server may have counted all the
    same; None: it cannot have. `after`: seconds that it asks to be left alone. `busy`: there was nothing wrong with
    the request. `answered`: there was an answer, of no use. `own`: the request may be what the server fails at.
    `began`, `server`: when that try did, and whether all are waiting now (the gate knows)."""

    def __init__(
        self,
        said: str,
        billed: Tokens | None = None,
        after: float | None = None,
        busy: bool = False,
        answered: bool = False,
        own: bool = False,
    ) -> None:
        super().__init__(said)
        self.billed, self.after, self.busy, self.answered, self.own = billed, after, busy, answered, own
        self.began, self.server = 0.0, False


class Hopeless(Exception):
    """This request will get no answer, however often it is sent. `overlong`: as it is more than the model can hold."""

    def __init__(self, said: str, billed: Tokens | None = None, overlong: bool = False) -> None:
        super().__init__(said)
        self.billed, self.overlong = billed, overlong


class TooLong(Exception):
    """More bytes than any answer has."""


class _Bounded(httpx2.AsyncByteStream):
    """A response's body, of which no more is read than an answer may have."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for chunk in self._stream:
            read += len(chunk)
            if read > LARGEST:
                raise TooLong
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise TooLong  # nobody asked for it to be packed, and what it unpacks to has no bound
    response.stream = _Bounded(response.stream)  # type: ignore[arg-type]


class Wire:
    """`key`: None where the server needs none. `clean`: takes secrets out of what a server says."""

    def __init__(self, settings: LLMSettings, server: Server, key: str | None, clean: Callable[[str], str]) -> None:
        self._settings, self._server, self._key, self._clean = settings, server, key, clean
        self._starting = asyncio.Lock()
        self._worked = False  # has the key been good once?
        self._base_url = ""
        self._sdk: openai.AsyncOpenAI | None = None
        self._free_text: set[str] = set()  # the models that hold no answer to a schema

    async def ask(self, asked: Asked) -> Reply:
        """Within `llm.timeout` seconds, whatever the server does. Raises Trouble, Hopeless, Halt."""
        sdk = await self._client()
        try:
            async with asyncio.timeout(self._settings.timeout):
                reply = completion(self._cleaned(await self._answered(sdk, asked)))
                self._worked = True
                return reply
        except TimeoutError:
            raise Trouble(f"no answer within llm.timeout={self._settings.timeout:g} s", (0, 0)) from None
        except Refused as error:
            raise Hopeless(self._clean(str(error)), error.tokens) from None
        except Unusable as error:
            raise Trouble(self._clean(str(error)), error.tokens, answered=True) from None
        except TooLong:
            raise Hopeless(f"the answer has no end: it was left at {LARGEST / 2**20:g} MB", (0, 0)) from None
        except (openai.APIConnectionError, httpx2.RequestError) as error:
            raise self._broken(error) from None
        except openai.APIStatusError as error:
            raise await self._judged(sdk, asked, error) from None

    async def _answered(self, sdk: openai.AsyncOpenAI, asked: Asked) -> bytes:
        """The body. A server that may not know schemas is asked again without one; if that works, from then on."""
        mode = self._settings.schema
        constrained = asked.schema is not None and mode is not SchemaMode.never and asked.model not in self._free_text
        try:
            return await self._posted(sdk, asked, constrained)
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            if not constrained or mode is SchemaMode.always:
                raise
        body = await self._posted(sdk, asked, constrained=False)
        self._free_text.add(asked.model)
        return body

    async def _posted(self, sdk: openai.AsyncOpenAI, asked: Asked, constrained: bool) -> bytes:
        own = (urlsplit(self._base_url).hostname or "").endswith(".openai.com")
        more: dict[str, Any] = {"max_completion_tokens" if own else "max_tokens": asked.most}
        if self._settings.temperature is not None:
            more["temperature"] = self._settings.temperature
        if constrained:
            schema = self._server.schema(asked.schema or {}, asked.most)
            form = {"name": "answer", "strict": True, "schema": dict(schema)}
            more["response_format"] = {"type": "json_schema", "json_schema": form}
        raw = await sdk.chat.completions.with_raw_response.create(
            model=asked.model,
            messages=[{"role": m.role, "content": m.content} for m in asked.messages],  # type: ignore[misc]
            seed=asked.seed,
            extra_body=dict(self._settings.extra),
            **more,
        )
        return raw.content

    def _broken(self, error: openai.APIConnectionError | httpx2.RequestError) -> Trouble:
        cause = error.__cause__ or error
        if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
            return Trouble(f"no connection: {self._clean(_said(cause))}")
        return Trouble(f"the connection broke: {self._clean(_said(cause))}", (0, 0))

    async def _judged(
        self, sdk: openai.AsyncOpenAI, asked: Asked, error: openai.APIStatusError
    ) -> Trouble | Hopeless | Halt:
        status, body = error.status_code, self._cleaned(error.response.content)
        said = f"{status}: {words(body)}"
        if status == 403 and self._worked:  # some servers say so of a text that they do not like
            return Hopeless(f"the server refuses the request ({said})")
        if status in (401, 403):
            return Halt(f"The model's server {self._base_url} refuses the key ({said}). llm.key says where it is.")
        if status == 402 or code(body) == "insufficient_quota":
            return Halt(f"The model's server {self._base_url} wants to be paid ({said}). Resume the run when it is.")
        if status == 404 or code(body) == "model_not_found":
            known = await self._known(sdk)
            return Halt(
                f"The model's server {self._base_url} does not know llm.models=[{asked.model}] ({said})."
                + (f" It knows: {', '.join(known[:20])}." if known else " Does llm.base_url end where its API begins?")
            )
        if status == 429:
            return Trouble(said, after=retry_after(error.response.headers), busy=True)
        if status in (408, 409) or status >= 500:
            return Trouble(said, after=retry_after(error.response.headers), own=status == 500)
        overlong = code(body) == "context_length_exceeded" or _OVERLONG.search(said) is not None
        return Hopeless(f"the server refuses the request ({said})", overlong=overlong)

    def _cleaned(self, body: bytes) -> bytes:
        """Before anything of it is cut: half a key is one, too."""
        return self._clean(body.decode(errors="replace")).encode()

    async def _known(self, sdk: openai.AsyncOpenAI) -> list[str]:
        try:
            async with asyncio.timeout(CONNECT):
                return await self._listed(sdk)
        except (openai.OpenAIError, httpx2.RequestError, TimeoutError):
            return []

    async def models(self) -> list[str]:
        """What the server has; raises what the SDK and httpx2 raise, and TimeoutError."""
        sdk = await self._client()
        async with asyncio.timeout(2 * CONNECT):
            return await self._listed(sdk)

    async def _listed(self, sdk: openai.AsyncOpenAI) -> list[str]:
        try:
            return listed(self._cleaned((await sdk.get("/models", cast_to=httpx2.Response)).content))
        except TooLong:
            return []

    async def _client(self) -> openai.AsyncOpenAI:
        """A server of our own that died is started again, maybe elsewhere."""
        async with self._starting:
            try:
                base_url = await asyncio.to_thread(self._server.start)
            except UsageError as error:
                raise Halt(str(error)) from None  # whoever asks is in the middle of a run
            if self._sdk is None or base_url != self._base_url:
                await self.close()
                self._base_url, self._sdk = base_url, self._connected(base_url)
            return self._sdk

    def _connected(self, base_url: str) -> openai.AsyncOpenAI:
        sdk = openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=base_url,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(
                timeout=httpx2.Timeout(self._settings.timeout, connect=min(CONNECT, self._settings.timeout)),
                headers={"Accept-Encoding": "identity"},
                event_hooks={"response": [_bound]},
                trust_env=not loopback(base_url),  # a proxy knows another "this machine"
            ),
        )
        _ = sdk.chat.completions  # imported when it is first touched: a quarter of a second, better now than then
        return sdk

    async def close(self) -> None:
        if self._sdk is not None:
            await self._sdk.close()
        self._sdk = None


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
