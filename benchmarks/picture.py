"""Draws the README's pictures from one real finance run: its end in the terminal, and the head of its report.

    python -m benchmarks.picture docs

Writes DIR/run.svg and DIR/report.png; the second needs Debian's chromium.
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
PAGE = (1060, 1760)
FIRST, LAST = 4, 14
"""Lines of progress shown from the beginning and from the end of the walk."""


def main() -> None:
    target = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "evolve", "+domain=finance", "run.name=night", "hydra.run.dir=out"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        (target / "run.svg").write_text(_terminal(done.stdout), encoding="utf-8")
        _photograph(Path(folder) / "out" / "report.html", target / "report.png")


def _terminal(out: str) -> str:
    said, end = out.split("\nThe run ended", 1)
    lines = [line for line in said.splitlines() if line.strip()]
    tables = ("\nThe run ended" + end).split("\nWhat was sealed", 1)[0].splitlines()
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(Text("$ python -m evolve +domain=finance", "bold"))
    for line in [*lines[: FIRST + 1], "...", *lines[-LAST:], *tables]:
        console.print(Text(line, "green" if line.startswith("  keep") else ""), overflow="ellipsis", no_wrap=True)
    drawn = console.export_svg(title="evolve")
    # Only fonts that the reader has: nothing is fetched to look at a picture.
    drawn = re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL).replace("Fira Code", "ui-monospace")
    return re.sub(r"<!--.*?-->\s*", "", drawn)


def _photograph(page: Path, target: Path) -> None:
    flags = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--hide-scrollbars",
    ]
    with tempfile.TemporaryDirectory() as profile:
        size = f"--window-size={PAGE[0]},{PAGE[1]}"
        shot = [f"--user-data-dir={profile}", size, "--virtual-time-budget=20000", f"--screenshot={target}"]
        subprocess.run(["chromium", *flags, *shot, page.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()
