"""The bench: each case once, a slot for whoever runs something, the machine alone for whoever asks."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy import Toy, ToySettings, guess

from evolve.substrate import Bench, Case, Clock, Limits, Outcome
from evolve.workers import LocalWorkers, RecordedBench
from evolve.workers.local import accelerators


class Counting(Toy):
    """Counts its trials, and how many run at once."""

    clock = Clock(5.0, "seconds", "a test", 1.0)

    def __init__(self) -> None:
        super().__init__(ToySettings())
        self.calls: list[str] = []
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.folders: list[Path] = []

    def trial(self, case: Case, bench: Bench) -> Outcome:
        with self.lock:
            self.calls.append(case.genome.digest)
            self.now += 1
            self.most = max(self.most, self.now)
        (bench.scratch / "left").write_text("x")
        self.folders.append(bench.scratch)
        time.sleep(0.05)
        with self.lock:
            self.now -= 1
        if case.repeat == 13:
            raise ValueError("a broken machine")
        return Outcome("ok", float(case.repeat))


@pytest.fixture
def counting() -> Iterator[tuple[Counting, RecordedBench, LocalWorkers]]:
    toy, workers = Counting(), LocalWorkers(2)
    yield toy, RecordedBench(toy, workers, {}, lambda key, case, outcome: None), workers
    workers.close()


def case(number: int, repeat: int = 0) -> Case:
    return Case(guess(float(number)), "a", {}, "select", repeat)


def test_each_case_runs_once_and_no_more_at_once_than_slots(
    counting: tuple[Counting, RecordedBench, LocalWorkers],
) -> None:
    toy, bench, _ = counting
    cases = [case(n) for n in (1, 2, 3, 1, 2, 3)]
    threads = [threading.Thread(target=bench.trials, args=(cases,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(toy.calls) == 3
    assert toy.most == 2
    assert [o.score for o in bench.trials(cases)] == [0.0] * 6


def test_what_the_judge_leaves_goes_with_the_slot(counting: tuple[Counting, RecordedBench, LocalWorkers]) -> None:
    toy, bench, _ = counting
    bench.trials([case(1), case(2)])
    assert len(set(toy.folders)) == 2
    assert not any(folder.exists() for folder in toy.folders)


def test_a_broken_machine_raises_and_the_slot_is_back(counting: tuple[Counting, RecordedBench, LocalWorkers]) -> None:
    _, bench, _ = counting
    with pytest.raises(ValueError, match="broken machine"):
        bench.trials([case(1, 13)])
    assert bench.trials([case(2)])[0].ok


def test_a_program_needs_a_slot(counting: tuple[Counting, RecordedBench, LocalWorkers]) -> None:
    _, bench, _ = counting
    with pytest.raises(RuntimeError, match="no slot is held"):
        bench.run(["true"], Limits(1.0))
    with pytest.raises(RuntimeError, match="no slot is held"):
        bench.start(["true"], Limits(1.0))
    with pytest.raises(RuntimeError, match="no slot is held"):
        _ = bench.scratch


def test_whoever_holds_a_slot_cannot_wait_for_others(counting: tuple[Counting, RecordedBench, LocalWorkers]) -> None:
    _, bench, _ = counting
    with bench.lease() as held:
        with held.lease() as same:
            assert same is held
        with pytest.raises(RuntimeError), held.exclusive():
            pass
        with pytest.raises(RuntimeError):
            held.trials([case(1)])
        assert held.run(["/bin/sh", "-c", "echo hello"], Limits(5.0)).stdout == b"hello\n"
        assert 0 < held.deadline - time.monotonic() <= 6


def test_what_still_runs_when_the_slot_is_given_back_is_stopped(
    counting: tuple[Counting, RecordedBench, LocalWorkers],
) -> None:
    _, bench, _ = counting
    cores = "import os; print(sorted(os.sched_getaffinity(0)))"
    with bench.lease() as held:
        done = held.start([sys.executable, "-I", "-S", "-c", cores], Limits(20.0))
        assert len(json.loads(done.result().stdout)) == max(1, len(os.sched_getaffinity(0)) // 2)
        several = [held.start(["sleep", "600"], Limits(600.0)) for _ in range(3)]
        waiting = threading.Thread(target=lambda: held.run(["sleep", "600"], Limits(600.0)))
        waiting.start()
        while len(held._started) < 4:  # type: ignore[attr-defined]
            time.sleep(0.01)
        assert not any(running.done() for running in several)
    assert [running.result().status for running in several] == ["stopped"] * 3
    waiting.join(20.0)
    assert not waiting.is_alive()
    assert done.result().ok


def test_the_machine_alone_waits_for_all_and_keeps_all_out(
    counting: tuple[Counting, RecordedBench, LocalWorkers],
) -> None:
    _, bench, workers = counting
    seen: list[str] = []

    def alone() -> None:
        with bench.exclusive():
            seen.append("in")
            time.sleep(0.1)
            seen.append("out")

    def one() -> None:
        with workers.lease():
            seen.append("slot")

    with bench.lease():
        first = threading.Thread(target=alone)
        first.start()
        time.sleep(0.05)
        others = [threading.Thread(target=one), threading.Thread(target=alone)]
        for thread in others:
            thread.start()
        time.sleep(0.05)
        assert seen == [], "somebody holds a slot"
    for thread in (first, *others):
        thread.join()
    text = " ".join(seen)
    assert text.count("in out") == 2, "nobody else was in"


def test_slots_share_the_cores_and_name_the_accelerators(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert accelerators(tmp_path) == ["cuda:0", "cuda:1"]
    assert accelerators(tmp_path / "none") == []


def test_what_could_not_be_recorded_is_not_known() -> None:
    full = [True]

    def record(key: str, case: Case, outcome: Outcome) -> None:
        if full[0]:
            raise OSError("the disk is full")

    toy, workers = Counting(), LocalWorkers(2)
    bench = RecordedBench(toy, workers, {}, record)
    with pytest.raises(OSError, match="full"):
        bench.trials([case(1)])
    assert bench.remembered(case(1)) is None
    full[0] = False
    assert bench.trials([case(1), case(2)])[0].ok
    assert len(toy.calls) == 3
    workers.close()


def test_nobody_waits_for_what_will_never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    toy, workers = Counting(), LocalWorkers(1)
    bench = RecordedBench(toy, workers, {}, lambda key, case, outcome: None)

    def refuse(*job: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(workers, "submit", refuse)
        with pytest.raises(KeyboardInterrupt):
            bench.trials([case(1), case(2)])
    assert [o.ok for o in bench.trials([case(1), case(2)])] == [True, True]
    workers.close()


def test_where_one_contest_fails_what_has_not_begun_never_does() -> None:
    from evolve.generation import _side_by_side

    begun: list[int] = []

    def fails() -> None:
        raise ValueError("a broken machine")

    def slow(number: int) -> None:
        begun.append(number)
        time.sleep(0.2)

    with pytest.raises(ValueError, match="broken"):
        _side_by_side([fails, *(lambda n=n: slow(n) for n in range(8))], 2)
    time.sleep(0.5)
    assert len(begun) <= 3
