"""Plain data over a socket, between the harness and its wardens: a length, then the data."""

from __future__ import annotations

import marshal
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

__all__ = ["receive", "receive_files", "send", "send_files"]

_LENGTH = struct.Struct("<Q")


def send(connection: socket.socket, message: Any) -> None:
    """`message`: None, numbers, text, bytes, and lists, tuples and dicts of them."""
    # marshal, for it can hold nothing but plain data, and both ends are the same interpreter.
    data = marshal.dumps(message)
    connection.sendall(_LENGTH.pack(len(data)))
    connection.sendall(data)


def receive(connection: socket.socket) -> Any:
    """The next message. Raises EOFError where the other end is gone, TimeoutError after the socket's time-out."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    return marshal.loads(_exactly(connection, length))


def send_files(connection: socket.socket, files: Sequence[int]) -> None:
    """Open files, which the other end then has as well."""
    socket.send_fds(connection, [b"f"], list(files))


def receive_files(connection: socket.socket, count: int) -> tuple[int, ...]:
    """Raises EOFError where the other end is gone."""
    _, files, _, _ = socket.recv_fds(connection, 1, count)
    for file in files:
        os.set_inheritable(file, False)  # else all that we start had them
    if len(files) != count:
        for file in files:
            os.close(file)
        raise EOFError("the other end is gone")
    return tuple(files)


def _exactly(connection: socket.socket, length: int) -> bytearray:
    data = bytearray(length)
    view = memoryview(data)
    while view:
        try:
            got = connection.recv_into(view)
        except ConnectionError:
            got = 0
        if not got:
            raise EOFError("the other end is gone")
        view = view[got:]
    return data
