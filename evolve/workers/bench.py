"""The bench: trials in parallel, remembered, each computed once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

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
        claims = [self._claim(case) for case in cases]
        new = [(case, future) for case, (future, mine) in zip(cases, claims, strict=True) if mine]
        for case, future in new[:-1]:
            self._workers.submit(partial(self._run, case, future))
        for case, future in new[-1:]:  # whoever would only wait may as well work
            with self._workers.lease() as slot:
                self._run(case, future, slot)
        return [future.result() for future, _ in claims]

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

    def _claim(self, case: Case) -> tuple[Future[Outcome], bool]:
        """The outcome to come, and whether it is for the caller to see to it."""
        key = self.key(case)
        with self._lock:
            if key in self._known:
                done: Future[Outcome] = Future()
                done.set_result(self._known[key])
                return done, False
            if key in self._running:
                return self._running[key], False
            self._running[key] = Future()
            return self._running[key], True

    def _run(self, case: Case, future: Future[Outcome], slot: str) -> None:
        started = time.perf_counter()
        try:
            outcome = self._substrate.trial(case, self)
            if not outcome.seconds:
                outcome = replace(outcome, seconds=round(time.perf_counter() - started, 6))
            self.remember(case, outcome)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(outcome)
        with self._lock:
            self._running.pop(self.key(case), None)
