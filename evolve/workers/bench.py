"""The bench: trials in parallel, remembered, each computed once; and programs in the sandbox of a held slot."""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Unpack

from evolve.errors import SlotLost
from evolve.substrate import Bench, Case, Given, Limits, Outcome, Ran, Running, Substrate
from evolve.workers.local import Lease, LocalWorkers

__all__ = ["HeldBench", "RecordedBench"]

_NONE_HELD = "no slot is held here: a trial holds one, `measure` and `compare` ask: with bench.lease() as bench"


class RecordedBench(Bench):
    """Runs a substrate's trials on workers. `known` is what was remembered; `record` is told what is new."""

    def __init__(
        self,
        substrate: Substrate,
        workers: LocalWorkers,
        known: dict[str, Outcome],
        record: Callable[[str, Case, Outcome], None],
    ) -> None:
        self._substrate = substrate
        self._workers = workers
        self._known = known
        self._record = record
        self._running: dict[str, Future[Outcome]] = {}
        self._offers: list[deque[tuple[int, Case]]] = []
        self._lock = threading.Lock()

    def trials(self, cases: Sequence[Case]) -> list[Outcome]:
        claims = [self._claim(case) for case in cases]
        new = [(case, future) for case, (future, mine) in zip(cases, claims, strict=True) if mine]
        try:
            if len(new) == 1:  # whoever would only wait may as well work
                self._workers.run(partial(self._run, *new[0]))
            else:
                for case, future in new:
                    self._submit(case, future)
        except BaseException as error:
            for case, future in new:
                self._end(case, future, error)  # nobody may wait for what will never run
            raise
        return [future.result() for future, _ in claims]

    @contextmanager
    def ahead(self, cases: Sequence[Case]) -> Iterator[None]:
        """While this is open, slots that nobody wants run these trials, the first ones first. They are remembered like
        any; what has begun goes on, and whoever asks for it then waits for its end."""
        offer = deque(enumerate(cases))
        with self._lock:
            self._offers.append(offer)
        for _ in range(min(len(cases), 2 * self._workers.slots)):
            self._workers.submit_spare(self._run_ahead)
        try:
            yield
        finally:
            with self._lock:
                self._offers = [other for other in self._offers if other is not offer]

    def remembered(self, case: Case) -> Outcome | None:
        """What is known of a case, without running it."""
        return self._known.get(self.key(case))

    def remember(self, case: Case, outcome: Outcome) -> None:
        """An outcome that was measured some other way than by a trial of its own."""
        key = self.key(case)
        if key in self._known:
            return
        self._record(key, case, outcome)  # first: what could not be recorded is not known
        with self._lock:
            self._known.setdefault(key, outcome)

    def key(self, case: Case) -> str:
        return case.key(self._substrate.uses_team)

    @contextmanager
    def lease(self) -> Iterator[Bench]:
        with self._workers.lease() as lease, self._held(lease) as held:
            yield held

    @contextmanager
    def exclusive(self) -> Iterator[Bench]:
        with self._workers.exclusive() as lease, self._held(lease) as held:
            yield held

    def run(self, argv: Sequence[str], limits: Limits, **given: Unpack[Given]) -> Ran:
        raise RuntimeError(_NONE_HELD)

    def start(self, argv: Sequence[str], limits: Limits, **given: Unpack[Given]) -> Running:
        raise RuntimeError(_NONE_HELD)

    def turn(self) -> None:
        raise RuntimeError(_NONE_HELD)

    def hand_over(self) -> None:
        raise RuntimeError(_NONE_HELD)

    @property
    def scratch(self) -> Path:
        raise RuntimeError(_NONE_HELD)

    @property
    def deadline(self) -> float:
        return math.inf

    @property
    def devices(self) -> Sequence[str]:
        return ()

    @contextmanager
    def _held(self, lease: Lease) -> Iterator[HeldBench]:
        clock = self._substrate.clock
        ends = time.monotonic() + clock.budget + clock.grace if clock.unit in ("s", "seconds") else math.inf
        held = HeldBench(self, self._workers, lease, ends)
        try:
            yield held
        finally:
            held.close()

    def _claim(self, case: Case) -> tuple[Future[Outcome], bool]:
        """The outcome to come, and whether it is for the caller to see to it."""
        key = self.key(case)
        with self._lock:
            return self._claimed(key)

    def _claimed(self, key: str) -> tuple[Future[Outcome], bool]:
        if key in self._known:
            done: Future[Outcome] = Future()
            done.set_result(self._known[key])
            return done, False
        if key in self._running:
            return self._running[key], False
        self._running[key] = Future()
        return self._running[key], True

    def _run_ahead(self, lease: Lease) -> bool:
        """The first that is offered and that nobody runs or knows; False where there is none."""
        with self._lock:
            while offers := [offer for offer in self._offers if offer]:
                _, case = min(offers, key=lambda offer: offer[0][0]).popleft()
                future, mine = self._claimed(self.key(case))
                if mine:
                    break
            else:
                return False
        try:
            self._run(case, future, lease)
        except SlotLost:
            self._submit(case, future)  # somebody may be waiting for it by now
            raise
        return True

    def clocked(self, seconds: float) -> None:
        """Of slots' time, so much was under the clock of a contest, whose games are no trials."""
        self._workers.clocked(seconds)

    def _submit(self, case: Case, future: Future[Outcome]) -> None:
        job = self._workers.submit(partial(self._run, case, future))
        job.add_done_callback(partial(self._never_began, case, future))

    def _run(self, case: Case, future: Future[Outcome], lease: Lease) -> None:
        started = time.perf_counter()
        try:
            with self._held(lease) as held:
                outcome = self._substrate.trial(case, held)
            if not outcome.seconds:
                took = time.perf_counter() - started - lease.waited
                outcome = replace(outcome, seconds=round(took, 6))
            self._workers.clocked(outcome.metrics.get("clock_seconds", 0.0))
            self.remember(case, outcome)
        except SlotLost:
            raise  # it will be run again
        except BaseException as error:
            self._end(case, future, error)
        else:
            self._end(case, future, outcome)

    def _never_began(self, case: Case, future: Future[Outcome], job: Future[None]) -> None:
        """Where no slot is left, or the workers were closed, whoever waits is told."""
        error = CancelledError() if job.cancelled() else job.exception()
        if error is not None:
            self._end(case, future, error)

    def _end(self, case: Case, future: Future[Outcome], end: Outcome | BaseException) -> None:
        """The first end counts."""
        with self._lock:
            if not future.done():
                if isinstance(end, Outcome):
                    future.set_result(end)
                else:
                    future.set_exception(end)
            self._running.pop(self.key(case), None)


class HeldBench(Bench):
    """The bench of whoever holds a slot."""

    def __init__(self, shared: RecordedBench, workers: LocalWorkers, lease: Lease, deadline: float) -> None:
        self._shared, self._workers, self._lease, self._deadline = shared, workers, lease, deadline
        self._slot = lease.slot
        self._started: list[Running] = []

    def trials(self, cases: Sequence[Case]) -> list[Outcome]:
        """Raises RuntimeError: trials need slots, and this one's holder would wait for them for ever."""
        raise RuntimeError("a slot is held here: ask for trials before or after it")

    def run(self, argv: Sequence[str], limits: Limits, **given: Unpack[Given]) -> Ran:
        return self.start(argv, limits, **given).result()

    def start(self, argv: Sequence[str], limits: Limits, **given: Unpack[Given]) -> Running:
        slot = self._slot
        running = self._workers.sandbox.start(
            argv, limits, cores=slot.cores, devices=slot.devices, slot=slot.number, **given
        )
        self._started = [*(other for other in self._started if not other.done()), running]
        return running

    def turn(self) -> None:
        self._lease.turn()

    def hand_over(self) -> None:
        self._lease.hand_over()

    @contextmanager
    def lease(self) -> Iterator[Bench]:
        """The slot that is held already."""
        yield self

    @contextmanager
    def exclusive(self) -> Iterator[Bench]:
        """Raises RuntimeError: two holders who want the machine alone would wait for each other."""
        raise RuntimeError("a slot is held here: ask for the machine in `measure` or `compare`")
        yield self

    @cached_property
    def scratch(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="evolve-"))

    @property
    def deadline(self) -> float:
        return self._deadline + self._lease.waited

    @property
    def devices(self) -> Sequence[str]:
        return self._slot.devices

    def close(self) -> None:
        """Whatever the judge has left goes with the slot: programs that still run, and files."""
        for running in self._started:
            running.stop()
        if "scratch" in self.__dict__:
            shutil.rmtree(self.scratch, ignore_errors=True)
