"""What is seen while a run works: one live line in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console as Rich
from rich.live import Live
from rich.text import Text

from evolve.cli.options import printable
from evolve.config import Settings
from evolve.printable import rounded
from evolve.report import FILES, findings_text
from evolve.run import Result
from evolve.substrate import Metric, Substrate

__all__ = ["Console"]

# A night, as the field counts it: eight hours.
NIGHT = 8


class Console:
    """Prints to standard output; `wide=None` asks the terminal."""

    def __init__(self) -> None:
        self._rich = Rich(highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._metric: Metric | None = None
        self._last = 0.0
        self._keeps = 0

    def say(self, text: str) -> None:
        self._rich.print(Text(text))

    def begin(self, settings: Settings, substrate: Substrate, agents: int) -> None:
        self._metric = substrate.metric
        schedule = settings.acceptance.schedule.value
        self.say(f"evolve {settings.domain}: {agents} agents; {settings.selection.rewrite} are rewritten a generation")
        self.say(f"clock: {substrate.clock} a trial, because {substrate.clock.why}")
        self.say(
            f"score: {substrate.metric.name} ({substrate.metric.better} is better); acceptance: "
            f"{settings.acceptance.method.value}, error {settings.acceptance.level:g} a contest, schedule {schedule}"
        )

    @contextmanager
    def live(self) -> Iterator[None]:
        """While this is open, progress is one line that changes, where a terminal can show it."""
        if not self._rich.is_terminal:
            yield
            return
        with Live("", console=self._rich, refresh_per_second=8, transient=True) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def progress(self, kind: str, what: Mapping[str, Any]) -> None:
        """Told by the run; called in its own thread."""
        if kind == "recorded":
            for attempt in what["attempts"]:
                if attempt.verdict == "keep":
                    self._keeps += 1
                    self.say(printable(f"  keep {attempt.lineage}: {attempt.rewrite.hypothesis}"))
        elif kind == "generation":
            self._generation(what)
        elif kind == "thinking":
            self.say(f"Thinking the baselines: {', '.join(what['baselines'])} ...")
        elif kind == "left out":
            self.say(f"The baseline {what['baseline']} is left out, as it could not try as much: {what['reason']}.")

    def _generation(self, what: Mapping[str, Any]) -> None:
        left = what["left"]
        line = generation_line(what, self._metric)
        if self._live is not None:
            self._live.update(Text(line))
        elif time.monotonic() - self._last >= 1 or left == 0:
            self._last = time.monotonic()
            self.say(line)

    def end(self, result: Result, path: Path, name: str, out: Path, spent: str = "") -> None:
        """`spent`: on language models, in words."""
        self.say(f"\nThe run ended: {result.reason.rstrip('.')} ({_duration(result.seconds)}).")
        if spent:
            self.say(f"Language models took {spent}.")
        if result.usage is not None:
            self.say(f"{str(result.usage).capitalize()}.")
        if result.findings is None:
            self.say(f"It goes on with: python -m evolve resume={name}")
            return
        self._rich.print(Text(findings_text(result.findings, min(100, self._rich.width))))
        tip = next((a.lineage for a in result.record.attempts if a.verdict == "keep"), min(result.record.final))
        self.say(f"\nWritten to {out}: {FILES}")
        self.say("Look further:")
        self.say(f"  python -m evolve log {name} --diff")
        self.say(f"  git --git-dir={path} log --graph --stat {name}/{tip}")


def generation_line(what: Mapping[str, Any], metric: Metric | None) -> str:
    """generation 7, 65 left: best 1.23, kept 3 of 35, 4.1 attempts/s …"""
    attempts, seconds = what["attempts"], max(what["seconds"], 1e-9)
    kept = sum(a.verdict == "keep" for a in attempts)
    scores = [o.score for o in what["outcomes"].values() if o.score is not None]
    sign = metric.sign if metric else 1
    best = max(scores, key=lambda s: sign * s) if scores else None
    rate = len(attempts) / seconds
    parts = [f"generation {what['generation']}"]
    if what["left"] is not None:
        parts[0] += f", {what['left']} left"
    parts.append(f"best {rounded(best)}" if best is not None else "no score")
    parts.append(f"kept {kept} of {len(attempts)}")
    hourly = f"{rate * 3600:,.0f} an hour, {rate * 3600 * NIGHT:,.0f} a night"
    parts.append(f"{rate:.1f} trials/s ({hourly})" if rate >= 0.05 else f"trials: {hourly}")
    if what["left"]:
        parts.append(f"about {_duration(seconds / what['generation'] * what['left'])} left")
    return "; ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
