"""Git's pack files, written whole and durably: under a temporary name, to the disk, then renamed."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from evolve.ledger.objects import Object

__all__ = ["write_pack"]

# Numbers of git's pack format (gitformat-pack).
_KINDS = {"commit": 1, "tree": 2, "blob": 3}

_SMALL = 1 << 12
"""Bytes: what the small window holds. Measured on texts of 130 to 4,096 bytes: half the time, the same size."""

_TINY = 80
"""Bytes: a folder of one or two files, which is mostly ids, does not get smaller; to store it takes a quarter of the
time."""


def write_pack(folder: Path, objects: Sequence[Object], owner: str) -> None:
    """Makes `objects` (each once) readable in the object folder. Raises OSError; then nothing is visible.

    `owner` marks the temporary names, so that its next writer can clear them after a kill.
    """
    body, rows = bytearray(b"PACK" + struct.pack(">II", 2, len(objects))), []
    for one in objects:
        packed = _header(_KINDS[one.kind], len(one.data)) + _deflated(one.data)
        rows.append((bytes.fromhex(one.id), zlib.crc32(packed), len(body)))
        body += packed
    digest = hashlib.sha1(body).digest()
    body += digest
    rows.sort()
    name = hashlib.sha1(b"".join(row[0] for row in rows)).hexdigest()
    pack = folder / "pack"
    pack.mkdir(exist_ok=True)
    # The index makes a pack visible, so it comes last.
    _durably(pack / f"pack-{name}.pack", bytes(body), owner)
    _durably(pack / f"pack-{name}.idx", _index(rows, digest), owner)
    sync_folder(pack)


def _deflated(data: bytes) -> bytes:
    """Most objects are small: setting up the full window would take longer than compressing them."""
    if len(data) <= _TINY:
        return zlib.compress(data, 0, 9)
    if len(data) > _SMALL:
        return zlib.compress(data, 1)
    made = zlib.compressobj(1, zlib.DEFLATED, 12, 5)
    return made.compress(data) + made.flush()


def _header(kind: int, size: int) -> bytes:
    byte, size = (kind << 4) | (size & 15), size >> 4
    out = bytearray()
    while size:
        out.append(byte | 128)
        byte, size = size & 127, size >> 7
    out.append(byte)
    return bytes(out)


def _index(rows: Sequence[tuple[bytes, int, int]], digest: bytes) -> bytes:
    counts = [0] * 256
    for name, _, _ in rows:
        counts[name[0]] += 1
    numbers = f">{len(rows)}I"
    body = b"\xfftOc" + struct.pack(">I256I", 2, *accumulate(counts)) + b"".join([row[0] for row in rows])
    body += struct.pack(numbers, *(row[1] for row in rows))
    # A pack of ours is one flush: far below the 2 GiB from which offsets need 8 bytes.
    body += struct.pack(numbers, *(row[2] for row in rows)) + digest
    return body + hashlib.sha1(body).digest()


def _durably(path: Path, data: bytes, owner: str) -> None:
    temporary = path.with_name(f"tmp_{owner}_{path.name}")
    try:
        with open(temporary, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Renames in it reach the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
