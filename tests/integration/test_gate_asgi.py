"""The same questions of nginx, answered by an ASGI server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.gates import NAME, Gate, site, uvicorn


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    services = {"flower": {"user_header": "Remote-User"}, "closed": {}}
    with (
        site(services, server=lambda port: uvicorn(port, "--no-proxy-headers")) as made,
        made.nginx() as running_gate,
    ):
        yield running_gate


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        ("root", "/ops/closed/", 200),
        ("ann", "/ops/flower/", 200),
        ("ann", "/ops/closed/", 403),
        ("", "/ops/flower/", 401),
    ],
)
def test_accept_1__who_may_open_it(gate, who, path, status):
    """ACCEPT 1, under ASGI."""
    assert gate.ask(path, by=who).status == status


@pytest.mark.parametrize(("origin", "status"), [(f"http://{NAME}", 200), ("https://evil.example", 403)])
def test_change__by_its_origin(gate, origin, status):
    assert gate.ask("/ops/flower/", "POST", b"a=b", by="ann", Origin=origin).status == status


def test_identity__is_told(gate):
    assert gate.ask("/ops/flower/", by="ann").json()["headers"]["remote-user"] == "ann"


def test_sign_in__of_a_browser(gate):
    answer = gate.ask("/ops/flower/x", Accept="text/html")
    assert (answer.status, answer.headers["Location"]) == (302, "/sign-in/?next=/ops/flower/x")


def test_server__that_takes_the_client_for_its_peer_is_told_of():
    """What uvicorn does by default: everybody is refused, and the log says why."""
    with (
        site({"flower": {}}, server=uvicorn) as made,
        made.nginx({r"X-Forwarded-For .*;": "X-Forwarded-For 203.0.113.9;"}) as gate,
    ):
        assert gate.ask("/ops/flower/", by="ann").status == 403
        assert "The gate to flower is shut: untrusted-peer." in gate.log.read_text()
