"""Sends requests that no honest client sends to every page of a running stack; none may be answered 5xx.

`python -m tests.attack.fuzz --url http://127.0.0.1:8080 --requests 20000 --seed 1 --password-file FILE`

It speaks to this machine only. Who is given a password signs in as an administrator, adds rows and changes some: run it
against a stack to try things on. A seed and a number make the same request again, as long as the pages are the same.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.attack.mutations import CSRF_TOKEN, FORM, Mutator, Page, links, matching
from tests.attack.pages import routes
from tests.attack.wire import Address, Request, address_of, send

THREADS = 4
#: The server's own refusals of a method or version.
REFUSALS = {501, 505}
#: Failures that are taken apart; the others are counted.
MOST_MINIMISED = 20


class SignInError(Exception):
    """Nobody could sign in."""


@dataclass
class Failure:
    """A request that was answered 5xx, or not at all."""

    seed: str
    status: int
    request: Request


@dataclass
class Outcome:
    """What became of all requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    pages: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)


def is_failure(status: int, request: Request) -> bool:
    """Tell whether an answer is none that a client may get. Only what has no true length may be left without one."""
    lies = {name.lower() for name, _ in request.headers} & {b"content-length", b"transfer-encoding", b"expect"}
    return (status == 0 and not lies) or (status >= 500 and status not in REFUSALS)


def sign_in(address: Address, username: str, password: str) -> bytes:
    """Return the key of a new session. Raises SignInError."""
    form = ((b"csrfmiddlewaretoken", CSRF_TOKEN), (b"username", username.encode()), (b"password", password.encode()))
    cookies = ((b"csrftoken", CSRF_TOKEN),)
    answer = send(address, Request("", b"POST", b"/account/login/", (), (), cookies, FORM, form))
    for line in answer.head.split(b"\r\n"):
        if line.lower().startswith(b"set-cookie: sessionid="):
            return line.partition(b"=")[2].partition(b";")[0]
    raise SignInError(f"{username} cannot sign in at {address.host}:{address.port}: the answer is {answer.status}")


def kept(address: Address, session: bytes | None, username: str, password: str) -> bytes:
    """Return the session if it still is one, or a new one. Raises SignInError."""
    if session is not None:
        page = Request("", path=b"/account/password/", cookies=((b"sessionid", session),))
        if send(address, page).status == 200:
            return session
    return sign_in(address, username, password)


def explored(address: Address, session: bytes | None, username: str) -> list[Page]:
    """Ask for each page, and return what there is: real paths of each route, and the fields of its forms.

    Left out are the pages of our own account, as one lucky form would lock us out, and those that delete what is there.
    """
    pages = [Page(route) for route in routes()]
    cookies = ((b"sessionid", session),) if session else ()
    own = b'name="username" value="%s"' % username.encode()
    found: set[bytes] = set()
    ours: set[bytes] = set()
    for _ in range(3):  # a list, a row of it, and what that links to
        for page in pages:
            theirs = {path for path in found if not path.startswith(tuple(ours))}
            page.paths = matching(page.route, theirs) if "<" in page.route else [b"/" + page.route.encode()]
            for path in page.paths if "/user/" in page.route else page.paths[:1]:
                if "logout" not in page.route:
                    body = send(address, Request(page.route, path=path, cookies=cookies)).body
                    found |= links(body)
                    page.learn(body)
                    if own in body:
                        ours.add(path.removesuffix(b"change/"))
    spared = (*ours, *(path for path in found if path.endswith(b"/delete/")))
    for page in pages:
        page.paths = [path for path in page.paths if not path.startswith(spared)]
    return pages


def attack(
    address: Address, numbers: range, seed: int, pages: Sequence[Page], keep: Callable[[bytes | None], bytes | None]
) -> Outcome:
    """Send the requests with these numbers. `keep` renews the session, which one of them may have ended."""
    outcome = Outcome()
    mutator = Mutator(pages, None)

    def one(number: int) -> tuple[str, Request, int]:
        name = f"{seed}:{number}"
        request = mutator.request(name)
        return name, request, send(address, request).status

    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(numbers), 250):
            mutator.session = keep(mutator.session)
            for name, request, status in pool.map(one, numbers[start : start + 250]):
                outcome.statuses[status] += 1
                outcome.pages[request.page, status] += 1
                if is_failure(status, request):
                    outcome.failures.append(Failure(name, status, request))
    return outcome


def minimal(address: Address, failure: Failure) -> Request:
    """Return the request with everything left out that it fails without."""

    def fails(request: Request) -> bool:
        return is_failure(send(address, request).status, request)

    request = failure.request
    for name in ("query", "headers", "cookies", "form"):
        for pair in getattr(request, name):
            parts: tuple[Any, ...] = getattr(request, name)
            without = replace(request, **{name: tuple(each for each in parts if each is not pair)})
            if fails(without):
                request = without
    return request


def report(address: Address, outcome: Outcome) -> list[str]:
    """Return the counts, and each failure with its seed; the first ones as small as they get."""
    lines = ["status  requests", *(f"{status:6}  {n}" for status, n in sorted(outcome.statuses.items())), ""]
    by_page: dict[str, list[str]] = {}
    for (page, status), n in sorted(outcome.pages.items()):
        by_page.setdefault(page, []).append(f"{status}: {n}")
    lines += [f"/{page}  {', '.join(counts)}" for page, counts in by_page.items()]
    for position, failure in enumerate(outcome.failures):
        lines.append(f"\n{failure.status} for the seed {failure.seed} at /{failure.request.page}")
        if position < MOST_MINIMISED:
            lines.append(repr(minimal(address, failure).encoded(address.host)[:1500]))
    failures = Counter(failure.status for failure in outcome.failures)
    lines.append(f"\n{outcome.statuses.total()} requests, {failures.total()} failures {dict(failures)}")
    return lines


def main() -> int:
    """Attack, print what came of it, and return 1 where there is a failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", type=address_of, required=True, help="http:// to a loopback address")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--username", default="admin")
    parser.add_argument("--password-file", type=Path, help="of that user; without it, only as a stranger")
    options = parser.parse_args()
    address: Address = options.url

    def keep(session: bytes | None) -> bytes | None:
        if options.password_file is None:
            return None
        return kept(address, session, options.username, options.password_file.read_text(encoding="utf-8").strip())

    pages = explored(address, keep(None), options.username)
    outcome = attack(address, range(options.requests), options.seed, pages, keep)
    print("\n".join(report(address, outcome)))
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
