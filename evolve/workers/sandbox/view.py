"""What a trial sees of the host, as bubblewrap's arguments: read-only system, this Python, and nothing else."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evolve.jobs import Limits
from evolve.workers.sandbox import gpu
from evolve.workers.sandbox.hidden import places

__all__ = ["HOME", "INSIDE_ID", "View", "arguments", "check_shared", "check_visible", "home_path", "python_paths"]

HOME = "/trial"
"""The folder a trial starts in; a name that hosts don't use, so that it hides nothing a judge may show."""

INSIDE_ID = 60001
"""The user and group a trial of an ordinary user's harness sees itself as: nobody's on common systems."""

_OURS = ("/", "/usr", "/proc", "/dev", "/tmp", HOME)
_MEMORY = "/dev/shm"
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SYSTEM = ("/etc/ld.so.cache", "/etc/alternatives")
"""Without these, libraries in /usr/local/lib and Debian's `cc` are not found."""

_NO_BUSINESS = ("/usr/games",)

_PARTS = ("bin", "include", "lib", "lib64", "share", "pyvenv.cfg")
"""What venv, conda and a Python built from source put into their folder."""

_MOST_WORDS = 9_000
"""bubblewrap takes no more arguments (MAX_ARGS in its bubblewrap.c)."""


@cache
def python_paths() -> tuple[Path, ...]:
    """Where this Python, its environment and their packages lie, outermost only; /usr is there anyhow.

    Of an environment only what belongs to it: it may have been made in a folder with other things, or secrets.
    """
    roots = {Path(p) for p in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)}
    candidates = [root / part for root in roots for part in _PARTS]
    candidates += [Path(sys.executable), Path(sys.executable).resolve()]
    candidates += [
        Path(p) for p in [*site.getsitepackages(), *sys.path] if p.endswith(("site-packages", "dist-packages"))
    ]
    kept: list[Path] = []
    for path in sorted({p for p in candidates if p.is_absolute() and p.exists() and p != Path("/")}):
        if not any(path.is_relative_to(outer) for outer in [Path("/usr"), *kept]):
            kept.append(path)
    return tuple(kept)


def home_path() -> str:
    """PATH of a trial: this Python first, then the system's programs."""
    return os.pathsep.join([os.path.join(sys.prefix, "bin"), "/usr/local/bin", "/usr/bin", "/bin"])


def check_visible(visible: Iterable[Path]) -> list[str]:
    """Host paths as text. Raises ValueError where one is not there, not absolute, or hides what a trial needs."""
    paths = []
    for path in map(Path, visible):
        inside = any(path.is_relative_to(outer) for outer in ("/proc", "/dev", HOME))
        if inside and path.is_relative_to(_MEMORY) and path != Path(_MEMORY):
            inside = False
        if not path.is_absolute() or ".." in path.parts or str(path) in _OURS or inside:
            raise ValueError(f"a trial cannot be shown {str(path)!r}: name an absolute path that is not one of {_OURS}")
        if not path.exists():
            raise ValueError(f"a trial cannot be shown {str(path)!r}: it does not exist")
        paths.append(str(path))
    return paths


def check_shared(shared: Iterable[Path]) -> list[str]:
    """As `check_visible`, and raises ValueError where one is no regular file."""
    paths = check_visible(shared)
    for path in paths:
        if os.path.islink(path) or not os.path.isfile(path):
            raise ValueError(f"{path!r} cannot be shared with a trial: it is no regular file; folders can be shown")
    return paths


@dataclass(frozen=True)
class View:
    """What one trial sees: host paths (checked), at the same place.

    `visible` can be read, `shared` (files) written too, `hidden` is empty. `packages`: are Python's installed ones
    shown? `devices`: accelerators, by name.
    """

    visible: Sequence[str] = ()
    shared: Sequence[str] = ()
    hidden: Sequence[str] = ()
    devices: Sequence[str] = ()
    packages: bool = True

    def bound(self) -> list[str]:
        """All host paths it sees some of."""
        return [*_system_paths(), *map(str, python_paths()), *self.visible, *self.shared]

    def emptied(self) -> list[str]:
        """Folders of the system that are empty whatever is hidden."""
        return [*filter(os.path.isdir, _NO_BUSINESS), *([] if self.packages else _package_folders())]

    def covered(self) -> tuple[list[str], list[str]]:
        """The folders and files, by their place inside, that must be emptied for what is hidden."""
        return places(self.hidden, self.bound(), self.emptied()) if self.hidden else ([], [])


def arguments(view: View, limits: Limits, *, root: bool, lock_users: bool) -> list[str]:
    """bwrap's arguments up to the program. `root`: keep what is needed to become another user, instead of a user
    namespace. `lock_users`: forbid further ones by bubblewrap itself, where no system call filter does.

    Raises ValueError where they are more than bubblewrap takes: for some 2,500 visible paths.
    """
    command = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    command += ["--die-with-parent", "--new-session", "--hostname", "trial"]
    if root:
        command += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        command += ["--unshare-user", "--uid", str(INSIDE_ID), "--gid", str(INSIDE_ID)]
        command += ["--disable-userns"] if lock_users else []
    command += _system()
    size = str(max(1, limits.scratch_mb) << 20)
    # Sized and in this order: by default they are all writable and only bounded by the host's memory.
    command += ["--proc", "/proc", "--dev", "/dev"]
    command += ["--perms", "1777", "--size", size, "--tmpfs", _MEMORY]
    command += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp"]
    command += _shown([*map(str, python_paths()), *view.visible], view.shared)
    command += _emptied(view.emptied())
    command += ["--perms", "0700", "--size", size, "--tmpfs", HOME]
    command += gpu.arguments(view.devices)
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME]
    command += ["--clearenv", "--setenv", "PATH", home_path(), "--setenv", "HOME", HOME]
    if len(command) > _MOST_WORDS:
        raise ValueError(f"a trial is to be shown too many paths: {len(view.bound())}")
    return command


def _shown(readable: Sequence[str], writable: Sequence[str]) -> list[str]:
    """Binds at the same place. The folders above are made here, for bwrap would close them to others."""
    command: list[str] = []
    made, bound = {"/", "/tmp", "/dev", _MEMORY}, [Path("/usr")]
    for how, text in [*(("--ro-bind", path) for path in readable), *(("--bind", path) for path in writable)]:
        path = Path(text)
        for above in reversed(path.parents):
            if str(above) not in made and not any(above.is_relative_to(outer) for outer in bound):
                made.add(str(above))
                command += ["--perms", "0755", "--dir", str(above)]
        bound.append(path)
        command += [how, text, text]
    return command


@cache
def _package_folders() -> tuple[str, ...]:
    """Where packages are installed, of this Python, of its environment and of the system's."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = {
        *site.getsitepackages(),
        *(f"{root}/lib/{version}/site-packages" for root in (sys.prefix, sys.base_prefix)),
    }
    found |= {str(path) for root in ("/usr/lib", "/usr/local/lib") for path in Path(root).glob("python3*/*-packages")}
    return tuple(sorted(path for path in found if os.path.isdir(path)))


def _emptied(folders: Sequence[str]) -> list[str]:
    return [word for folder in folders for word in ("--size", "4096", "--tmpfs", folder, "--remount-ro", folder)]


@cache
def _system() -> tuple[str, ...]:
    command = ["--ro-bind", "/usr", "/usr", "--perms", "0755", "--dir", "/etc"]
    for name in _LINKS:
        if os.path.islink(f"/{name}"):
            command += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif os.path.isdir(f"/{name}"):
            command += ["--ro-bind", f"/{name}", f"/{name}"]
    for path in _SYSTEM:
        command += ["--ro-bind-try", path, path]
    return tuple(command)


@cache
def _system_paths() -> tuple[str, ...]:
    """What `_system` binds."""
    real = [f"/{name}" for name in _LINKS if os.path.isdir(f"/{name}") and not os.path.islink(f"/{name}")]
    return ("/usr", *real, *filter(os.path.exists, _SYSTEM))
