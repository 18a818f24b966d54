"""How long the documents take, by processor time; what was timed must also be right."""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path

CLOCK = time.process_time  # taken before the code under test is loaded
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import mistune  # noqa: E402
from documents import documents  # noqa: E402

PLUGINS = ["table", "footnotes", "strikethrough", "url", "task_lists", "def_list"]


def test_documents(benchmark):
    texts = [text for name, text in documents().items() if name.endswith(".md")]
    expected = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
    numbers = itertools.count()

    def render():
        """No two rounds render the same text: to remember what was rendered before is no faster parser."""
        markdown = mistune.create_markdown(escape=False, hard_wrap=True, plugins=PLUGINS)
        number = next(numbers)
        return number, [markdown(f"{text}\n\nround {number}\n") for text in texts]

    benchmark._timer = CLOCK
    number, found = benchmark.pedantic(render, rounds=40, warmup_rounds=3)
    for html, (name, right) in zip(found, expected.items(), strict=False):
        assert html.startswith(right[1].split('<section class="footnotes">')[0]), name
        assert f"<p>round {number}</p>" in html
