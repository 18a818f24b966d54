"""Draws the README's picture: a finance run as a person sees it end, from a real run.

python -m benchmarks.picture docs/run.svg
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 112
FIRST, LAST = 4, 14
"""Lines of progress shown from the beginning and from the end of the walk."""


def main() -> None:
    target = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "evolve", "+domain=finance", "run.name=night"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    said, end = done.stdout.split("\nThe run ended", 1)
    lines = [line for line in said.splitlines() if line.strip()]
    tables = ("\nThe run ended" + end).split("\nWhat was sealed", 1)[0].splitlines()
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(Text("$ python -m evolve +domain=finance", "bold"))
    for line in [*lines[: FIRST + 1], "...", *lines[-LAST:], *tables]:
        console.print(Text(line, "green" if line.startswith("  keep") else ""), overflow="ellipsis", no_wrap=True)
    drawn = console.export_svg(title="evolve")
    # Only fonts that the reader has: nothing is fetched to look at a picture.
    drawn = re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL).replace("Fira Code", "ui-monospace")
    target.write_text(re.sub(r"<!--.*?-->\s*", "", drawn), encoding="utf-8")


if __name__ == "__main__":
    main()
