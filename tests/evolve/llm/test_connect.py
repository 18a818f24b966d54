"""What is refused before anything is spent, in a sentence."""

from __future__ import annotations

import socket
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from served import KEY, Connected, asks

from evolve.config import BudgetSettings, LLMSettings, Price, Server
from evolve.errors import Halt, UsageError
from evolve.llm.connect import connect
from evolve.testing import ScriptedServer

REMOTE = "http://models.example/v1"


def refused(settings: LLMSettings) -> str:
    def nowhere() -> Path:
        raise AssertionError("an answer was looked for")

    with pytest.raises(UsageError) as caught:
        connect(settings, nowhere)
    return str(caught.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"concurrency": 0}, "llm.concurrency=0"),
        ({"timeout": 0.0}, "llm.timeout=0"),
        ({"timeout": float("nan")}, "llm.timeout=nan"),
        ({"patience": -1.0}, "llm.patience=-1"),
        ({"answer": 0}, "llm.answer=0"),
        ({"context": 100, "answer": 100}, "llm.context=100 leaves no room"),
        ({"temperature": -0.1}, "llm.temperature=-0.1"),
        ({"models": ["a", "a"]}, "names one twice"),
        ({"extra": {"top_k": 5, "stream": True}}, "llm.extra may not hold 'stream'"),
        ({"weights": [1.0]}, "llm.weights has 1 numbers for 2 models"),
        ({"weights": [1.0, 0.0]}, "above 0"),
        ({"budget": BudgetSettings(calls=-1)}, "llm.budget.calls=-1"),
        ({"budget": BudgetSettings(usd=float("inf"))}, "llm.budget.usd=inf"),
        ({"prices": [Price("a", -1.0, 1.0)]}, "llm.prices: a=-1"),
        ({"prices": [Price("a", 1.0, 1.0), Price("a", 9.0, 1.0)]}, "llm.prices names a model twice"),
        ({"budget": BudgetSettings(usd=2.0), "prices": [Price("a", 1.0, 1.0)]}, "nobody says what b costs"),
    ],
)
def test_numbers_that_mean_nothing(settings: dict[str, Any], said: str) -> None:
    with ScriptedServer(lambda request, number: "never", ["a", "b"]) as server:
        defaults = {"base_url": server.base_url, "models": ["a", "b"]}
        assert said in refused(LLMSettings(**{**defaults, **settings}))


@pytest.mark.parametrize(
    "url", ["models.example", "ftp://models.example", "http://", "http://x:99999999/", "http://[/"]
)
def test_addresses(url: str) -> None:
    assert "no address of a server" in refused(LLMSettings(base_url=url, models=["a"]))


def test_an_address_holds_no_secret() -> None:
    said = refused(LLMSettings(base_url="https://me:hidden-word@models.example/v1", models=["a"]))
    assert "hidden-word" not in said


def test_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    said = refused(LLMSettings(base_url=REMOTE, models=["a"]))
    assert said.startswith(f"No key for {REMOTE}")
    assert "Set OPENAI_API_KEY" in said
    assert "llm=local" in said
    literal = refused(LLMSettings(base_url=REMOTE, models=["a"], key=KEY))
    assert "env:NAME or file:PATH" in literal
    assert KEY not in literal
    assert "cannot be read" in refused(LLMSettings(base_url=REMOTE, models=["a"], key=f"file:{tmp_path}/no"))
    (tmp_path / "key").write_text("two words\n")
    assert "no key" in refused(LLMSettings(base_url=REMOTE, models=["a"], key=f"file:{tmp_path}/key"))


def test_a_server_on_this_machine_needs_no_key(connected: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(lambda request, number: "hello") as server:
        monkeypatch.delenv("OPENAI_API_KEY")
        assert connected(server)[0].ask(asks()).text == "hello"


def test_a_key_in_a_file(connected: Connected, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("another-key\n")
    with ScriptedServer(lambda request, number: "hello", key="another-key") as server:
        assert connected(server, key=f"file:{tmp_path}/key")[0].ask(asks()).text == "hello"
        said = refused(LLMSettings(base_url=server.base_url, models=["scripted"]))
    assert "refuses the key that env:OPENAI_API_KEY holds (401" in said


def test_a_refused_key_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ScriptedServer(lambda request, number: "hello", key="another-key") as server:
        said = refused(LLMSettings(base_url=server.base_url, models=["scripted"]))
    assert "Bearer [secret]" in said


def test_models() -> None:
    with ScriptedServer(lambda request, number: "hello", ["a", "b:latest"]) as server:
        assert "has: a, b:latest" in refused(LLMSettings(base_url=server.base_url))
        assert "has no model c. llm.models may name: a" in refused(LLMSettings(base_url=server.base_url, models=["c"]))
        assert not server.requests
        llm = connect(LLMSettings(base_url=server.base_url, models=["a", "b"]), Path)
        assert (llm.models, llm.weights) == (("a", "b"), (1.0, 1.0))
        assert (llm.context, llm.answer) == (32_768, 8_192)
        llm.close()


def test_the_server_may_be_named_by_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with ScriptedServer(lambda request, number: "hello") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        llm = connect(LLMSettings(models=["scripted"]), lambda: tmp_path)
        assert llm.ask(asks()).text == "hello"
        llm.close()


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        assert refused(LLMSettings(base_url=url, models=["a"])).startswith(f"Nobody answers at {url}")


class FakeLocal:
    """What evolve.llm.local.LocalServer is to the client."""

    model = "tiny"
    log: list[str] = []  # noqa: RUF012
    base_url = ""

    def __init__(self, gguf: str | None, context: int, concurrency: int) -> None:
        self.log.append(f"made {gguf} {context} {concurrency}")

    def check(self) -> None:
        self.log.append("checked")

    def start(self) -> str:
        self.log.append("started")
        return FakeLocal.base_url

    def stop(self) -> None:
        self.log.append("stopped")


def test_the_local_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = types.ModuleType("evolve.llm.local")
    module.LocalServer = FakeLocal  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "evolve.llm.local", module)
    FakeLocal.log.clear()
    settings = LLMSettings(server=Server.local, budget=BudgetSettings(usd=1.0), gguf="x.gguf", concurrency=2)
    keys = []
    for _ in range(2):
        with ScriptedServer(lambda request, number: "hello", ["tiny"]) as server:
            FakeLocal.base_url = server.base_url
            llm = connect(settings, lambda: tmp_path)
            llm.attach({}, lambda key, call, seconds: keys.append(key), print)
            assert FakeLocal.log[-3:] == ["made x.gguf 32768 2", "checked", "started"]
            answer = llm.ask(asks())
            assert (answer.text, answer.model, answer.usd) == ("hello", "tiny", 0.0)
            llm.close()
    made = ["made x.gguf 32768 2", "checked", "started"]
    assert FakeLocal.log == [*made, "started", "stopped", *made, "stopped"]  # the second answer was on the disk
    assert keys[0] == keys[1]
    assert "llm.models" in refused(LLMSettings(server=Server.local, models=["gpt"]))


def test_a_local_model_that_cannot_be_loaded_is_said_first_and_later_stops_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Broken(FakeLocal):
        whole = False

        def start(self) -> str:
            if self.whole:
                return REMOTE
            raise UsageError("the file is not whole")

    module = types.ModuleType("evolve.llm.local")
    module.LocalServer = Broken  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "evolve.llm.local", module)
    FakeLocal.log.clear()
    assert refused(LLMSettings(server=Server.local)) == "the file is not whole"
    assert FakeLocal.log[-1] == "stopped"
    connect(LLMSettings(server=Server.local), lambda: tmp_path, known_only=True).close()
    monkeypatch.setattr(Broken, "whole", True)
    llm = connect(LLMSettings(server=Server.local), lambda: tmp_path)
    monkeypatch.setattr(Broken, "whole", False)
    with pytest.raises(Halt, match="the file is not whole"):
        llm.ask(asks())
    llm.close()


def test_a_local_model_that_died_is_started_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = types.ModuleType("evolve.llm.local")
    module.LocalServer = FakeLocal  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "evolve.llm.local", module)
    with ScriptedServer(lambda request, number: "first", ["tiny"]) as server:
        FakeLocal.base_url = server.base_url
        llm = connect(LLMSettings(server=Server.local), lambda: tmp_path)
        assert llm.ask(asks()).text == "first"
    with ScriptedServer(lambda request, number: "second", ["tiny"]) as server:
        FakeLocal.base_url = server.base_url
        assert llm.ask(asks(seed=1)).text == "second"
        llm.close()


def test_where_only_what_is_known_counts_neither_key_nor_server_need_be_there(
    connected: Connected, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with ScriptedServer(lambda request, number: "hello") as server:
        llm, books = connected(server)
        answer = llm.ask(asks())
    monkeypatch.delenv("OPENAI_API_KEY")
    again = connect(LLMSettings(base_url=REMOTE, models=["scripted"]), lambda: tmp_path / "none", known_only=True)
    again.attach(books.calls, books.record, print)
    assert again.ask(asks()) == answer
    with pytest.raises(Halt, match="not recorded, and nobody is asked now"):
        again.ask(asks(seed=1))
    again.close()
