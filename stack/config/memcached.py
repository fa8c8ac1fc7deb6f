"""A cache in a memcached that asks for a password: connections sign in first, and entries are JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pymemcache import HashClient
from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheClientError

from django_ops.guard.caches import PyMemcacheCache


class SignedInClient(Client):
    """A connection that signs in where MEMCACHED_AUTH_FILE names a file with user:password, read at each connection."""

    def _connect(self) -> None:
        super()._connect()
        path = os.environ.get("MEMCACHED_AUTH_FILE")
        if not path:
            return
        account = Path(path).read_text(encoding="utf-8").strip().replace(":", " ", 1).encode()
        # protocol.txt, "Authentication": the first `set` of a connection; its key, flags and time mean nothing
        self.sock.sendall(b"set auth 0 0 %d\r\n%s\r\n" % (len(account), account))
        answer = b""
        while not answer.endswith(b"\r\n"):
            received = self.sock.recv(64)
            if not received:
                break
            answer += received
        if answer != b"STORED\r\n":
            self.close()
            raise MemcacheClientError("memcached refuses the account in the file that MEMCACHED_AUTH_FILE names")


class SignedInHashClient(HashClient):
    """Several servers, each with such a connection."""

    client_class = SignedInClient


class MemcachedCache(PyMemcacheCache):
    """A cache with these connections."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = SignedInHashClient
