"""An OpenAI-compatible server on this machine that answers by a script, or misbehaves by it: for tests of whatever
must go on when a server fails.

with ScriptedServer(lambda request, number: "hello" if number else Status(500), models=["a"]) as server:
    connect(LLMSettings(base_url=server.base_url, models=["a"]), lambda: folder)
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Drip", "Drop", "Empty", "Flood", "Half", "Hang", "Reply", "ScriptedServer", "Status"]


@dataclass(frozen=True)
class Status:
    """An error. `retry_after`: as the header says it."""

    code: int
    body: str = '{"error": {"message": "scripted"}}'
    retry_after: str | None = None


@dataclass(frozen=True)
class Hang:
    """So many bytes of an answer, then nothing more until the server closes."""

    after_bytes: int = 0


@dataclass(frozen=True)
class Drip:
    """A byte of the answer, and one more each so many seconds."""

    seconds: float = 0.1


@dataclass(frozen=True)
class Half:
    """A body that says it is whole, and is half a JSON."""


@dataclass(frozen=True)
class Empty:
    """An answer without a text."""


@dataclass(frozen=True)
class Flood:
    """A text of so many bytes."""

    size: int


@dataclass(frozen=True)
class Drop:
    """The connection breaks."""


@dataclass(frozen=True)
class Body:
    """A whole body, as it is."""

    json: Any


_CHUNK = 2**16

Reply = str | Status | Hang | Drip | Half | Empty | Flood | Drop | Body
Script = Callable[[dict[str, Any], int], Reply]


class ScriptedServer:
    """`script(request, number)`: the parsed body and how many came before it. `delay`: seconds before any answer;
    `key`: what is asked for, else 401; `schema`: False: a 400 to whoever sends `response_format`; `port`: 0 a free one.

    `requests` holds what was asked, `most` how many at most at once, `headers` those of each request.
    """

    def __init__(
        self,
        script: Script,
        models: Sequence[str] = ("scripted",),
        *,
        delay: float = 0.0,
        key: str | None = None,
        schema: bool = True,
        port: int = 0,
    ) -> None:
        self.script, self.models, self.delay, self.key, self.schema = script, tuple(models), delay, key, schema
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.most = self._now = 0
        self._mutex = threading.Lock()
        self.closing = threading.Event()
        server = self

        class Handler(_Handler):
            scripted = server

        self._http = _Quiet(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def asked(self, request: dict[str, Any], headers: dict[str, str]) -> Reply:
        with self._mutex:
            number = len(self.requests)
            self.requests.append(request)
            self.headers.append(headers)
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            self.closing.wait(self.delay)
            if not self.schema and "response_format" in request:
                return Status(400, '{"error": {"message": "response_format is not supported"}}')
            return self.script(request, number)
        finally:
            with self._mutex:
                self._now -= 1


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """As a process that ends: also the connections that are kept open."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is none of ours."""


class _Handler(BaseHTTPRequestHandler):
    scripted: ScriptedServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        return None

    def _allowed(self) -> bool:
        key = self.scripted.key
        if key is None or self.headers.get("Authorization") == f"Bearer {key}":
            return True
        self._send(401, json.dumps({"error": {"message": f"Incorrect key: {self.headers.get('Authorization')}"}}))
        return False

    def do_GET(self) -> None:
        if self._allowed():
            self._send(200, json.dumps({"object": "list", "data": [{"id": name} for name in self.scripted.models]}))

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._allowed():
            return
        if request.get("model") not in self.scripted.models:
            self._send(404, json.dumps({"error": {"message": f"no model {request.get('model')!r}"}}))
            return
        self._reply(
            self.scripted.asked(request, {name.lower(): value for name, value in self.headers.items()}),
            request["model"],
        )

    def _reply(self, reply: Reply, model: str) -> None:
        match reply:
            case str():
                self._send(200, _completion(reply, model))
            case Empty():
                self._send(200, _completion("", model))
            case Flood(size):
                before, after = _completion("|", model).encode().split(b"|")
                self._head(200, len(before) + size + len(after))
                self.wfile.write(before)
                for start in range(0, size, _CHUNK):
                    self.wfile.write(b"x" * min(_CHUNK, size - start))
                self.wfile.write(after)
            case Body(value):
                self._send(200, json.dumps(value))
            case Status(code, body, retry_after):
                self._send(code, body, {} if retry_after is None else {"Retry-After": retry_after})
            case Half():
                whole = _completion("half of it", model)
                self._send(200, whole[: len(whole) // 2])
            case Hang(after):
                self._head(200, 1_000_000)
                self.wfile.write(b" " * after)
                self.scripted.closing.wait()
            case Drip(seconds):
                self._head(200, 1_000_000)
                while not self.scripted.closing.wait(seconds):
                    self.wfile.write(b" ")
            case Drop():
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()

    def _send(self, code: int, body: str, more: dict[str, str] | None = None) -> None:
        data = body.encode()
        self._head(code, len(data), more)
        self.wfile.write(data)

    def _head(self, code: int, length: int, more: dict[str, str] | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()


def _completion(text: str, model: str, prompt_tokens: int = 10) -> str:
    """Ten tokens of prompt, and four characters a token."""
    return json.dumps(
        {
            "id": f"scripted-{time.time_ns()}",
            "object": "chat.completion",
            "model": model,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": len(text) // 4},
        }
    )
