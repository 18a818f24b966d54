"""Slots on this machine. Genomes that are data (prompts) are interpreted by trusted code in warm threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["LocalWorkers"]

T = TypeVar("T")


class LocalWorkers:
    """`slots` trials at once. Only a trial holds a slot from its start; everything else leases."""

    def __init__(self, slots: int | None = None) -> None:
        self.slots = slots or len(os.sched_getaffinity(0))
        self._free = [f"cpu{i}" for i in reversed(range(self.slots))]
        self._changed = threading.Condition()
        self._waiting_alone = 0
        self._pool = ThreadPoolExecutor(self.slots, thread_name_prefix="slot")

    def submit(self, job: Callable[[str], T]) -> Future[T]:
        """Run `job(slot)` as soon as a slot is free."""

        def leased() -> T:
            with self.lease() as slot:
                return job(slot)

        return self._pool.submit(leased)

    @contextmanager
    def lease(self) -> Iterator[str]:
        """One slot, by name. Waits behind those that want the machine alone."""
        with self._changed:
            self._changed.wait_for(lambda: self._free and not self._waiting_alone)
            slot = self._free.pop()
        try:
            yield slot
        finally:
            self._give_back([slot])

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Every slot at once, taken together, so that two callers cannot lock each other out."""
        with self._changed:
            self._waiting_alone += 1
            try:
                self._changed.wait_for(lambda: len(self._free) == self.slots)
                held, self._free = self._free, []
            finally:
                self._waiting_alone -= 1
        try:
            yield
        finally:
            self._give_back(held)

    def _give_back(self, slots: list[str]) -> None:
        with self._changed:
            self._free.extend(slots)
            self._changed.notify_all()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
