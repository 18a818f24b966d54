"""How slots' time was used: added up by hand, and by a run that is cut and goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.workers import LocalWorkers, Usage
from evolve.workers.usage import Meter


def test_a_night_by_hand() -> None:
    meter = Meter([0, 1], 100.0)
    meter.begin(0, 110.0)
    meter.begin(0, 130.0)  # the next one loads while the last is scored
    meter.end(0, 140.0)
    meter.end(0, 170.0)
    meter.begin(1, 150.0)
    meter.clocked(20.0)
    meter.clocked(30.0)
    assert meter.read(200.0) == Usage(there=200.0, busy=60.0 + 50.0, clock=50.0)
    meter.lost(1, 200.0)
    meter.end(1, 210.0)
    assert meter.read(300.0) == Usage(there=200.0 + 100.0, busy=120.0, clock=50.0)
    assert Usage.from_json(meter.read(300.0).to_json()) == meter.read(300.0)


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 100), st.floats(0, 100)), max_size=20))
def test_a_slot_is_busy_where_anybody_is_there(holders: list[tuple[int, float, float]]) -> None:
    """Against the length of the union of the holders' times."""
    events = sorted(
        event
        for number, (slot, start, length) in enumerate(holders)
        for event in ((start, 0, number, slot), (start + length, 1, number, slot))
    )
    meter = Meter(range(3), 0.0)
    for time, ends, _, slot in events:
        (meter.end if ends else meter.begin)(slot, time)
    wanted = 0.0
    for slot in range(3):
        until = 0.0
        for start, end in sorted((start, start + length) for at, start, length in holders if at == slot):
            wanted += max(0.0, end - max(start, until))
            until = max(until, end)
    assert meter.read(200.0).busy == pytest.approx(wanted, abs=1e-6)
    assert meter.read(200.0).there == 600.0


def test_words() -> None:
    assert str(Usage(1000.0, 960.0, 843.0)) == "slots were busy 96 % of the time, 84 % under the clock"
    assert str(Usage(1000.0, 960.0)) == "slots were busy 96 % of the time"
    assert str(Usage()) == "no slot was there"


def test_the_machine_alone_is_all_of_it() -> None:
    workers = LocalWorkers(2)
    before = workers.usage()
    with workers.exclusive():
        pass
    with workers.lease():
        used = workers.usage().plus(before, -1)
    workers.close()
    assert 0 < used.busy <= used.there
