"""What a trial needs for NVIDIA's GPUs: device files, variables, libraries.

Assumed, from NVIDIA's documentation and what others met (not all of it was tried here):
- `cuda:N` is the N-th of the device files /dev/nvidia0, /dev/nvidia1, ..., by number. Inside there are only those of
  the trial, and CUDA numbers anew what it can open; several of a machine are told apart by their UUID, from
  /proc/driver/nvidia/gpus, for CUDA's order may be another.
- CUDA needs nvidiactl, nvidia-uvm and nvidia-uvm-tools, open to all users, and already made: nothing inside can load a
  module or make a device file. It reads /sys and /proc/driver/nvidia, which a new /proc has too, unless the host lies
  in a container that put one of its own there.
- It calls `memfd_create` when it starts (drivers of 570 and later end with error 304 without it).
- Its libraries are where the loader's cache says, or in the LD_LIBRARY_PATH of the harness, or where NVIDIA's
  containers put them; of those only what lies in sight is passed on.
- It reserves far more addresses than there is memory: no limit is on addresses (RLIMIT_AS), only on pages in use.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from evolve.workers.sandbox.hidden import within

__all__ = ["arguments", "variables"]

_COMMON = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia-caps")
_LIBRARIES = ("/usr/local/nvidia/lib64", "/usr/local/nvidia/lib")
_DRIVER = "/proc/driver/nvidia"


def arguments(devices: Sequence[str]) -> list[str]:
    """bubblewrap's, for the device files of the named GPUs; none for none."""
    minors = _minors(devices)
    if not minors:
        return []
    command = ["--ro-bind-try", "/sys", "/sys"]
    for name in [*(f"nvidia{minor}" for minor in minors), *_COMMON]:
        command += ["--dev-bind-try", f"/dev/{name}", f"/dev/{name}"]
    if os.path.ismount(_DRIVER):
        command += ["--ro-bind-try", _DRIVER, _DRIVER]
    return command


def variables(devices: Sequence[str], in_sight: Sequence[str] | None) -> dict[str, str]:
    """The trial's variables for the named GPUs; none for none. `in_sight`: the host paths that it sees, with only its
    own device files; None: all, and every device file."""
    minors = _minors(devices)
    if not minors:
        return {}
    there, known = _present(), _uuids()
    if len(there) > 1 and all(minor in known for minor in minors):
        names = [known[minor] for minor in minors]
    elif in_sight is not None and set(minors) <= set(there):
        names = [str(sorted(minors).index(minor)) for minor in minors]
    else:
        names = [str(there.index(minor) if minor in there else minor) for minor in minors]
    found = {"CUDA_VISIBLE_DEVICES": ",".join(names), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    libraries = _libraries(in_sight)
    return found | ({"LD_LIBRARY_PATH": ":".join(libraries)} if libraries else {})


def _libraries(in_sight: Sequence[str] | None) -> list[str]:
    """The folders of libraries that the harness is told of, and NVIDIA's own, as far as a trial sees them."""
    candidates = [*os.environ.get("LD_LIBRARY_PATH", "").split(":"), *_LIBRARIES]
    kept = [path for path in dict.fromkeys(candidates) if path.startswith("/") and os.path.isdir(path)]
    if in_sight is None:
        return kept
    shown = [os.path.realpath(path) for path in in_sight]
    return [path for path in kept if any(within(os.path.realpath(path), outer) for outer in shown)]


def _minors(devices: Sequence[str]) -> list[int]:
    """The numbers of the named GPUs' device files; where there are none, their own."""
    named = [int(name.partition(":")[2]) for name in devices if name.startswith("cuda:")]
    there = _present() if named else []
    return [there[number] if number < len(there) else number for number in named]


def _present(folder: Path = Path("/dev")) -> list[int]:
    return sorted(int(m[1]) for file in folder.glob("nvidia*") if (m := re.fullmatch(r"nvidia(\d+)", file.name)))


def _uuids(folder: Path = Path(_DRIVER, "gpus")) -> dict[int, str]:
    """Device file number -> UUID, as far as the driver tells."""
    found = {}
    for file in folder.glob("*/information"):
        said = file.read_text(errors="replace")
        minor, uuid = (re.search(what, said) for what in (r"Device Minor:\s*(\d+)", r"GPU UUID:\s*(GPU-[0-9a-f-]+)\s"))
        if minor and uuid:
            found[int(minor[1])] = uuid[1]
    return found
