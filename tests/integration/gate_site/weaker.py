"""The proxy without one of its safeguards: each of these must let a request of the corpus past."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django_ops.access.gate import nginx_headers, proxy, proxy_entry, proxy_headers, websocket
from django_ops.access.gate.decision import Decision, Reason
from django_ops.access.gate.proxy_headers import Cookie


def _nobody_is_asked() -> None:
    proxy_entry.decide = lambda *arguments: Decision(204, Reason.ALLOWED)


def _paths_as_they_come() -> None:
    def as_it_came(service: Any, path: str, query: str) -> str:
        return f"{path}?{query}" if query else path

    proxy.upstream_target = websocket.upstream_target = as_it_came


def _identities_as_they_come() -> None:
    proxy_headers._IDENTITY_FAMILIES = ()
    proxy_headers._NOT_FROM_CLIENTS -= {name.lower() for name in nginx_headers.IDENTITY_HEADERS}
    proxy.identity_names = lambda services: frozenset()


def _names_with_underscores() -> None:
    proxy_headers._NAME = re.compile(".+")


def _cookies_as_they_come() -> None:
    proxy_headers._cookie_header = lambda pairs, service: "; ".join(v for name, v in pairs if name.lower() == "cookie")


def _authorization_as_it_comes() -> None:
    proxy_headers._NOT_FROM_CLIENTS -= {"authorization"}


def _method_is_not_looked_at() -> None:
    asked = proxy_entry._ask_of
    proxy_entry._ask_of = lambda request, **kind: asked(request, **kind).__class__("GET", host_is_known=True)


def _websockets_are_not_looked_at() -> None:
    asked = proxy_entry._ask_of
    proxy_entry._ask_of = lambda request, **kind: asked(request, is_websocket=False)


def _cookies_of_a_ui_for_the_site() -> None:
    def all_cookies(header: str, service: Any, **rest: Any) -> Any:
        name, _, value = header.partition(";")[0].partition("=")
        yield Cookie(name, value, {"path": "/"})

    proxy_headers._set_cookie = all_cookies


def _words_of_a_ui_in_our_name() -> None:
    proxy_headers._PROXY_FAMILIES = ()
    proxy_headers._NOT_FROM_UPSTREAMS -= {name.lower() for name in nginx_headers.HIDDEN_RESPONSE_HEADERS}


#: By its name, what is taken away, and how the names of the requests begin that then get past.
WEAKER: dict[str, tuple[Callable[[], None], str]] = {
    "nobody is asked": (_nobody_is_asked, "path, nobody"),
    "paths as they come": (_paths_as_they_come, "path, from flower"),
    "identities as they come": (_identities_as_they_come, "identity"),
    "names with underscores": (_names_with_underscores, "identity"),
    "cookies as they come": (_cookies_as_they_come, "cookies"),
    "Authorization as it comes": (_authorization_as_it_comes, "identity"),
    "the method is not looked at": (_method_is_not_looked_at, "POST"),
    "websockets are not looked at": (_websockets_are_not_looked_at, "websocket of ann: another"),
    "cookies of a UI for the site": (_cookies_of_a_ui_for_the_site, "answer of a UI"),
    "words of a UI in our name": (_words_of_a_ui_in_our_name, "answer of a UI"),
}
