"""A slot that is lost: the trial runs on another one, and nobody waits for what is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from toy import Toy, guess

from evolve.errors import Halt, SlotLost
from evolve.substrate import Bench, Case, Outcome
from evolve.workers import LocalWorkers, RecordedBench, local

Play = Callable[[Case, Bench], None]


class Falling(Toy):
    """`play` is what happens in a trial before it scores."""

    def __init__(self, play: Play) -> None:
        super().__init__()
        self.play = play
        self.where: list[tuple[str, ...]] = []

    def trial(self, case: Case, bench: Bench) -> Outcome:
        self.where.append(tuple(bench.devices))
        self.play(case, bench)
        return super().trial(case, bench)


def made(
    monkeypatch: pytest.MonkeyPatch, gpus: int, play: Play
) -> tuple[Falling, LocalWorkers, RecordedBench, list[Outcome], list[str]]:
    monkeypatch.setattr(local, "accelerators", lambda: [f"cuda:{i}" for i in range(gpus)])
    toy, workers = Falling(play), LocalWorkers(accelerated=True)
    recorded: list[Outcome] = []
    said: list[str] = []
    workers.tell(said.append)
    return toy, workers, RecordedBench(toy, workers, {}, lambda key, case, o: recorded.append(o)), recorded, said


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def cases(count: int) -> list[Case]:
    return [Case(guess(float(n)), "a", {}, "select") for n in range(count)]


@pytest.mark.parametrize("count", [1, 8])
def test_a_trial_whose_gpu_falls_off_the_bus_runs_on_another(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    def play(case: Case, bench: Bench) -> None:
        if "cuda:0" in bench.devices:
            raise SlotLost("cuda:0 has fallen off the bus.")

    toy, workers, bench, recorded, said = made(monkeypatch, 3, play)
    outcomes = bench.trials(cases(count))
    assert [o.score for o in outcomes] == [abs(3.0 - n) for n in range(count)]
    assert len(recorded) == count, "the try that was lost is nobody's outcome"
    assert said == ["Slot 0 (cuda:0) is lost: cuda:0 has fallen off the bus; 2 slots are left."]
    assert workers.slots == 2
    with bench.exclusive() as held:
        assert list(held.devices) == ["cuda:1"]
    before = len(toy.where)
    bench.trials([Case(guess(n + 0.5), "a", {}, "select") for n in range(8)])
    assert ("cuda:0",) not in toy.where[before:]
    workers.close()


@pytest.mark.parametrize("count", [1, 8])
def test_with_no_slot_left_everybody_is_told(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    def play(case: Case, bench: Bench) -> None:
        raise SlotLost("the driver is gone")

    _, workers, bench, recorded, said = made(monkeypatch, 2, play)
    with pytest.raises(Halt, match="every slot is lost"):
        bench.trials(cases(count))
    with pytest.raises(Halt, match="every slot is lost"), bench.exclusive():
        pass
    with pytest.raises(Halt), bench.lease():
        pass
    workers.close()
    assert recorded == []
    assert [s.rpartition("; ")[2] for s in said] == ["one is left.", "none is left."]


def test_who_loads_on_a_slot_that_is_lost_goes_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is lost after it has handed over; the second waits there for its turn."""
    loading, blocked = threading.Event(), threading.Event()

    def play(case: Case, bench: Bench) -> None:
        number = float(case.genome["agent.txt"])
        if number == 0 and "cuda:0" in bench.devices:
            bench.hand_over()
            loading.wait(20)
            raise SlotLost("it is gone")
        if number == 1:
            loading.set()
            bench.turn()
        if number == 9:
            blocked.wait(20)

    toy, workers, bench, recorded, said = made(monkeypatch, 2, play)
    first = threading.Thread(target=bench.trials, args=([cases(1)[0]],))
    first.start()
    until(lambda: ("cuda:0",) in toy.where)
    third = threading.Thread(target=bench.trials, args=([Case(guess(9.0), "a", {}, "select")],))
    third.start()
    until(lambda: ("cuda:1",) in toy.where)
    second = threading.Thread(target=bench.trials, args=([cases(2)[1]],))
    second.start()
    assert loading.wait(20)
    until(lambda: workers.slots == 1)
    blocked.set()
    for thread in (first, second, third):
        thread.join(20)
        assert not thread.is_alive()
    workers.close()
    assert len(recorded) == 3
    assert len(said) == 1
    assert toy.where[2] == ("cuda:0",)
    assert toy.where[3:] == [("cuda:1",)] * 2
