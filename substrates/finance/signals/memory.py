"""Arrays computed once: a bounded, thread-safe memory by (panel, what was asked)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT_BYTES = 256 * 2**20  # assumption: room for about 300 books of 5,500 x 20 and all that they share


class Memory:
    """Remembers arrays up to a number of bytes; the least recently used go first.

    Two threads that ask for the same absent array may both compute it; the results are equal. What is handed
    out is shared, hence read-only.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._held: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: Hashable, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array under `key`, computed now if it is not held."""
        with self._lock:
            held = self._held.get(key)
            if held is not None:
                self._held.move_to_end(key)
                return held
        fresh = np.ascontiguousarray(compute()).view()  # a view: the maker's own array stays as it was
        fresh.flags.writeable = False
        with self._lock:
            self._put(key, fresh)
        return fresh

    def _put(self, key: Hashable, fresh: NDArray[Any]) -> None:
        if key in self._held:
            return
        self._held[key] = fresh
        self._bytes += fresh.nbytes
        while self._bytes > self._limit and len(self._held) > 1:
            _, dropped = self._held.popitem(last=False)
            self._bytes -= dropped.nbytes

    @property
    def nbytes(self) -> int:
        """How many bytes are held."""
        return self._bytes
