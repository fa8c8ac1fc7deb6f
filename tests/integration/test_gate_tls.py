"""nginx and UIs that speak https: only with the right certificate is anything sent to them."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.contract.nginxes import Names, readable_directory
from tests.integration.gate_upstreams import Upstream
from tests.integration.gates import Gate, site
from tests.integration.services import HOST
from tests.programs import require

pytestmark = pytest.mark.one_python

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Tls(NamedTuple):
    """A site before UIs that speak https, all signed by one authority."""

    gate: Gate
    ca: Path
    names: Names
    uis: dict[str, Upstream]


def sign(directory: Path, name: str, host: str) -> ssl.SSLContext:
    """Make a certificate for this host, signed by the authority in `directory`."""
    key, request, certificate = (directory / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
    extension = directory / f"{name}.ext"
    extension.write_text(f"subjectAltName=DNS:{host}\n")
    _openssl("req", *KEY, "-subj", f"/CN={host}", "-keyout", key, "-out", request)
    authority = ("-CA", directory / "ca.pem", "-CAkey", directory / "ca.key", "-CAcreateserial")
    _openssl("x509", "-req", "-in", request, *authority, "-days", "1", "-extfile", extension, "-out", certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _openssl(*arguments: object) -> None:
    subprocess.run([require("openssl"), *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def tls() -> Iterator[Tls]:
    with readable_directory() as directory:
        files = ("-keyout", directory / "ca.key", "-out", directory / "ca.pem")
        _openssl("req", "-x509", *KEY, "-subj", "/CN=ours", "-days", "1", *files)
        hosts = {"right": "right.test", "wrong": "another.test"}
        uis = {name: Upstream(sign(directory, name, host)) for name, host in hosts.items()}
        for ui in uis.values():
            threading.Thread(target=ui.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        names = Names(HOST)
        services = {name: {"upstream": f"https://{name}.test:{ui.port}"} for name, ui in uis.items()}
        with site({**services, "closed": {}}) as gate:
            yield Tls(gate, directory / "ca.pem", names, uis)
        for ui in uis.values():
            ui.shutdown()
            ui.server_close()
        names.socket.close()


def ask(tls: Tls, name: str, ca: Path | None) -> int:
    """Ask a UI through an nginx with this authority, and return the status."""
    resolver = {"access_log off;": f"resolver {HOST}:{tls.names.port} ipv6=off;"}
    options = ("--ca", str(ca)) if ca is not None else ()
    with tls.gate.nginx(resolver, options) as gate:
        return gate.ask(f"/ops/{name}/", by="ann").status


def test_certificate__is_good(tls):
    assert ask(tls, "right", tls.ca) == 200
    assert tls.uis["right"].take() != b""


def test_certificate__is_for_another_host(tls):
    assert ask(tls, "wrong", tls.ca) == 502
    assert tls.uis["wrong"].take() == b""


def test_certificate__is_signed_by_nobody_whom_the_machine_knows(tls):
    assert ask(tls, "right", None) == 502
    assert tls.uis["right"].take() == b""
