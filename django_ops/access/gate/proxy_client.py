"""The connections to the UIs: aiohttp, told to change nothing, follow nothing and remember nothing."""

from __future__ import annotations

import asyncio
import atexit
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django_ops.access.gate.proxy_body import Upload
from django_ops.access.gate.proxy_headers import Headers
from django_ops.access.gate.registry import Service
from django_ops.exceptions import OpsError
from django_ops.extras import require
from django_ops.metrics import catalog
from django_ops.metrics.lost import hand_to

if TYPE_CHECKING:
    import aiohttp
    import yarl
    from aiohttp import WSMsgType as WSMsgType
else:
    aiohttp = require("gate", "aiohttp")
    yarl = require("gate", "yarl")
    WSMsgType = aiohttp.WSMsgType

logger = logging.getLogger("django_ops.access.gate")

#: A UI that is there takes a connection at once; nobody waits longer for one that is not.
CONNECT_SECONDS = 10.0

#: The longest line and header of a response; Grafana's and Kibana's policies are longer than aiohttp's 8 KiB.
_LONGEST_HEADER_BYTES = 65_536

#: How long a UI has to answer a ping, and to take leave of a websocket.
HEARTBEAT_SECONDS = 30.0
FAREWELL_SECONDS = 2.0

#: What aiohttp adds when a client has sent none.
_AUTOMATIC_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class UpstreamError(OpsError):
    """A UI gave no answer that could be passed on; `status` is what the client is told, `kind` what is counted."""

    def __init__(self, service: Service, kind: str, status: int, cause: BaseException) -> None:
        super().__init__(f"{service.name} at {service.origin}: {kind}: {cause!r:.500}")
        self.service = service
        self.kind = kind
        self.status = status

    def report(self) -> None:
        """Log and count it, where it is the UI's fault."""
        hand_to("metrics", catalog.GATE_UPSTREAM_ERRORS.inc, self.service.name, self.kind)
        logger.warning("%s", self, extra={"gate_service": self.service.name, "gate_error": self.kind})


@dataclass(frozen=True)
class Client:
    """The two sessions of one event loop. Neither limits connections: whoever lets clients in does that."""

    #: Keeps connections open, and repeats a request when one of them turns out to be closed.
    kept: aiohttp.ClientSession
    #: A connection for each request: what changes something is never sent twice.
    fresh: aiohttp.ClientSession


_clients: dict[asyncio.AbstractEventLoop, Client] = {}


def client() -> Client:
    """Return the client of the running event loop."""
    loop = asyncio.get_running_loop()
    known = _clients.get(loop)
    if known is None:
        _forget_closed_loops()
        known = _clients[loop] = Client(_session(force_close=False), _session(force_close=True))
    return known


def _session(*, force_close: bool) -> aiohttp.ClientSession:
    # aiohttp offers no other way to keep a websocket's handshake from following
    rules = aiohttp.TraceConfig()
    rules.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=force_close),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=_AUTOMATIC_HEADERS,
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        trust_env=False,  # a proxy named by the environment is not on the way to a neighbour
        max_line_size=_LONGEST_HEADER_BYTES,
        max_field_size=_LONGEST_HEADER_BYTES,
        trace_configs=[rules],
    )


async def _refuse_redirect(session: object, context: object, redirect: aiohttp.TraceRequestRedirectParams) -> None:
    redirect.response.close()
    raise aiohttp.TooManyRedirects(redirect.response.request_info, redirect.response.history)


async def close() -> None:
    """Close the connections of the running event loop; the server shuts down."""
    known = _clients.pop(asyncio.get_running_loop(), None)
    if known is not None:
        await known.kept.close()
        await known.fresh.close()


def _forget_closed_loops() -> None:
    for loop in [loop for loop in _clients if loop.is_closed()]:
        _let_go(_clients.pop(loop))


def _let_go(known: Client) -> None:
    # a session that is still open when it is collected complains, and nobody can await its closing any more
    known.kept.detach()
    known.fresh.detach()


@atexit.register
def _let_all_go() -> None:
    while _clients:
        _let_go(_clients.popitem()[1])


class Patience:
    """A deadline that moves: a UI may be silent for `seconds`, counted while it is its turn."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._timeout: asyncio.Timeout | None = None
        self._has_ended = False

    async def __aenter__(self) -> Patience:
        self._timeout = asyncio.timeout(self.seconds)
        await self._timeout.__aenter__()
        return self

    async def __aexit__(self, *details: Any) -> None:
        timeout, self._timeout = self._timeout, None
        if timeout is not None:
            await timeout.__aexit__(*details)

    def pause(self) -> None:
        """It is the client's turn."""
        self._move(None)

    def renew(self) -> None:
        """It is the UI's turn, from now on."""
        self._move(self.seconds)

    def end(self) -> None:
        """Wait no longer."""
        self._move(0.0)
        self._has_ended = True

    def _move(self, seconds: float | None) -> None:
        timeout = self._timeout
        if timeout is not None and not timeout.expired() and not self._has_ended:
            timeout.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)


async def patiently(parts: AsyncIterator[bytes], patience: Patience) -> AsyncIterator[bytes]:
    """Yield the parts of an upload; `patience` waits for nobody while the client is slow to send one."""
    patience.pause()
    try:
        async for part in parts:
            patience.renew()
            yield part
            patience.pause()
    finally:
        patience.renew()


async def request(
    service: Service, method: str, target: str, headers: Headers, upload: Upload | None, patience: Patience
) -> aiohttp.ClientResponse:
    """Send a request, and return the response when its headers have come.

    Whoever calls closes the response. Raises UpstreamError, or what ended the upload.
    """
    sessions = client()
    session = sessions.kept if method in ("GET", "HEAD", "OPTIONS") and upload is None else sessions.fresh
    try:
        async with patience:
            response = await session.request(
                method,
                yarl.URL(service.origin + target, encoded=True),
                headers=headers,
                data=None if upload is None else patiently(upload.read(), patience),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(connect=min(CONNECT_SECONDS, service.timeout_seconds)),
            )
    except TimeoutError as error:  # aiohttp's own are kinds of it
        raise UpstreamError(service, "timeout", 504, error) from error
    except aiohttp.ClientConnectorError as error:
        raise UpstreamError(service, "unreachable", 502, error) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        if upload is not None and upload.failure is not None:
            raise upload.failure from error
        raise UpstreamError(service, "bad-answer", 502, error) from error
    if response.status < 200 or response.status > 599:
        response.close()
        raise UpstreamError(service, "bad-answer", 502, ValueError(f"status {response.status}"))
    return response


def headers_of(response: aiohttp.ClientResponse) -> Iterable[tuple[str, str]]:
    """Yield a response's headers as they came, one character per byte."""
    return ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)


async def next_part(service: Service, response: aiohttp.ClientResponse, silence_seconds: float | None) -> bytes:
    """Return the next part of a response's body, b"" at its end. Raises UpstreamError.

    `silence_seconds` is how long the UI may send nothing; None for ever.
    """
    try:
        async with asyncio.timeout(silence_seconds):
            return await response.content.readany()
    except TimeoutError as error:
        raise UpstreamError(service, "timeout", 504, error) from error
    except (aiohttp.ClientError, OSError) as error:
        raise UpstreamError(service, "broken-off", 502, error) from error


async def open_websocket(
    service: Service, target: str, headers: Headers, protocols: Iterable[str]
) -> aiohttp.ClientWebSocketResponse:
    """Open a websocket to a UI. Raises UpstreamError, with the UI's own status where it refused."""
    try:
        async with asyncio.timeout(min(CONNECT_SECONDS, service.timeout_seconds)):
            return await client().fresh.ws_connect(
                yarl.URL(service.origin + target, encoded=True),
                headers=headers,
                protocols=tuple(protocols),
                timeout=aiohttp.ClientWSTimeout(ws_close=FAREWELL_SECONDS),
                heartbeat=HEARTBEAT_SECONDS,
                autoclose=False,
                max_msg_size=service.max_body_bytes + 1,  # aiohttp refuses one of just this size
            )
    except aiohttp.WSServerHandshakeError as error:
        status = error.status if 400 <= error.status < 500 else 502
        raise UpstreamError(service, "refused", status, error) from error
    except TimeoutError as error:
        raise UpstreamError(service, "timeout", 504, error) from error
    except aiohttp.ClientConnectorError as error:
        raise UpstreamError(service, "unreachable", 502, error) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise UpstreamError(service, "bad-answer", 502, error) from error
