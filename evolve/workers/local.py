"""Slots on this machine: sets of cores, or one accelerator each where the domain asks for them.

Genomes that are data (prompts) are interpreted by trusted code in warm threads; programs run in the sandbox.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from evolve.workers.sandbox import Sandbox

__all__ = ["LocalWorkers", "Slot", "accelerators"]

T = TypeVar("T")


@dataclass(frozen=True)
class Slot:
    """What one trial holds. `cores`: the processors its programs are pinned to; `devices`: names like `cuda:0`."""

    number: int
    cores: tuple[int, ...]
    devices: tuple[str, ...] = ()


class LocalWorkers:
    """`slots` trials at once. Only a trial holds a slot from its start; everything else leases.

    `sandbox`: auto, bwrap or plain. `accelerated`: a slot an accelerator, where there are any.
    """

    def __init__(self, slots: int | None = None, sandbox: str = "auto", accelerated: bool = False) -> None:
        cores, devices = sorted(os.sched_getaffinity(0)), accelerators() if accelerated else []
        self.slots = slots or len(devices) or len(cores)
        self._free = [
            Slot(
                i,
                _share(cores, i, self.slots),
                tuple(devices[i % len(devices) : i % len(devices) + 1] if devices else ()),
            )
            for i in reversed(range(self.slots))
        ]
        self._mode = sandbox
        self._changed = threading.Condition()
        self._waiting_alone = 0
        self._pool = ThreadPoolExecutor(self.slots, thread_name_prefix="slot")

    @cached_property
    def sandbox(self) -> Sandbox:
        """Found when it is first asked for: domains of data need none. Raises UsageError where it must be there."""
        return Sandbox.find(self._mode)

    def submit(self, job: Callable[[Slot], T]) -> Future[T]:
        """Run `job(slot)` as soon as a slot is free."""

        def leased() -> T:
            with self.lease() as slot:
                return job(slot)

        return self._pool.submit(leased)

    @contextmanager
    def lease(self) -> Iterator[Slot]:
        """One slot. Waits behind those that want the machine alone."""
        with self._changed:
            self._changed.wait_for(lambda: self._free and not self._waiting_alone)
            slot = self._free.pop()
        try:
            yield slot
        finally:
            self._give_back([slot])

    @contextmanager
    def exclusive(self) -> Iterator[Slot]:
        """Every slot at once, taken together, so that two callers cannot lock each other out; the first to work on."""
        with self._changed:
            self._waiting_alone += 1
            try:
                self._changed.wait_for(lambda: len(self._free) == self.slots)
                held, self._free = self._free, []
            finally:
                self._waiting_alone -= 1
        try:
            yield min(held, key=lambda slot: slot.number)
        finally:
            self._give_back(held)

    def _give_back(self, slots: list[Slot]) -> None:
        with self._changed:
            self._free.extend(slots)
            self._changed.notify_all()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        if "sandbox" in self.__dict__:
            self.sandbox.close()


def accelerators(devices: Path = Path("/dev")) -> list[str]:
    """The machine's NVIDIA GPUs, by name. Their device files say it: to ask torch would start CUDA in this process."""
    found = sorted(int(m[1]) for f in devices.glob("nvidia*") if (m := re.fullmatch(r"nvidia(\d+)", f.name)))
    return [f"cuda:{i}" for i in range(len(found))]


def _share(cores: list[int], number: int, slots: int) -> tuple[int, ...]:
    """An equal share of the cores; where there are more slots than cores, they take turns."""
    if slots > len(cores):
        return tuple(cores)
    each = len(cores) // slots
    return tuple(cores[number * each : (number + 1) * each])
