"""One request to a UI and its response: an iterator over the body, that always gives back what it holds."""

from __future__ import annotations

import asyncio
import weakref
from contextlib import ExitStack
from typing import TYPE_CHECKING

from django_ops.access.gate import proxy_client
from django_ops.access.gate.proxy_body import Upload
from django_ops.access.gate.proxy_client import UpstreamError
from django_ops.access.gate.proxy_entry import Entry, watch
from django_ops.access.gate.proxy_headers import Headers
from django_ops.exceptions import OpsError

if TYPE_CHECKING:
    from aiohttp import ClientResponse

#: A stream that never ends of its own accord; its client asks again when it ends.
_EVENTS = "text/event-stream"


def _nothing() -> None:
    pass


class AccessEndedError(OpsError):
    """Whoever had a UI open has signed out, was deactivated, or may not open it any more."""


class Carrier:
    """A request on its way, which ends when its user may no longer have it open.

    Closed at the end of the body, by an error, by Django, or when nothing refers to it any more.
    """

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._loop = asyncio.get_running_loop()
        self._has_lost_access = False
        self._response: ClientResponse | None = None
        self._patience = proxy_client.Patience(entry.service.timeout_seconds)
        self._silence_seconds: float | None = entry.service.timeout_seconds
        self._held = ExitStack()
        lose_access = weakref.WeakMethod(self._lose_access)  # the watch must not keep what nobody reads any more
        self._held.enter_context(watch(entry, lambda: (lose_access() or _nothing)()))

    def _lose_access(self) -> None:
        self._has_lost_access = True
        self._patience.end()
        if self._response is not None:
            self._response.close()

    async def send(self, target: str, headers: Headers, upload: Upload | None) -> ClientResponse:
        """Send the request, and return the response when its headers have come.

        Raises UpstreamError, AccessEndedError, or what ended the upload; then there is nothing left to close.
        """
        service, method = self._entry.service, self._entry.request.method or ""
        try:
            response = await proxy_client.request(service, method, target, headers, upload, self._patience)
            self._held.callback(response.close)
            self._raise_if_access_ended()
        except BaseException as error:
            self._let_go()
            if isinstance(error, Exception):  # to be cancelled comes first
                self._raise_if_access_ended()
            if isinstance(error, UpstreamError):
                error.report()
            raise
        self._response = response
        if response.headers.get("Content-Type", "").lower().startswith(_EVENTS):
            self._silence_seconds = None
        return response

    def _raise_if_access_ended(self) -> None:
        if self._has_lost_access:
            raise AccessEndedError(f"The user of {self._entry.service.name} may not have it open any more.")

    def __aiter__(self) -> Carrier:
        return self

    async def __anext__(self) -> bytes:
        """Return the next part of the body. Raises UpstreamError, or AccessEndedError."""
        if self._response is None:
            raise StopAsyncIteration
        try:
            part = await proxy_client.next_part(self._entry.service, self._response, self._silence_seconds)
        except UpstreamError as error:
            self._let_go()
            if self._has_lost_access and self._silence_seconds is None:
                raise StopAsyncIteration from None
            self._raise_if_access_ended()
            error.report()
            raise
        except BaseException:
            self._let_go()
            raise
        if not part:
            self._let_go()
            raise StopAsyncIteration
        return part

    def close(self) -> None:
        """Break off, if the end has not come yet; Django calls this from a thread."""
        if self._response is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._let_go)

    __del__ = close

    def _let_go(self) -> None:
        self._response = None
        # at the end of the body its connection has been given back already; before it, nobody else can use it
        self._held.close()
