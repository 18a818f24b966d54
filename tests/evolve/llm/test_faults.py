"""Servers that fail: what a run gets all the same, what it pays, and when it gives up."""

from __future__ import annotations

import json
import threading
import time
import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from served import Connected, asks

from evolve.config import BudgetSettings, Price
from evolve.errors import Halt, Spent
from evolve.llm import Failed
from evolve.testing import ScriptedServer
from evolve.testing.server import Body, Drip, Drop, Empty, Flood, Half, Hang, Reply, Status


def first(*replies: Reply) -> Any:
    """These, then an answer."""
    return lambda request, number: replies[number] if number < len(replies) else "hello"


@pytest.mark.parametrize(
    "replies",
    [
        (Status(429),) * 5,
        (Status(429, retry_after="0.2"),),
        (Status(429, retry_after="Fri, 01 Jan 2021 00:00:00 GMT"),),
        (Status(500), Status(502, "<html>Bad gateway</html>"), Status(503, "")),
        (Status(408), Status(409)),
        (Drop(), Drop()),
        (Half(), Half()),
        (Empty(), Empty()),
        (Body({"choices": []}), Body([])),
    ],
)
def test_trouble_that_passes(connected: Connected, replies: Sequence[Reply]) -> None:
    with ScriptedServer(first(*replies)) as server:
        llm, _ = connected(server)
        assert llm.ask(asks()).text == "hello"
        assert len(server.requests) == len(replies) + 1


@pytest.mark.parametrize("reply", [Hang(0), Hang(100), Drip(0.05)])
def test_an_answer_that_never_ends_has_its_time(connected: Connected, reply: Reply) -> None:
    with ScriptedServer(first(reply)) as server:
        llm, books = connected(server, timeout=1.0)
        assert llm.ask(asks()).text == "hello"
    lost, answered = books.paid
    assert lost["failed"] == "no answer within llm.timeout=1 s"
    assert lost["seconds"] < 10
    assert answered["text"] == "hello"


@pytest.mark.parametrize("reply", [Hang(0), Drop(), Half()])
def test_a_prompt_that_was_sent_counts_although_nothing_came_of_it(connected: Connected, reply: Reply) -> None:
    with ScriptedServer(lambda request, number: reply if number % 2 == 0 else "x") as server:
        llm, books = connected(
            server, timeout=0.5, prices=[Price("scripted", 10_000.0, 0.0)], budget=BudgetSettings(usd=2.15)
        )
        llm.ask(asks("1234" * 100))  # a dollar
        llm.ask(asks("1234" * 100, seed=1))
        with pytest.raises(Spent, match=r"2\.2 USD over 4 calls"):  # the server says 10 tokens, where it says any
            llm.ask(asks(seed=2))
    assert [call["prompt_tokens"] for call in books.paid] == [100, 10, 100, 10]


def test_retry_after_is_waited_for(connected: Connected) -> None:
    with ScriptedServer(first(Status(429, retry_after="1.5"))) as server:
        llm, _ = connected(server)
        began = time.monotonic()
        llm.ask(asks())
        assert time.monotonic() - began >= 1.5


@pytest.mark.parametrize("reply", [Half(), Empty(), Body({"choices": []}), Body(None)])
def test_answers_of_no_use_are_asked_for_a_few_times(connected: Connected, reply: Reply) -> None:
    with ScriptedServer(lambda request, number: reply) as server:
        llm, books = connected(server)
        with pytest.raises(Failed, match="tried 3 times"):
            llm.ask(asks())
        assert len(server.requests) == len(books.paid) == 3


@pytest.mark.parametrize("size", [10_000_000, 300_000_000])
def test_a_flood_is_left(connected: Connected, size: int) -> None:
    def flood(request: dict[str, Any], number: int) -> Reply:
        return Flood(size) if number == 0 else "hello"

    with ScriptedServer(flood) as server:
        llm, _ = connected(server)
        tracemalloc.start(1)
        try:
            with pytest.raises(Failed, match="has no end"):
                llm.ask(asks())
            assert tracemalloc.get_traced_memory()[1] < 50_000_000
        finally:
            tracemalloc.stop()
        assert llm.ask(asks(seed=1)).text == "hello"


@pytest.mark.parametrize(("code", "said"), [(400, "too long"), (413, "too large"), (422, "no such field")])
def test_a_request_that_the_server_refuses(connected: Connected, code: int, said: str) -> None:
    with ScriptedServer(lambda request, number: Status(code, json.dumps({"error": {"message": said}}))) as server:
        llm, books = connected(server)
        with pytest.raises(Failed, match=said):
            llm.ask(asks())
        assert len(server.requests) == 1
        assert not books.calls


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Status(401, "bad key"), "refuses the key .401: bad key"),
        (Status(403, "not you"), "refuses the key .403: not you"),
        (Status(402, "no balance"), "wants to be paid"),
        (Status(429, '{"error": {"message": "pay", "code": "insufficient_quota"}}'), "wants to be paid"),
        (Status(404, "no such model"), "does not know .*It knows: scripted"),
    ],
)
def test_what_no_run_can_go_on_with(connected: Connected, reply: Reply, said: str) -> None:
    with ScriptedServer(lambda request, number: reply) as server:
        llm, _ = connected(server)
        with pytest.raises(Halt, match=said):
            llm.ask(asks())
        assert len(server.requests) == 1


def test_one_request_that_always_fails_fails_alone(connected: Connected) -> None:
    def script(request: dict[str, Any], number: int) -> Reply:
        time.sleep(0.01)
        return Status(500) if "poison" in request["messages"][0]["content"] else "hello"

    with ScriptedServer(script) as server:
        llm, _ = connected(server, concurrency=3)
        stop = threading.Event()

        def others(start: int) -> int:
            seed = start
            while not stop.is_set():
                assert llm.ask(asks(seed=seed)).text == "hello"
                seed += 2
            return seed

        with ThreadPoolExecutor(2) as pool:
            working = [pool.submit(others, start) for start in (0, 1)]
            try:
                with pytest.raises(Failed, match="500: scripted"):
                    llm.ask(asks("poison"))
            finally:
                stop.set()
            assert all(one.result() > 10 for one in working)


def test_a_storm_is_weathered_by_all(connected: Connected) -> None:
    busy = threading.Semaphore(2)

    def script(request: dict[str, Any], number: int) -> Reply:
        if not busy.acquire(blocking=False):
            return Status(429)
        time.sleep(0.02)
        busy.release()
        return "hello"

    with ScriptedServer(script) as server:
        llm, books = connected(server, concurrency=8)
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda seed: llm.ask(asks(seed=seed)).text, range(32)))
    assert answers == ["hello"] * 32
    assert len(books.paid) == 32


def test_a_server_that_is_gone_for_a_while(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: "hello") as server:
        llm, books = connected(server)
        llm.ask(asks())
        port = server.port
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(llm.ask, asks(seed=seed)) for seed in range(1, 9)]
        deadline = time.monotonic() + 15
        while not books.says and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not any(one.done() for one in waiting)
        with ScriptedServer(lambda request, number: "back", port=port):
            assert {one.result(60).text for one in waiting} == {"back"}
    gone, back = books.says
    assert "fails (no connection" in gone
    assert "answers again" in back


def test_while_it_fails_one_at_a_time_finds_out(connected: Connected) -> None:
    back, together = threading.Event(), threading.Barrier(8)
    now, most = 0, 0

    def script(request: dict[str, Any], number: int) -> Reply:
        nonlocal now, most
        if number < 8:  # those that were in flight when it broke
            together.wait(20)
            return Status(503)
        now += 1
        most = max(most, now)
        time.sleep(0.02)
        now -= 1
        if number > 13:
            back.set()
        return "hello" if back.is_set() else Status(503)

    with ScriptedServer(script) as server:
        llm, _ = connected(server, concurrency=8)
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(llm.ask, asks(seed=seed)) for seed in range(8)]
            assert back.wait(60)
            assert most == 1
            assert {one.result(60).text for one in waiting} == {"hello"}


@pytest.mark.parametrize("patience", [0.0, 1.0])
def test_a_server_that_is_gone_for_good(connected: Connected, patience: float) -> None:
    with ScriptedServer(lambda request, number: "hello") as server:
        llm, books = connected(server, patience=patience, concurrency=4)
        llm.ask(asks())

    def halted(seed: int) -> str:
        with pytest.raises(Halt) as caught:
            llm.ask(asks(seed=seed))
        return str(caught.value)

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        said = set(pool.map(halted, range(1, 9)))
    assert time.monotonic() - began < patience + 15
    assert len(said) == 1
    assert f"has answered nothing for {patience:g} s (the last time: no connection" in said.pop()
    assert len(books.says) == (patience > 0)
    halted(99)  # and nobody waits for it again


def test_idle_time_is_no_patience(connected: Connected) -> None:
    """A failure that its caller gave up on an hour ago says nothing about the server of now."""
    with ScriptedServer(first(Empty(), Empty(), Empty())) as server:
        llm, _ = connected(server, patience=0.5)
        with pytest.raises(Failed):
            llm.ask(asks())
        time.sleep(0.7)
        assert llm.ask(asks(seed=1)).text == "hello"
