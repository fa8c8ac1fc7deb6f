"""Closes a listening socket without losing a connection that the kernel has accepted already.

A listener that is closed resets what waits in its queue. A proxy may have sent a request there, and may not send
a POST again elsewhere, so its client gets a 502. So the kernel is told to overlook new connections first: it refuses
them, which each proxy takes as "ask another server", while those that wait are accepted.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
import time
from collections.abc import Iterable
from typing import Any

#: Enough for the handshakes that are under way.
_SETTLE_SECONDS = 0.1
_PATIENCE_SECONDS = 2.0
_STEP_SECONDS = 0.01

#: From Linux 5.7 on anybody may bind a socket to an interface, by a number that is not looked up; what arrives on
#: another interface finds no listener. Nothing ever arrives on the last one.
_SO_BINDTOIFINDEX = 62  # asm-generic/socket.h; Python has no name for it before 3.15
_NO_INTERFACE = 2**31 - 1

# Before that: connections that are dropped try again, and are refused by then. (From Linux commit 5d39580f68e6 on, this
# in turn takes CAP_NET_ADMIN.)
# A classic BPF program for packets to the listener: drop those with SYN and without ACK, keep the rest.
# Each instruction is code, jump if true, jump if false, constant. Source: linux/filter.h, linux/bpf_common.h
_PROGRAM = (
    (0x30, 0, 0, 13),  # load the byte with the flags of the TCP header
    (0x54, 0, 0, 0x12),  # and SYN|ACK
    (0x15, 0, 1, 0x02),  # equal to SYN?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep
)
_SO_ATTACH_FILTER = 26
_UNACCEPTED = struct.Struct("24xI")  # tcpi_unacked of struct tcp_info: for a listener, the length of its queue


class Listeners:
    """The listening TCP sockets of a server, by descriptors of our own; others it leaves alone."""

    def __init__(self, listeners: Iterable[Any]) -> None:
        self._sockets: list[socket.socket] = []
        for listener in listeners:
            copy = socket.socket(fileno=os.dup(listener.fileno()))
            if copy.family in (socket.AF_INET, socket.AF_INET6):
                self._sockets.append(copy)
            else:
                copy.close()

    def overlook_new_connections(self) -> None:
        """Let the kernel refuse new connections, and wait until the workers have accepted those that are there."""
        if not sys.platform.startswith("linux") or not self._sockets:
            return
        try:
            for listener in self._sockets:
                _overlook(listener)
        except OSError:  # a sandbox that knows neither way: as lossy as without us
            return
        began_at = time.monotonic()
        while time.monotonic() - began_at < (_PATIENCE_SECONDS if self.waiting else _SETTLE_SECONDS):
            time.sleep(_STEP_SECONDS)

    @property
    def waiting(self) -> int:
        """How many connections wait to be accepted."""
        return sum(
            _UNACCEPTED.unpack(listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACCEPTED.size))[0]
            for listener in self._sockets
        )

    def refuse(self) -> None:
        """Refuse connections from now on, also where workers that finish their requests still hold the socket.

        Only when no worker accepts any more: one that did would get an error that gunicorn does not expect.
        """
        for listener in self._sockets:
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:  # refused already
                pass
            listener.close()


def _overlook(listener: socket.socket) -> None:
    """Let no new connection find a listener. Raises OSError."""
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_BINDTOIFINDEX, _NO_INTERFACE)
    except OSError:  # an older kernel, or bound to an interface already
        instructions = b"".join(struct.pack("HBBI", *instruction) for instruction in _PROGRAM)
        memory = ctypes.create_string_buffer(instructions)
        program = struct.pack("HL", len(_PROGRAM), ctypes.addressof(memory))
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
