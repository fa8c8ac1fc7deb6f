"""The site that the tests of nginx share: UIs of every kind, one that is down, one that never answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.integration.gates import Gate, site
from tests.integration.services import HOST, held_port

#: As long as a name may be.
LONG = "a-name-as-long-as-any-name-may-b"

SERVICES = {
    "flower": {"max_body_bytes": 100_000},
    "grafana": {
        "user_header": "X-WEBAUTH-USER",
        "email_header": "X-WEBAUTH-EMAIL",
        "role_header": "X-WEBAUTH-ROLE",
        "roles": [["ops_gate.admin_grafana", "Admin"]],
        "default_role": "Viewer",
        "cookies": ["grafana_session", "grafana_session_expiry", "a.b"],
    },
    "strip": {"keep_prefix": False},
    "closed": {},
    "kept": {"user_header": "X-Forwarded-User", "reserved_names": ["ANN"]},
    LONG: {"cookies": ["a", "b"]},
}


@pytest.fixture(scope="module")
def gate_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """The site and its UIs, without an nginx yet."""
    credentials = tmp_path_factory.mktemp("secrets") / "locked"
    credentials.write_text("admin:word\n")
    with socket.create_server((HOST, 0)) as silent:
        services = {
            **SERVICES,
            "down": {"upstream": f"http://{HOST}:{held_port()}"},
            "silent": {"upstream": f"http://{HOST}:{silent.getsockname()[1]}", "timeout_seconds": 1},
            "locked": {"credentials_file": str(credentials)},
        }
        with site(services, TEST_CACHE_SECONDS="0.3") as made:
            yield made


@pytest.fixture(scope="module")
def running_gate(gate_site: Gate) -> Iterator[Gate]:
    """All of it."""
    with gate_site.nginx() as made:
        yield made


@pytest.fixture
def gate(running_gate: Gate) -> Gate:
    """All of it, with UIs that have forgotten what the test before has sent."""
    running_gate.taken()
    return running_gate
