"""Emptiness over what a trial must not see, laid in its own view of the files before it starts.

Not by bubblewrap, which reads the whole table of mounts again for each: 300 hidden files cost it 0.9 s at every start,
here some 20 ms (measured on a busy core).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import NoReturn

from evolve.workers.sandbox.kernel import BrokenSandbox, enter_mounts, mount, unmount
from evolve.workers.sandbox.view import HOME

__all__ = ["cover"]

_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_PROGRAMS, _REMOUNT, _BIND = 1, 2, 4, 8, 32, 4096  # linux/mount.h
_HARMLESS = _READ_ONLY | _NO_SUID | _NO_DEVICES | _NO_PROGRAMS
_ASIDE = HOME
"""A folder that every view has, and nothing of the host below it: there the empty file and folder are made, and gone
before the trial's own files come."""


def cover(process: int, folders: Sequence[str], files: Sequence[str]) -> None:
    """Let the view of a process be empty at these places, for good: read-only, and none that it could take away.

    A place that is not there needs no cover. Raises BrokenSandbox where one cannot be covered.
    """
    # A child, for who has entered another view does not come back; there is one thread here.
    child = os.fork()
    if not child:
        _lay(process, folders, files)
    error = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if error:
        raise BrokenSandbox(f"what is hidden could not be covered: {os.strerror(abs(error))}")


def _lay(process: int, folders: Sequence[str], files: Sequence[str]) -> NoReturn:
    code = 1
    try:
        enter_mounts(process)
        os.umask(0)
        mount("none", _ASIDE, "tmpfs", _NO_SUID | _NO_DEVICES | _NO_PROGRAMS, "mode=755,size=4k")
        folder, file = f"{_ASIDE}/folder", f"{_ASIDE}/file"
        os.mkdir(folder, 0o755)
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o444))
        mount("none", _ASIDE, "", _REMOUNT | _BIND | _HARMLESS)  # which whatever is bound from it inherits
        for source, places in ((folder, folders), (file, files)):
            for place in places:
                with contextlib.suppress(FileNotFoundError):
                    mount(source, place, "", _BIND)
        unmount(_ASIDE)
        code = 0
    except OSError as error:
        code = error.errno or 1
    finally:
        os._exit(code)
