"""Every document gives the HTML of the unmodified package: check.py; check.py --expect writes that down."""

from __future__ import annotations

import json
import sys
from pathlib import Path

# The repository's root is the working directory, in the hidden check too; the documents lie beside this file.
sys.path.insert(0, str(Path.cwd()))
import mistune
from documents import HERE, documents

PLUGINS = ["table", "footnotes", "strikethrough", "url", "task_lists", "def_list"]


def rendered() -> dict[str, list[str]]:
    plain, rich, tree = (
        mistune.create_markdown(),
        mistune.create_markdown(escape=False, hard_wrap=True, plugins=PLUGINS),
        mistune.create_markdown(renderer="ast", plugins=PLUGINS),
    )
    return {
        name: [str(plain(text)), str(rich(text)), json.dumps(tree(text), sort_keys=True)]
        for name, text in documents().items()
    }


def main() -> int:
    path = HERE / "expected.json"
    if sys.argv[1:] == ["--expect"]:
        path.write_text(json.dumps(rendered(), indent=1), encoding="utf-8")
        return 0
    expected = json.loads(path.read_text(encoding="utf-8"))
    for _ in range(2):  # nothing may be carried from one rendering to the next
        found = rendered()
        wrong = [name for name in expected if found.get(name) != expected[name]]
        if wrong:
            print(f"{len(wrong)} of {len(expected)} documents differ: {', '.join(wrong[:5])}")
            pair = next(p for p in zip(expected[wrong[0]], found[wrong[0]], strict=True) if p[0] != p[1])
            print(f"{wrong[0]}: expected {pair[0][:300]!r}, got {pair[1][:300]!r}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
