"""Answers that were paid for once, on disk, for every run beside this ledger."""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diskcache  # type: ignore[import-untyped]
from diskcache.core import MODE_PICKLE  # type: ignore[import-untyped]

__all__ = ["Answers"]

BROKEN = (OSError, sqlite3.Error, diskcache.Timeout, zlib.error, ValueError, TypeError)
"""What reading and writing such a folder may raise: a full disk, somebody else's hand."""


class _Plain(diskcache.JSONDisk):  # type: ignore[misc]
    """JSON in, JSON out: a pickle that somebody put there is not read."""

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        if mode == MODE_PICKLE:
            raise ValueError("no answer of ours")
        return super().fetch(mode, filename, value, read)


class Answers:
    """`folder` is asked for when the first answer is looked for. A folder that fails costs money, and no run: `say` is
    told once."""

    def __init__(self, folder: Callable[[], Path], say: Callable[[str], None]) -> None:
        self._folder, self._say = folder, say
        self._mutex = threading.Lock()
        self._cache: Any = None
        self._failed = False

    def get(self, key: str) -> Mapping[str, Any] | None:
        found = self._tried(lambda cache: cache.get(key))
        return found if isinstance(found, Mapping) else None

    def put(self, key: str, call: Mapping[str, Any]) -> None:
        self._tried(lambda cache: cache.set(key, dict(call)))

    def _tried(self, work: Callable[[Any], Any]) -> Any:
        if self._failed:
            return None
        try:
            return work(self._opened())
        except BROKEN as error:
            with self._mutex:
                told, self._failed = self._failed, True
            if not told:
                self._say(f"Answers of the model cannot be kept for later runs: {error}.")
            return None

    def _opened(self) -> Any:
        with self._mutex:
            if self._cache is None:
                self._cache = diskcache.Cache(str(self._folder()), disk=_Plain, eviction_policy="none")
            return self._cache

    def close(self) -> None:
        with self._mutex:
            if self._cache is not None:
                self._cache.close()
                self._cache = None
