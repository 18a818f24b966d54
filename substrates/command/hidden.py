"""The hidden check: a script of this host, laid by the harness alone, and read by nobody who writes genomes."""

from __future__ import annotations

import hashlib
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from evolve.errors import UsageError
from substrates.command.repository import Base, read_only

__all__ = ["Hidden", "lay_hidden"]

_SCRIPT = "audit.sh"


@dataclass(frozen=True)
class Hidden:
    """`folder`: what a trial of it may read; `command` starts it; `digest` is of all its files."""

    folder: Path
    command: str
    digest: str


def lay_hidden(place: str, base: Base) -> Hidden:
    """Copies the script (or the folder with an audit.sh in it) out of reach of later changes.

    Raises UsageError where it is missing, or inside the repository, where whoever writes genomes may read it.
    """
    path = Path(place).expanduser().resolve()
    script = path / _SCRIPT if path.is_dir() else path
    if not script.is_file():
        raise UsageError(f"substrate.audit={place}: there is no such script. Name one, or a folder with an {_SCRIPT}.")
    if base.root is not None and path.is_relative_to(base.root.resolve()):
        raise UsageError(f"substrate.audit={place} lies inside the repository, so it is not hidden. Move it out of it.")
    folder = base.home / "hidden"
    if path.is_dir():
        shutil.copytree(path, folder)
    else:
        folder.mkdir()
        shutil.copyfile(path, folder / path.name)
    copy = folder / script.name
    copy.chmod(0o755)
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    read_only(folder)
    return Hidden(folder, shlex.quote(str(copy)), digest.hexdigest()[:16])
