"""Settings with what a session's files say, and what is wrong with them before anything runs."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

from evolve.errors import UsageError
from substrates.command.auto import Session
from substrates.command.repository import Base
from substrates.command.settings import CommandSettings

__all__ = ["completed", "missing_program"]

# What a command may begin with that is no program: then only running it can tell.
_SHELL = {"cd", ".", ":", "test", "[", "set", "export", "exec", "eval", "if", "for", "while", "case", "(", "{", "!"}
_INTERPRETERS = {"sh", "bash", "dash", "zsh", "python", "python3", "ruby", "perl", "node", "php", "lua", "Rscript"}


def completed(settings: CommandSettings, session: Session) -> CommandSettings:
    """What was left open, as the session has it. Raises UsageError for what nobody says."""
    made = replace(
        settings,
        measure=settings.measure or session.measure,
        check=settings.check or session.check,
        metric=settings.metric or session.metric,
        # A direction belongs to a metric: that of the session says nothing of another one.
        direction=settings.direction or (session.direction if settings.metric in (None, session.metric) else None),
        unit=settings.unit or (session.unit if settings.metric in (None, session.metric) else None),
        brief=settings.brief or session.brief,
    )
    if not made.measure:
        raise UsageError(
            "substrate.measure is not set, and the repository has no .auto/measure.sh. Give the command that measures: "
            "substrate.measure='./measure.sh'."
        )
    if not made.metric:
        raise UsageError(
            "substrate.metric is not set. Name what the measuring command reports, as in METRIC name=value: "
            "substrate.metric=NAME."
        )
    if not made.direction:
        raise UsageError(
            f"substrate.direction is not given: nobody says whether a lower or a higher {made.metric} is better. Give "
            "substrate.direction=lower or substrate.direction=higher."
        )
    for place in made.visible:
        if not Path(place).is_absolute() or not Path(place).is_dir():
            raise UsageError(f"substrate.visible: {place} is no folder by its whole path. Give one that exists.")
    return made


def missing_program(name: str, command: str, base: Base) -> UsageError | None:
    """Where the first word of a command is neither a program nor an executable file of the repository."""
    try:
        words = [w for w in shlex.split(command, comments=True) if not re.match(r"[A-Za-z_]\w*=", w)]
    except ValueError as error:
        return UsageError(f"substrate.{name}={command} is no shell command ({error}).")
    if not words:
        return UsageError(f"substrate.{name} is empty. Give a shell command.")
    first, rest = words[0], words[1:]
    if first in _SHELL:
        return None
    if "/" not in first:
        if shutil.which(first) is None:
            return UsageError(f"substrate.{name}={command}: there is no program {first!r} on the PATH. Install it.")
        if first in _INTERPRETERS and rest and not rest[0].startswith("-") and not (base.tree / rest[0]).is_file():
            return UsageError(f"substrate.{name}={command}: the repository has no file {rest[0]!r}. Commit it.")
        return None
    path = base.tree / first  # an absolute one stays as it is
    if not path.is_file():
        return UsageError(f"substrate.{name}={command}: the repository has no file {first!r}. Commit it.")
    if not path.stat().st_mode & 0o100:
        return UsageError(
            f"substrate.{name}={command}: {first} is not executable. Commit it so (git update-index --chmod=+x), or "
            f"start it by its interpreter: substrate.{name}='sh {first}'."
        )
    return None
