"""The bench: trials in parallel, remembered, each computed once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import replace

from evolve.substrate import Case, Outcome, Substrate
from evolve.workers.local import LocalWorkers

__all__ = ["RecordedBench"]


class RecordedBench:
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
        self._lock = threading.Lock()

    def trials(self, cases: Sequence[Case]) -> list[Outcome]:
        return [future.result() for future in [self._start(case) for case in cases]]

    def remembered(self, case: Case) -> Outcome | None:
        """What is known of a case, without running it."""
        return self._known.get(self.key(case))

    def remember(self, case: Case, outcome: Outcome) -> None:
        """An outcome that was measured some other way than by a trial of its own."""
        key = self.key(case)
        with self._lock:
            if key in self._known:
                return
            self._known[key] = outcome
        self._record(key, case, outcome)

    def key(self, case: Case) -> str:
        return case.key(self._substrate.uses_team)

    def lease(self) -> AbstractContextManager[str]:
        return self._workers.lease()

    def exclusive(self) -> AbstractContextManager[None]:
        return self._workers.exclusive()

    def _start(self, case: Case) -> Future[Outcome]:
        key = self.key(case)
        with self._lock:
            if key in self._known:
                done: Future[Outcome] = Future()
                done.set_result(self._known[key])
                return done
            if key not in self._running:
                self._running[key] = self._workers.submit(lambda slot: self._run(key, case))
            return self._running[key]

    def _run(self, key: str, case: Case) -> Outcome:
        started = time.perf_counter()
        outcome = self._substrate.trial(case, self)
        if not outcome.seconds:
            outcome = replace(outcome, seconds=round(time.perf_counter() - started, 6))
        self.remember(case, outcome)
        with self._lock:
            self._running.pop(key, None)
        return outcome
