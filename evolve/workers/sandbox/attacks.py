"""What a hostile genome would try: run inside a trial, alone, by `python -I -S`. It tells what worked, on
stdout in JSON.

On stdin it gets, in JSON, what there is to attack: `secret` (a file), `harness` (a process), `port` (a listener on the
loopback of the host), `write` (folders outside the scratch), `processes` (how many it may have).
"""

import contextlib
import json
import os
import signal
import socket
import sys


def network(port: int) -> list[str]:
    """Addresses that answered."""
    reached = []
    for address in (("127.0.0.1", port), ("1.1.1.1", 53)):
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=0.5):
            reached.append(address[0])
    return reached


def readable(path: str) -> list[str]:
    """The path, where its content can be read, here or through another process's root."""
    found = []
    for prefix in ("", "/proc/1/root", f"/proc/{os.getppid()}/root", f"/proc/{os.getppid()}/cwd"):
        with contextlib.suppress(OSError), open(prefix + path, "rb") as stream:
            stream.read(1)
            found.append(prefix + path)
    return found


def variables() -> list[str]:
    """The names (never the values) of all variables in sight: its own, and those of any process."""
    names = set(os.environ)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as stream:
            names |= {item.partition(b"=")[0].decode(errors="replace") for item in stream.read().split(b"\0") if item}
    return sorted(names)


def writable(folders: list[str]) -> list[str]:
    """Folders in which a file could be made."""
    made = []
    for folder in folders:
        path = os.path.join(folder, f"evolve-canary-{os.getpid()}")
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            made.append(folder)
            os.unlink(path)
    return made


def others(harness: int) -> list[str]:
    """What of other processes can be seen or opened."""
    seen = []
    with contextlib.suppress(OSError):
        os.kill(harness, 0)
        seen.append(f"signals to process {harness}")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) not in (1, os.getpid()):
            seen.append(f"process {pid}")
    return seen


def descriptors() -> list[str]:
    """Open files beyond stdin, stdout and stderr."""
    found = []
    for number in range(3, 4096):
        with contextlib.suppress(OSError):
            os.fstat(number)
            found.append(str(number))
    return found


def forks(most: int) -> int:
    """How many processes it could have, itself included; tries no more than 16 too many."""
    born: list[int] = []
    with contextlib.suppress(OSError):
        while len(born) < most + 16:
            pid = os.fork()
            if not pid:
                signal.pause()
            born.append(pid)
    for pid in born:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(born) + 1


def main() -> None:
    target = json.load(sys.stdin)
    # Descriptors first, for the other attacks open some.
    told = {
        "descriptors": descriptors(),
        "network": network(target["port"]),
        "secret": readable(target["secret"]),
        "variables": variables(),
        "writable": writable(target["write"]),
        "others": others(target["harness"]),
        "user": os.getuid(),
        "forks": forks(target["processes"]) if target["processes"] else 0,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
