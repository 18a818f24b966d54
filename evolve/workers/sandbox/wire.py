"""Plain data over a socket, between the harness and its wardens: a length, then the data."""

from __future__ import annotations

import marshal
import socket
import struct
from typing import Any

__all__ = ["receive", "send"]

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
