"""Makes requests that are wrong in a few places, each from its seed alone."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote_from_bytes

from tests.attack import hostile
from tests.attack.wire import BOUNDARY, Pairs, Request

#: As cookie and in the form: Django compares the two, and nothing else over plain HTTP.
CSRF_TOKEN = b"a" * 32
FORM = b"application/x-www-form-urlencoded"
_FIELD = re.compile(rb'<(?:input|select|textarea)[^>]* name="([^"]{1,80})"')
_LINK = re.compile(rb'href="(/[^"?#]*)(?:\?([^"#]*))?')


@dataclass
class Page:
    """A page: its route, and what was learned of it by asking for it once."""

    route: str
    paths: list[bytes] = field(default_factory=list)
    fields: list[bytes] = field(default_factory=list)

    def learn(self, body: bytes) -> None:
        """Take the names of its forms' fields."""
        self.fields = list(dict.fromkeys(_FIELD.findall(body)))


def links(body: bytes) -> set[bytes]:
    """Return the paths to which a page has links."""
    return {path for path, _ in _LINK.findall(body)}


def matching(route: str, paths: set[bytes]) -> list[bytes]:
    """Return those of `paths` that are of a route, a few at most."""
    pattern = re.compile("/" + re.sub(r"<[^>]+>", "[^/]+", re.sub(r"([.+])", r"\\\1", route)))
    return sorted(path for path in paths if pattern.fullmatch(path.decode("latin-1")))[:3]


class Mutator:
    """Makes the request of a seed, for one of the pages, with or without a session."""

    def __init__(self, pages: Sequence[Page], session: bytes | None) -> None:
        self.pages = pages
        self.session = session

    def request(self, seed: str) -> Request:
        """Return the request that `seed` stands for, always the same one for the same pages."""
        rng = random.Random(seed)
        page = rng.choice(self.pages)
        request = Request(page.route, path=self._path(rng, page))
        # a logout would make strangers of all that come after it
        if self.session is not None and "logout" not in page.route and rng.random() < 0.8:
            request = replace(request, cookies=((b"sessionid", self.session),))
        if rng.random() < 0.4:
            request = self._with_form(rng, request, page)
        elif rng.random() < 0.1:
            request = replace(request, method=rng.choice(hostile.METHODS))
        kinds = rng.choices([_query, _header, _cookie, _charset, _body], [8, 4, 3, 1, 1], k=rng.choice([1, 1, 2, 3]))
        for mutate in kinds:
            request = mutate(rng, request)
        return request

    def _path(self, rng: random.Random, page: Page) -> bytes:
        if page.paths and rng.random() < 0.7:
            return rng.choice(page.paths)
        # no number there: it would be somebody's
        spares = "auth/user" in page.route or page.route.endswith("delete/")
        values = [
            value for value in hostile.VALUES if not spares or not re.search(r"\d", value.decode(errors="ignore"))
        ]
        first, *parts = re.split(r"<[^>]+>", page.route)
        path = "/" + first
        for part in parts:
            value = rng.choice(values)[:300]
            path += quote_from_bytes(value, "/" if rng.random() < 0.8 else "/.:\\") + part
        if rng.random() < 0.05:
            path += rng.choice(["%00", "%ff", "?", ";a=b", "//", ".", "%2e%2e/"])
        return path.encode()

    def _with_form(self, rng: random.Random, request: Request, page: Page) -> Request:
        names = [name for name in page.fields if rng.random() < 0.8] or rng.sample(hostile.KEYS, 3)
        fields = [(name, _value(rng)) for name in names if name != b"csrfmiddlewaretoken"]
        content_type = FORM if rng.random() < 0.7 else b"multipart/form-data; boundary=" + BOUNDARY
        return replace(
            request,
            method=b"POST",
            content_type=content_type,
            cookies=(*request.cookies, (b"csrftoken", CSRF_TOKEN)),
            form=((b"csrfmiddlewaretoken", CSRF_TOKEN), *fields),
        )


Mutation = Callable[[random.Random, Request], Request]


def _value(rng: random.Random) -> bytes:
    kind = rng.random()
    if kind < 0.85:
        return rng.choice(hostile.VALUES)
    if kind < 0.95:
        return rng.choice(hostile.VALUES)[:50] + rng.choice(hostile.VALUES)[:50]
    return rng.randbytes(rng.randrange(1, 30))


def _query(rng: random.Random, request: Request) -> Request:
    pairs = tuple((rng.choice(hostile.KEYS), _value(rng)) for _ in range(rng.choice([1, 1, 1, 2, 4])))
    return replace(request, query=(*request.query, *pairs))


def _raw(value: bytes) -> bytes:
    """Leave out what would end a line, which is another attack, and one on the server."""
    return re.sub(rb"[\r\n]", b" ", value)


def _header(rng: random.Random, request: Request) -> Request:
    name = rng.choice(list(hostile.HEADERS))
    own: Mapping[bytes, list[bytes]] = hostile.HEADERS
    value = rng.choice(own[name]) if rng.random() < 0.7 else _raw(_value(rng))
    return replace(request, headers=(*request.headers, (name, value)))


def _cookie(rng: random.Random, request: Request) -> Request:
    value = _raw(_value(rng))
    value = rng.choice(
        [value, b'"' + value + b'"', b'"a\\%03o"' % rng.randrange(256), quote_from_bytes(value).encode()]
    )
    return replace(request, cookies=(*request.cookies, (rng.choice(hostile.COOKIES), value)))


def _charset(rng: random.Random, request: Request) -> Request:
    form: Pairs = request.form or ((rng.choice(hostile.KEYS), _value(rng)),)
    kind = request.content_type or rng.choice([FORM, b"application/json", b"text/plain"])
    content_type = kind + b"; charset=" + rng.choice(hostile.CHARSETS)
    return replace(request, method=b"POST", content_type=content_type, form=form)


def _body(rng: random.Random, request: Request) -> Request:
    content_type = request.content_type if rng.random() < 0.5 else rng.choice(hostile.CONTENT_TYPES)
    return replace(request, method=b"POST", content_type=content_type, body=rng.choice(hostile.BODIES))
