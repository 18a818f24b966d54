"""A filter of system calls as the kernel wants it (classic BPF), put together without a library.

It refuses what a trial could use to hold memory that no watchdog sees, to look into another process, to leave the
cores of its slot, to hear of other trials, to open namespaces (and with them more of the kernel), and sockets of
families that network namespaces do not cover.
Refused calls fail with EPERM, so that programs that only try them go on.
"""

from __future__ import annotations

import errno
import platform
import struct

__all__ = ["program"]

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_CLONE3 = 435
_X32 = 0x40000000
"""x86-64 kernels may take a second set of numbers with this bit: it would go round the list."""

_NEW_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (linux/sched.h)."""

_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: these know network namespaces; AF_VSOCK, for one, does not."""

# Numbers: x86-64, AArch64 (linux/unistd.h). -1: the architecture has no such call.
_REFUSED = {
    # memory that belongs to no process
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmctl": (31, 195),
    "shmat": (30, 196),
    "msgget": (68, 186),
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # cores of other slots
    "sched_setaffinity": (203, 122),
    # what other trials do with files that both see, which would be told by opening them
    "inotify_init": (253, -1),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # parts of the kernel that a genome has no business with
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "userfaultfd": (323, 282),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "syslog": (103, 116),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "modify_ldt": (154, -1),
}

_CHILDREN = {"fork": (57, -1), "vfork": (58, -1)}
_CLONE_THREAD = 0x00010000

_DRIVERS = ("memfd_create",)
"""Without it cuInit ends with error 304 (NVIDIA's drivers from 570 on, as reported of other sandboxes). Such a trial
may hold memory that no watchdog sees: a file of `file_mb` a descriptor."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF_LD|W|ABS, BPF_JMP|J..|K, BPF_RET|K
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; the low half of the first argument


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, value)


def _refuse(error: int) -> bytes:
    return _step(_RETURN, _ERRNO | error)


def program(machine: str | None = None, accelerated: bool = False, children: bool = True) -> bytes | None:
    """The filter for this machine (or the named one), as `bwrap --seccomp` reads it; None where it is not known.
    `accelerated`: for a trial with a GPU, whose driver needs what is refused to others. `children`: may it start other
    processes? One whose parent ignores its end is in nobody's account of CPU time."""
    machine = machine or platform.machine()
    if machine not in _AUDIT_ARCH:
        return None
    column = 0 if machine == "x86_64" else 1
    steps = [
        _step(_LOAD, _ARCH),
        _step(_EQUAL, _AUDIT_ARCH[machine], yes=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        steps += [_step(_AT_LEAST, _X32, no=1), _refuse(errno.ENOSYS)]
    # ENOSYS, for then the C library falls back to clone, whose flags a filter can see.
    steps += [_step(_EQUAL, _CLONE3, no=1), _refuse(errno.ENOSYS)]
    for name, numbers in (_REFUSED if children else _REFUSED | _CHILDREN).items():
        if numbers[column] >= 0 and not (accelerated and name in _DRIVERS):
            steps += [_step(_EQUAL, numbers[column], no=1), _refuse(errno.EPERM)]
    cloned = [_step(_LOAD, _FIRST_ARGUMENT), _step(_ANY_BIT, _NEW_NAMESPACES, no=1), _refuse(errno.EPERM)]
    if not children:
        cloned += [_step(_ANY_BIT, _CLONE_THREAD, yes=1), _refuse(errno.EPERM)]
    cloned.append(_step(_RETURN, _ALLOW))
    steps += [_step(_EQUAL, _CLONE[machine], no=len(cloned)), *cloned]
    families = [_step(_EQUAL, f, yes=len(_FAMILIES) - i) for i, f in enumerate(_FAMILIES)]
    steps += [
        _step(_EQUAL, _SOCKET[machine], no=len(families) + 2),
        _step(_LOAD, _FIRST_ARGUMENT),
        *families,
        _refuse(errno.EAFNOSUPPORT),
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)
