"""A client of a scripted server, with small waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from served import KEY, Books, Connected

from evolve.config import LLMSettings
from evolve.llm import LLM, Call
from evolve.llm.connect import connect
from evolve.testing import ScriptedServer


@pytest.fixture
def connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connected]:
    """`connected(server, **settings)`: a client of it, and the books that it keeps."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    made: list[LLM] = []

    def make(server: ScriptedServer, known: Mapping[str, Call] | None = None, **settings: Any) -> tuple[LLM, Books]:
        defaults = {"base_url": server.base_url, "models": list(server.models), "timeout": 20.0, "patience": 20.0}
        llm = connect(LLMSettings(**{**defaults, **settings}), lambda: tmp_path / "answers", first=0.01)
        made.append(llm)
        books = Books()
        llm.attach(known or {}, books.record, books.says.append)
        return llm, books

    yield make
    for llm in made:
        llm.close()
