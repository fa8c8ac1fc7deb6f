"""What nginx does where a certificate is given: only then, and as Mozilla's "intermediate" recommendation says."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from h2.connection import H2Connection
from h2.events import Event, ResponseReceived

from tests.contract.nginxes import Edge, Names, application, readable_directory, start_nginx
from tests.integration.services import HOST
from tests.programs import require

pytestmark = pytest.mark.one_python

NAMES = "DNS:www.example.com,DNS:*.example.org,IP:127.0.0.1,IP:::1"


def make_certificate(directory: Path, *options: str) -> None:
    (directory / "tls").mkdir()
    subprocess.run(
        [require("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=localhost", *options, "-days", "1", "-keyout", directory / "tls/key.pem",
         "-out", directory / "tls/certificate.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    """An nginx with a certificate that it signed itself."""
    with readable_directory() as directory, application() as server:
        make_certificate(directory, "-addext", f"subjectAltName={NAMES}")
        with start_nginx(directory, Names(HOST), server.server_address[1]) as running:
            yield running


def trusting(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def ask(edge: Edge, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPSConnection(HOST, edge.tls_port, timeout=10, context=trusting())
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def handshake(edge: Edge, context: ssl.SSLContext) -> ssl.SSLSocket:
    connection = socket.create_connection((HOST, edge.tls_port), timeout=60)
    try:
        return context.wrap_socket(connection)
    except ssl.SSLError:
        connection.close()
        raise


def test_hsts__is_two_years(edge):
    response, _body = ask(edge, "/")
    assert response.headers.get_all("Strict-Transport-Security") == ["max-age=63072000"]


def test_application__is_told_of_tls(edge):
    _response, body = ask(edge, "/", X_Forwarded_Proto="http")
    assert b'"x-forwarded-proto": "https"' in body


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_version__of_today_is_spoken(edge, version):
    with handshake(edge, trusting(version)) as connection:
        assert connection.version() == version.name.replace("_", ".")


def test_version__older_is_refused(edge):
    context = trusting()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):  # noqa: PT030
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        handshake(edge, context)


def test_cipher__without_forward_secrecy_is_refused(edge):
    context = trusting(ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("AES128-GCM-SHA256:AES256-SHA")
    with pytest.raises(ssl.SSLError):
        handshake(edge, context)


def test_http2__is_offered(edge):
    context = trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with handshake(edge, context) as connection:
        assert connection.selected_alpn_protocol() == "h2"


def test_http2__a_get_has_no_body_worth_a_file(edge):
    """Its length need not be told, so that it would be counted as small."""
    context = trusting()
    context.set_alpn_protocols(["h2"])
    http2 = H2Connection()
    http2.initiate_connection()
    head = {":method": "GET", ":path": "/upload", ":scheme": "https", ":authority": "a"}
    http2.send_headers(1, list(head.items()))
    for _ in range(4):
        http2.send_data(1, b"x" * 10_000)
    with handshake(edge, context) as connection:
        connection.settimeout(10)
        connection.sendall(http2.data_to_send())
        events: list[Event] = []
        while not any(isinstance(event, ResponseReceived) for event in events):
            events += http2.receive_data(connection.recv(65536))
    [answer] = [event for event in events if isinstance(event, ResponseReceived)]
    assert dict(answer.headers)[b":status"] == b"413"


def test_plain_http__leads_to_tls(edge):
    answer = edge.ask("/page?key=value")
    assert answer.status == 308
    assert answer.headers["Location"] == f"https://{HOST}:{edge.tls_port}/page?key=value"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("WWW.example.com:80", "www.example.com"),
        ("shop.example.org", "shop.example.org"),
        ("evil.example", "www.example.com"),
        ("example.org", "www.example.com"),
        ("www.example.com.evil.example", "www.example.com"),
        ("[::1]", "www.example.com"),
    ],
)
def test_plain_http__leads_to_a_name_of_the_certificate(edge, host, name):
    answer = edge.ask("/page", Host=host)
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{name}:{edge.tls_port}/page")


def test_plain_http__without_a_name_in_the_certificate_leads_to_the_sites():
    with readable_directory() as directory:
        make_certificate(directory)
        names = "*,.example.com,example.com,[::1]"
        with start_nginx(directory, Names(HOST), 1, SITE_NAMES=names) as edge:
            hosts = ("example.com", "a.example.com", "evil.example")
            found = [edge.ask("/", Host=host).headers["Location"] for host in hosts]
            assert found == [
                f"https://{name}:{edge.tls_port}/" for name in ("example.com", "a.example.com", "example.com")
            ]


def test_plain_http__is_not_logged_with_its_query(edge):
    edge.ask("/plain?token=secret")
    edge.line("/plain")
    assert "secret" not in edge.log.read_text()


def test_livez__stays_on_plain_http(edge):
    assert edge.ask("/livez").status == 200


def test_line__has_version_and_cipher(edge):
    ask(edge, "/line/tls")
    line = edge.line("/line/tls")
    assert line["url"]["scheme"] == "https"
    assert line["tls"]["version"] == "1.3"
    assert line["tls"]["cipher"].startswith("TLS_")
