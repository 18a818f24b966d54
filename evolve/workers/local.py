"""Slots on this machine: sets of cores, or one accelerator each where the domain asks for them.

Genomes that are data (prompts) are interpreted by trusted code in warm threads; programs run in the sandbox.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from evolve.errors import Halt, SlotLost
from evolve.workers.sandbox import Sandbox
from evolve.workers.usage import Meter, Usage

__all__ = ["Lease", "LocalWorkers", "Slot", "accelerators"]

T = TypeVar("T")


@dataclass(frozen=True)
class Slot:
    """What one trial holds. `cores`: the processors its programs are pinned to; `devices`: names like `cuda:0`."""

    number: int
    cores: tuple[int, ...]
    devices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"slot {self.number}" + (f" ({', '.join(self.devices)})" if self.devices else "")


class Lease:
    """A slot in somebody's hands. `alone`: the whole machine is; `waited`: seconds for its turn."""

    def __init__(self, workers: LocalWorkers, slot: Slot, alone: bool = False) -> None:
        self.slot, self.alone, self.waited, self.handed = slot, alone, 0.0, False
        self._workers = workers

    def turn(self) -> None:
        """Returns when whoever has handed this slot over is done with it."""
        self._workers.turn(self)

    def hand_over(self) -> None:
        """The slot may be leased again while this holder finishes; it has the turn until then."""
        self._workers.hand_over(self)


class LocalWorkers:
    """`slots` trials at once. Only a trial holds a slot from its start; everything else leases.

    Where all slots are lost, whoever needs one gets a Halt.
    `sandbox`: auto, bwrap or plain. `accelerated`: a slot an accelerator, where there are any. `overlap`: a slot that
    was handed over is leased again; then one trial loads there while the one before finishes, and never a third.
    """

    def __init__(
        self, slots: int | None = None, sandbox: str = "auto", accelerated: bool = False, overlap: bool = True
    ) -> None:
        cores, devices = sorted(os.sched_getaffinity(0)), accelerators() if accelerated else []
        count = slots or len(devices) or len(cores)
        self._free = [
            Slot(i, _share(cores, i, count), (devices[i % len(devices)],) if devices else ()) for i in range(count)
        ]
        self._left = {slot.number for slot in self._free}
        self._say: Callable[[str], None] = lambda said: None
        self._mode = sandbox
        self._overlap = overlap
        self._changed = threading.Condition()
        self._meter = Meter(self._left, time.monotonic())
        self._closed = False
        self._asking = 0  # who waits for a slot and is not to be kept waiting
        self._waiting_alone = 0
        self._held = 0  # leases that have not ended, handed over or not
        self._turns: dict[int, Lease] = {}
        # A trial that finishes holds its thread, beside the one that loads; where none does, one slot works in order.
        self._pool = ThreadPoolExecutor((2 if overlap else 1) * count, thread_name_prefix="slot")
        self._spare = ThreadPoolExecutor(2 * count, thread_name_prefix="spare")

    @property
    def slots(self) -> int:
        """How many there are; those that were lost are none."""
        return len(self._left)

    def usage(self) -> Usage:
        """Since these workers were made."""
        with self._changed:
            return self._meter.read(time.monotonic())

    def clocked(self, seconds: float) -> None:
        """So long has a trial just been under its clock."""
        with self._changed:
            self._meter.clocked(seconds)

    def tell(self, say: Callable[[str], None]) -> None:
        """Whom to tell, in any thread, that a slot is lost."""
        self._say = say

    @cached_property
    def sandbox(self) -> Sandbox:
        """Found when it is first asked for: domains of data need none. Raises UsageError where it must be there."""
        return Sandbox.find(self._mode)

    def submit(self, job: Callable[[Lease], T]) -> Future[T]:
        """Run `job(lease)` as soon as a slot is free."""
        return self._pool.submit(self.run, job)

    def submit_spare(self, job: Callable[[Lease], bool]) -> None:
        """Run `job(lease)` whenever a slot is free that nobody else waits for, until it says that nothing is left."""

        def again() -> None:
            with suppress(Halt):
                while self.run(job, spare=True):
                    pass

        self._spare.submit(again)

    def run(self, job: Callable[[Lease], T], spare: bool = False) -> T:
        """In the caller's thread. Where the job says SlotLost, once more, on another slot."""
        while True:
            with self.lease(spare) as lease:
                try:
                    return job(lease)
                except SlotLost as lost:
                    self.retire(lease.slot, str(lost))

    def retire(self, slot: Slot, why: str) -> None:
        """It is never leased again."""
        with self._changed:
            if slot.number not in self._left:
                return
            self._left.remove(slot.number)
            self._meter.lost(slot.number, time.monotonic())
            self._free = [free for free in self._free if free.number != slot.number]
            self._changed.notify_all()
            left = f"{self.slots} slots are left" if self.slots > 1 else "one is left" if self.slots else "none is left"
        self._say(f"{str(slot).capitalize()} is lost: {why.rstrip('.')}; {left}.")

    @contextmanager
    def lease(self, spare: bool = False) -> Iterator[Lease]:
        """One slot. Waits behind those that want the machine alone; `spare`: behind everybody."""
        with self._changed:
            self._asking += not spare
            try:
                self._changed.wait_for(lambda: self._may_lease(spare))
                self._some_left(spare)
                # One where nobody finishes, if there is one.
                slot = min(self._free, key=lambda slot: (slot.number in self._turns, slot.number))
                self._free.remove(slot)
                self._begin([slot])
            finally:
                self._asking -= not spare
                self._changed.notify_all()  # those that let this one pass
        lease = Lease(self, slot)
        try:
            yield lease
        finally:
            self._end(lease, [slot])

    def _may_lease(self, spare: bool) -> bool:
        if not self._left or (spare and self._closed):
            return True  # to be told so
        return bool(self._free) and not self._waiting_alone and not (spare and self._asking)

    def _some_left(self, spare: bool = False) -> None:
        if not self._left:
            raise Halt("every slot is lost: mend the machine, then go on")
        if spare and self._closed:
            raise Halt("the workers are closed")

    @contextmanager
    def exclusive(self) -> Iterator[Lease]:
        """Every slot at once, taken together, so that two callers cannot lock each other out; the first to work on."""
        with self._changed:
            self._waiting_alone += 1
            try:
                self._changed.wait_for(lambda: not self._held)
                self._some_left()
                slots, self._free = self._free, []
                self._begin(slots)
            finally:
                self._waiting_alone -= 1
        lease = Lease(self, min(slots, key=lambda slot: slot.number), alone=True)
        try:
            yield lease
        finally:
            self._end(lease, slots)

    def turn(self, lease: Lease) -> None:
        """Raises SlotLost where it was lost meanwhile."""
        started, number = time.monotonic(), lease.slot.number
        with self._changed:
            self._changed.wait_for(lambda: self._turns.get(number, lease) is lease or number not in self._left)
            if number not in self._left and self._turns.get(number) is not lease:
                raise SlotLost("it was lost by the trial before")
            self._turns[number] = lease
        lease.waited += time.monotonic() - started

    def hand_over(self, lease: Lease) -> None:
        lease.turn()
        with self._changed:
            if self._overlap and not lease.alone and not lease.handed:
                lease.handed = True
                self._give_back([lease.slot])

    def _begin(self, slots: list[Slot]) -> None:
        self._held += 1
        for slot in slots:
            self._meter.begin(slot.number, time.monotonic())

    def _end(self, lease: Lease, slots: list[Slot]) -> None:
        with self._changed:
            self._held -= 1
            for slot in slots:
                self._meter.end(slot.number, time.monotonic())
            if self._turns.get(lease.slot.number) is lease:
                del self._turns[lease.slot.number]
            self._give_back([] if lease.handed else slots)

    def _give_back(self, slots: list[Slot]) -> None:
        self._free.extend(slot for slot in slots if slot.number in self._left)
        self._changed.notify_all()

    def close(self) -> None:
        """What has begun is waited for, and nothing else begins."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for wait in (False, True):
            for pool in (self._spare, self._pool):
                pool.shutdown(wait=wait, cancel_futures=True)
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
