"""The stack over TLS, with compose.tls.yml, by the commands of docs/how-to/compose.md."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from tests.e2e.claims import claim_port
from tests.e2e.commands import ROOT, run, wait_for
from tests.e2e.stack import Stack
from tests.whole_lines import whole_lines

PAGE = (ROOT / "docs/how-to/compose.md").read_text(encoding="utf-8")
#: https://wiki.mozilla.org/Security/Server_Side_TLS, intermediate; of TLS 1.2, for a certificate with an EC key.
CIPHERS = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"}
TWO_YEARS_SECONDS = 63_072_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with fullchain.pem and privkey.pem, of localhost."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return folder


def give(stack: Stack, certificate: Path) -> None:
    """Run the page's commands that give the certificate and its key."""
    commands = re.findall(r"\$ docker compose (run --rm -T secrets set tls-\S+) < (\S+)", PAGE)
    assert len(commands) == 2
    for command, file in commands:
        text = (certificate / file).read_text(encoding="utf-8")
        given = ("docker", "compose", *stack.files, "-p", stack.project, *command.split())
        run(*given, text=text, environment=stack.environment, timeout=60)


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., Stack], certificate: Path) -> Iterator[Stack]:
    """The core over TLS; nginx is first asked to start without a certificate."""
    command = re.search(r"\$ docker compose -f (\S+) -f (\S+) up --wait", PAGE)
    assert command
    files = [ROOT / command[1], ROOT / command[2]]
    stack = make_stack("-tls", profiles="", files=files)
    stack.environment |= {"HTTPS_PORT": str(claim_port()), "HTTP_ADDRESS": "127.0.0.1"}
    with stack.of_its_own("tls"):
        ended = stack.compose("up", "-d", "--wait", timeout=240, check=False)
        assert ended.returncode != 0
        said = (
            r"^nginx does not start: there is no /run/secrets/tls/certificate\.pem: docker compose run .* set tls-cert"
        )
        logs = run("docker", "logs", stack.id("nginx"))
        assert re.search(said, logs.stderr, re.M), logs
        give(stack, certificate)
        stack.compose("restart", "nginx", timeout=90)  # the engine waits ever longer between its attempts
        stack.up()
        yield stack


def trusting(certificate: Path, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """Return a client that believes this certificate only."""
    context = ssl.create_default_context(cafile=str(certificate / "fullchain.pem"))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def ask(stack: Stack, certificate: Path, path: str) -> tuple[http.client.HTTPResponse, str]:
    """Ask as a browser would, the certificate and its name verified."""
    port = int(stack.environment["HTTPS_PORT"])
    connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=trusting(certificate))
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response, response.read().decode()
    finally:
        connection.close()


def handshake(stack: Stack, context: ssl.SSLContext) -> tuple[str, str]:
    """Return version and cipher. Raises ssl.SSLError."""
    address = ("127.0.0.1", int(stack.environment["HTTPS_PORT"]))
    with (
        socket.create_connection(address, timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        cipher = secured.cipher()
        return secured.version() or "", cipher[0] if cipher else ""


def test_page__is_served_with_secure_headers(stack: Stack, certificate: Path) -> None:
    response, body = ask(stack, certificate, "/admin/login/")
    assert (response.status, "Django administration" in body or "Log in" in body) == (200, True)
    seconds = re.match(r"max-age=(\d+)", response.getheader("Strict-Transport-Security") or "")
    assert seconds
    assert int(seconds[1]) >= TWO_YEARS_SECONDS
    assert response.getheader("X-Content-Type-Options") == "nosniff"
    assert response.getheader("Server") == "nginx"


def test_cookie__is_secure(stack: Stack, certificate: Path) -> None:
    response, _ = ask(stack, certificate, "/admin/login/")
    cookie = SimpleCookie(response.getheader("Set-Cookie"))["csrftoken"]
    assert cookie["secure"] is True


def test_static_file__has_hsts(stack: Stack, certificate: Path) -> None:
    _, body = ask(stack, certificate, "/admin/login/")
    path = re.search(r'href="(/static/[^"]+\.css)"', body)
    assert path
    response, _ = ask(stack, certificate, path[1])
    assert (response.status, response.getheader("Strict-Transport-Security")) == (200, f"max-age={TWO_YEARS_SECONDS}")


def test_plain_http__leads_to_https(stack: Stack) -> None:
    connection = http.client.HTTPConnection("localhost", stack.port, timeout=30)
    connection.request("GET", "/servers.json?page=2")
    response = connection.getresponse()
    connection.close()
    port = stack.environment["HTTPS_PORT"]
    assert (response.status, response.getheader("Location")) == (308, f"https://localhost:{port}/servers.json?page=2")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_version__of_today_is_spoken(stack: Stack, certificate: Path, version: ssl.TLSVersion) -> None:
    assert handshake(stack, trusting(certificate, version))[0] == version.name.replace("_", ".")


def test_version__older_is_refused(stack: Stack, certificate: Path) -> None:
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context = trusting(certificate, ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        handshake(stack, context)


def test_ciphers__are_those_of_mozilla(stack: Stack, certificate: Path) -> None:
    spoken = set()
    for offered in (cipher["name"] for cipher in trusting(certificate).get_ciphers()):
        context = trusting(certificate, ssl.TLSVersion.TLSv1_2)
        try:
            context.set_ciphers(f"{offered}:@SECLEVEL=0")
            spoken.add(handshake(stack, context)[1])
        except ssl.SSLError:
            continue
    assert spoken == CIPHERS


def test_line__tells_of_tls(stack: Stack, certificate: Path) -> None:
    response, _ = ask(stack, certificate, "/servers.json")
    identity = response.getheader("X-Request-ID")

    def line() -> dict | None:
        lines = whole_lines(stack.exec("nginx", "cat", "/var/log/nginx/access.jsonl"))
        return next((json.loads(text) for text in lines if identity and identity in text), None)

    found = wait_for("nginx's line", line, 10)
    assert found["tls"]["version"] == "1.3"
    assert found["url"]["scheme"] == "https"


def test_certificate__that_was_renewed_is_read_by_a_restart(stack: Stack, certificate: Path) -> None:
    give(stack, certificate)
    stack.compose("restart", "nginx", timeout=90)
    stack.wait_healthy()
    assert ask(stack, certificate, "/servers.json")[0].status == 200
