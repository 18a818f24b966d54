"""What an agent is told besides the brief: where it is, what is taken from there, and until when."""

from __future__ import annotations

from evolve.genome import Globs
from evolve.mutators.brief import RULE
from evolve.mutators.command.checkout import HYPOTHESIS
from evolve.printable import line
from evolve.substrate import Brief

__all__ = ["preface"]


def preface(brief: Brief, editable: Globs, seconds: float, more: bool = False) -> str:
    """Some 1,500 characters. `more`: other files than the agent's own are there, too."""
    what = "and what stands around them in their repository" if more else "and nothing else"
    globs = ", ".join(f"`{line(glob, 80)}`" for glob in editable.include[:20])
    but = ", ".join(f"`{line(glob, 80)}`" for glob in editable.exclude[:20])
    return f"""# Your task

The folder that you are in is a git repository with the files of one agent of a population, {what}. Improve
that agent: edit its files here, in place. Make one change, with one idea behind it; it will then be measured against
the agent as it is. The brief below says what is measured and what was tried before.

- You may change, add and remove files that match {globs}{f", but not {but}" if but else ""}. Text files only. What you
  change anywhere else is thrown away. Whether you commit makes no difference.
- Nobody can answer a question. You have {seconds:g} seconds; then you are killed, and nothing of what you did counts.
  Start nothing that runs longer, and end by yourself, with exit code 0, when you are done.
- Before you end, write `{HYPOTHESIS}`: on its first line, in one sentence, what you changed and why that should help.
  If you can, a second line `expected: NUMBER`: the effect that you expect, in the unit of effects (above 0: better).
- {RULE}

"""
