"""How long a morning's report takes: reading a ledger, building its page, drawing it in a browser.

    python -m benchmarks.make_ledger /tmp/big --attempts 14832 --lineages 237 --seed 0 --run big
    python -m benchmarks.report_speed /tmp/big big

Each repeat reads in a process of its own, so that its memory is its own. Promised for that ledger: read in 3 s or less,
built in 5 s or less, 12 MB at most, drawn within 2 s of opening; time and memory linear up to 100,000 attempts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["measured"]

_DRAWN = "return Number(document.documentElement.dataset.drawn)"


def measured(ledger: Path, run: str, out: Path) -> dict[str, float]:
    """Seconds to read and to build, megabytes of the page and of memory; the page lies in `out` then."""
    import resource

    from evolve.report.html import page_of
    from evolve.report.story import Story

    begun = time.perf_counter()
    story = Story.read(ledger, run)
    read = time.perf_counter()
    out.write_text(page_of(ledger, story), encoding="utf-8")
    return {
        "attempts": len(story.tries),
        "read": read - begun,
        "built": time.perf_counter() - read,
        "page_mb": out.stat().st_size / 1e6,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _drawn(page: Path, times: int) -> list[float]:
    """Seconds from opening to the last figure drawn, in Debian's chromium; the first is a browser that just started."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "enable-unsafe-swiftshader", "window-size=1280,900"):
        options.add_argument(f"--{flag}")
    browser: Any = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        found = []
        for _ in range(times):
            browser.get(page.resolve().as_uri())
            end = time.monotonic() + 120
            while not browser.execute_script(_DRAWN) and time.monotonic() < end:
                time.sleep(0.05)
            found.append(browser.execute_script(_DRAWN) / 1000)
        return found
    finally:
        browser.quit()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("ledger", type=Path)
    parser.add_argument("run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.once is not None:
        print(json.dumps(measured(options.ledger, options.run, options.once)))
        return
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        command = [
            sys.executable,
            "-m",
            "benchmarks.report_speed",
            str(options.ledger),
            options.run,
            "--once",
            str(page),
        ]
        for _ in range(options.repeats):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            said = json.loads(done.stdout)
            print(
                f"{said['attempts']:,} attempts: read in {said['read']:.2f} s, built in {said['built']:.2f} s, "
                f"{said['page_mb']:.1f} MB, {said['memory_mb']:.0f} MB of memory",
                flush=True,
            )
        if shutil.which("chromium") and shutil.which("chromedriver"):
            times = ", ".join(f"{seconds:.2f}" for seconds in _drawn(page, options.repeats + 1))
            print(f"drawn {times} s after opening (the first in a browser that has just started)")
        else:
            print("not drawn: Debian's chromium and chromium-driver are not here (apt-get install them)")


if __name__ == "__main__":
    main()
