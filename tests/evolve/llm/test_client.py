"""What a server gets, what a run gets from it, and what it is told to remember."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from served import KEY, Connected, asks

from evolve.config import BudgetSettings, LLMSettings, Price, SchemaMode
from evolve.errors import Halt, Spent
from evolve.llm import Answer, Failed, Message, Request
from evolve.llm.answers import Answers
from evolve.llm.connect import connect
from evolve.testing import ScriptedServer
from evolve.testing.server import Body, Empty, Reply, Status

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def test_a_request_as_it_goes_out(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: "hello", ["a", "b"]) as server:
        llm, _ = connected(server, temperature=0.3, extra={"top_k": 5}, answer=100)
        answer = llm.ask(Request((Message("system", "S"), Message("user", "U")), seed=7, model="b", most=50))
        llm.ask(asks(most=500))
    assert (answer.text, answer.model, answer.prompt_tokens, answer.cut) == ("hello", "b", 10, False)
    first, second = server.requests
    assert first == {
        "model": "b",
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}],
        "seed": 7,
        "max_tokens": 50,
        "temperature": 0.3,
        "top_k": 5,
    }
    assert (second["model"], second["max_tokens"]) == ("a", 100)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_call_is_recorded_before_it_is_used(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: "hello") as server:
        llm, books = connected(server, prices=[Price("scripted", 1.0, 2.0)])
        answer = llm.ask(asks())
        (call,) = books.calls.values()
        assert json.loads(json.dumps(call)) == call
        assert Answer(**call) == answer
        assert answer.usd == pytest.approx(12e-6)
        assert books.seconds[0] >= 1  # worth a flush


def test_a_record_that_fails_gives_no_answer(connected: Connected) -> None:
    def broken(key: str, call: object, seconds: float) -> None:
        raise OSError("disk full")

    with ScriptedServer(lambda request, number: "hello") as server:
        llm, _ = connected(server)
        llm.attach({}, broken, print)
        for _ in range(2):
            with pytest.raises(OSError, match="disk full"):
                llm.ask(asks())


def test_calls_in_flight_are_bounded_by_their_own_number(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: "hello", delay=0.1) as server:
        llm, books = connected(server, concurrency=5)
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(lambda seed: llm.ask(asks(seed=seed)), range(20)))
    assert server.most == 5
    assert len(books.paid) == 20


def test_the_same_request_is_one_call(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: f"answer {number}", delay=0.3) as server:
        llm, books = connected(server)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: llm.ask(asks()), range(8)))
        again = llm.ask(asks())
    assert len(server.requests) == len(books.calls) == 1
    assert {answer.text for answer in (*answers, again)} == {"answer 0"}
    assert sum(answer.paid for answer in (*answers, again)) == 1


def test_who_shares_a_call_shares_its_failure(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: Status(400), delay=0.3) as server:
        llm, _ = connected(server)

        def failed(_: int) -> str:
            with pytest.raises(Failed) as caught:
                llm.ask(asks())
            return str(caught.value)

        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(failed, range(4)))) == 1
    assert len(server.requests) == 1


def test_another_run_finds_answers_on_the_disk(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: "hello") as server:
        connected(server)[0].ask(asks())
    with ScriptedServer(lambda request, number: "never asked") as other:
        llm, books = connected(other)
        answer = llm.ask(asks())
        assert (answer.text, answer.paid, answer.cost) == ("hello", False, {})
        assert not other.requests
        (call,) = books.calls.values()
        assert call["text"] == "hello"  # so that going on needs no cache
        assert connected(other, cache=False)[0].ask(asks()).text == "never asked"


@pytest.mark.parametrize(
    "settings", [{"temperature": 0.5}, {"answer": 64}, {"extra": {"top_p": 0.9}}, {"schema": SchemaMode.never}]
)
def test_other_settings_are_another_request(connected: Connected, settings: dict[str, Any]) -> None:
    with ScriptedServer(lambda request, number: str(number)) as server:
        connected(server)[0].ask(asks(schema=SCHEMA))
        connected(server, **settings)[0].ask(asks(schema=SCHEMA))
        assert len(server.requests) == 2


def test_a_broken_cache_costs_money_and_no_run(connected: Connected, tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("no folder")
    with ScriptedServer(lambda request, number: "hello") as server:
        llm, books = connected(server)
        assert llm.ask(asks()).paid
        assert llm.ask(asks(seed=1)).paid
    assert len(books.says) == 1
    assert "cannot be kept" in books.says[0]


def test_that_answers_cannot_be_kept_is_said_once_whoever_finds_out() -> None:
    together, says = threading.Barrier(8), list[str]()

    def nowhere() -> Path:
        time.sleep(0.05)  # until all have begun
        raise PermissionError("not yours")

    answers = Answers(nowhere, says.append)

    def look(number: int) -> object:
        together.wait(20)
        return answers.get(str(number))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(look, range(8))) == [None] * 8
    assert len(says) == 1


@pytest.mark.parametrize(("mode", "value"), [(4, b"cos\nsystem\n."), (1, "a text"), (1, 7), (1, b"{")])
def test_no_pickle_in_the_cache_is_read_nor_what_is_no_json(
    connected: Connected, tmp_path: Path, mode: int, value: object
) -> None:
    import diskcache

    with ScriptedServer(lambda request, number: "hello") as server:
        connected(server)[0].ask(asks())
        with diskcache.Cache(str(tmp_path / "answers")) as cache:
            assert cache._sql("UPDATE Cache SET mode = ?, value = ?", (mode, value)).rowcount == 1
        assert connected(server)[0].ask(asks()).paid


def test_known_calls_cost_nothing(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: f"answer {number}") as server:
        llm, books = connected(server, cache=False)
        first = llm.ask(asks())
        llm, later = connected(server, books.calls, cache=False, budget=BudgetSettings(calls=1))
        assert llm.ask(asks()) == first  # as it was paid
        assert not llm.ask(asks()).paid
        with pytest.raises(Spent, match=r"llm\.budget\.calls=1 is spent"):
            llm.ask(asks(seed=1))
    assert len(server.requests) == 1
    assert not later.calls


def test_a_run_that_goes_on_elsewhere_pays_for_nothing_twice(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: f"answer {number}") as server:
        llm, books = connected(server)
        first = llm.ask(asks())
        elsewhere = f"http://localhost:{server.port}/v1"
        llm, later = connected(server, books.calls, base_url=elsewhere)
        assert llm.ask(asks()) == first
        assert not later.calls
        # Another run knows nothing of this: another server may have answered otherwise.
        llm, other = connected(server, base_url=elsewhere)
        assert llm.ask(asks()).text == "answer 1"
        assert len(other.paid) == 1


@pytest.mark.parametrize("hand", [{"text": 7}, {"model": ["a list"]}, {"text": None}, {"model": "another"}])
def test_an_answer_on_the_disk_that_is_none_is_asked_for(
    connected: Connected, tmp_path: Path, hand: dict[str, Any]
) -> None:
    import diskcache

    with ScriptedServer(lambda request, number: f"answer {number}") as server:
        connected(server)[0].ask(asks())
        with diskcache.Cache(str(tmp_path / "answers"), disk=diskcache.JSONDisk) as cache:
            (key,) = list(cache)
            cache[key] = {**cache[key], **hand}
        assert connected(server)[0].ask(asks()).text == "answer 1"


def test_what_the_disk_holds_is_cleaned_again(connected: Connected, tmp_path: Path) -> None:
    import diskcache

    with ScriptedServer(lambda request, number: "hello") as server:
        connected(server)[0].ask(asks())
        with diskcache.Cache(str(tmp_path / "answers"), disk=diskcache.JSONDisk) as cache:
            (key,) = list(cache)
            cache[key] = {**cache[key], "text": f"\ud800 {KEY}"}
        assert connected(server)[0].ask(asks()).text == "? [secret]"


def test_what_was_asked_before_is_recorded_when_there_is_a_ledger(tmp_path: Path) -> None:
    with ScriptedServer(lambda request, number: f"answer {number}") as server:
        settings = LLMSettings(base_url=server.base_url, models=["scripted"], budget=BudgetSettings(calls=2))
        llm = connect(settings, lambda: tmp_path)
        llm.ask(asks())
        recorded: dict[str, Any] = {}
        llm.attach({}, lambda key, call, seconds: recorded.update({key: call}), print)
        assert [call["text"] for call in recorded.values()] == ["answer 0"]
        llm.ask(asks(seed=1))
        with pytest.raises(Spent):
            llm.ask(asks(seed=2))
        llm.close()


def test_failed_calls_are_in_the_books_and_are_no_answers(connected: Connected) -> None:
    script: list[Reply] = [Empty(), Empty(), Empty(), "hello"]
    with ScriptedServer(lambda request, number: script[number]) as server:
        llm, books = connected(server)
        with pytest.raises(Failed) as caught:
            llm.ask(asks())
        assert caught.value.cost == {"calls": 3, "tokens": 30}
        assert [call["prompt_tokens"] for call in books.paid] == [10, 10, 10]
        llm, _ = connected(server, books.calls, budget=BudgetSettings(calls=4))
        assert llm.ask(asks()).text == "hello"
        with pytest.raises(Spent):
            llm.ask(asks(seed=1))


def test_no_cap_is_passed_by_more_than_a_call(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: "x" * 400, delay=0.05) as server:
        price = [Price("scripted", 0.0, 10_000.0)]  # a dollar for these 100 tokens
        llm, books = connected(server, answer=120, prices=price, budget=BudgetSettings(usd=10.0), concurrency=8)
        spent = 0

        def one(seed: int) -> None:
            nonlocal spent
            try:
                llm.ask(asks(seed=seed))
            except Spent:
                spent += 1

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(one, range(30)))
    usd = sum(call["usd"] for call in books.paid)
    assert 10.0 <= usd <= 11.0
    assert spent == 30 - len(books.paid)


def test_schemas(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: "{}") as server:
        connected(server)[0].ask(asks(schema=SCHEMA))
        form = server.requests[0]["response_format"]
        assert form["type"] == "json_schema"
        assert (form["json_schema"]["schema"], form["json_schema"]["strict"]) == (SCHEMA, True)
        connected(server, schema=SchemaMode.never)[0].ask(asks(schema=SCHEMA))
        assert "response_format" not in server.requests[1]


def test_a_server_without_schemas_is_asked_once_for_them(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: "{}", schema=False) as server:
        llm, books = connected(server)
        for seed in range(3):
            llm.ask(asks(seed=seed, schema=SCHEMA))
        assert ["response_format" in request for request in server.requests] == [True, False, False, False]
        assert len(books.paid) == 3
        with pytest.raises(Failed, match="response_format is not supported"):
            connected(server, schema=SchemaMode.always)[0].ask(asks(seed=9, schema=SCHEMA))


def test_a_request_that_is_refused_says_nothing_about_schemas(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: Status(400) if number < 2 else "{}") as server:
        llm, _ = connected(server)
        with pytest.raises(Failed):
            llm.ask(asks(schema=SCHEMA))
        llm.ask(asks(schema=SCHEMA))
        assert "response_format" in server.requests[2]


def test_no_secret_leaves(connected: Connected, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "another-long-secret")
    both = (KEY, "another-long-secret")

    def script(request: dict[str, Any], number: int) -> Reply:
        return [f"You said {both}", Status(400, f"no {both}"), Status(503, f"no {both}"), "fine"][min(number, 3)]

    seen: list[str] = []
    with ScriptedServer(script) as server:
        llm, books = connected(server, patience=0.0)
        seen.append(llm.ask(asks(f"Here it is: {both}")).text)
        for expected in (Failed, Halt):
            with pytest.raises(expected) as caught:
                llm.ask(asks(f"Again: {both}", seed=1))
            seen.append(str(caught.value))
        llm.close()
    seen += [json.dumps(server.requests), json.dumps(books.calls), *books.says]
    assert "[secret]" in seen[0]
    assert "[secret]" in json.dumps(server.requests)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "answers").rglob("*") if path.is_file())
    for secret in both:
        assert not any(secret in text for text in seen)
        assert secret.encode() not in kept
    assert "Here it is" not in json.dumps(books.calls)  # never a prompt


@pytest.mark.parametrize("code", [400, 401, 404, 500, 200])
@pytest.mark.parametrize("before", [300 - len(KEY) + n for n in (1, 8)])
def test_no_part_of_a_key_is_left_where_a_text_is_cut(connected: Connected, code: int, before: int) -> None:
    said = "-" * before + KEY
    body = {"choices": [{"message": {"content": None, "refusal": said}}]} if code == 200 else {"error": said}

    with ScriptedServer(lambda request, number: Status(code, json.dumps(body))) as server:
        llm, _ = connected(server, patience=0.0)
        with pytest.raises((Failed, Halt)) as caught:
            llm.ask(asks())
    assert "---" in str(caught.value)
    assert KEY[:5] not in str(caught.value)


def test_no_key_leaves_that_an_answer_has_escaped(connected: Connected) -> None:
    escaped = "".join(f"\\u{ord(sign):04x}" for sign in KEY)
    with ScriptedServer(lambda request, number: f'{{"hypothesis": "{escaped}"}}') as server:
        llm, books = connected(server)
        assert json.loads(llm.ask(asks()).text) == {"hypothesis": "[secret]"}
    assert escaped not in str(books.calls)


def test_half_a_surrogate_pair_is_sent_as_a_sign(connected: Connected) -> None:
    body = {"choices": [{"message": {"content": "\ud800 b"}}]}
    with ScriptedServer(lambda request, number: Body(body)) as server:
        llm, _ = connected(server)
        answer = llm.ask(asks("a \udfff"))
    assert server.requests[0]["messages"][0]["content"] == "a ?"
    assert (answer.text, answer.prompt_tokens, answer.answer_tokens) == ("? b", 0, 0)


def test_closed_is_closed(connected: Connected) -> None:
    with ScriptedServer(lambda request, number: "hello", delay=30) as server:
        llm, _ = connected(server)
        raised: list[BaseException] = []

        def ask() -> None:
            try:
                llm.ask(asks())
            except Halt as halt:
                raised.append(halt)

        thread = threading.Thread(target=ask)
        thread.start()
        deadline = time.monotonic() + 15
        while not server.requests and time.monotonic() < deadline:
            time.sleep(0.01)
        llm.close()
        thread.join(20)
        assert len(raised) == 1
        with pytest.raises(Halt):
            llm.ask(asks(seed=1))
        llm.close()
