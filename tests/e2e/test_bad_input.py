"""What is wrong ends in one clear message and a status that is not 0, and damages nothing."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import ROOT, docker, run, wait_for
from tests.e2e.stack import Stack, state_of
from tests.e2e.visitor import Visitor

#: `up` with something wrong must not wait for long until it says so.
REFUSED_SECONDS = 120


PAGE = (ROOT / "docs/how-to/compose.md").read_text(encoding="utf-8")


class Site:
    """A core with somebody who signed in before anything went wrong: the session is a row, its cookie is signed."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.visitor = Visitor(stack.port)
        self.image = stack.config["services"]["web"]["image"]
        self.visitor.sign_in(stack.exec("web", "cat", "/run/secrets/django/admin-password").strip())

    def in_volume(self, volume: str, script: str) -> str:
        """Run a shell script in a volume, as root."""
        mount = f"{self.stack.project}_{volume}:/volume"
        options = ("--rm", "--network=none", "--user=0:0", "--workdir=/volume", "-v", mount, "--entrypoint=sh")
        return docker("run", *options, self.image, "-c", script)

    def refused(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `up --wait`, which must fail, and return what it said."""
        before = dict(self.stack.environment)
        self.stack.environment.update(environment)
        try:
            ended = self.stack.compose("up", "-d", "--wait", *arguments, timeout=REFUSED_SECONDS, check=False)
        finally:
            self.stack.environment.clear()
            self.stack.environment.update(before)
        assert ended.returncode != 0, ended.stderr
        return ended

    def said(self, service: str, pattern: str) -> str:
        """Return the one line by which a service's container says what is wrong. Raises AssertionError."""
        container = self.stack.container(service)

        def log() -> str:
            ended = run("docker", "logs", "--since", container["State"]["StartedAt"], container["Id"])
            return ended.stdout + ended.stderr

        def found() -> list[str]:
            return [line for line in log().splitlines() if re.search(pattern, line)]

        # it may be started again at this moment
        line = wait_for(f"{service} to say {pattern!r}", found, 20)[0]
        assert "Traceback" not in log()
        return line

    def works_again(self) -> None:
        """Start everything as it should be; what was there before must be there."""
        self.stack.up()
        assert self.visitor.request("/admin/").status == 200, "the session is gone"


@pytest.fixture(scope="module")
def site(make_stack: Callable[..., Stack]) -> Iterator[Site]:
    """A stack of its own: these tests break it."""
    stack = make_stack("-bad", profiles="")
    with stack.of_its_own("bad"):
        stack.up()
        yield Site(stack)


# secrets -------------------------------------------------------------------------------------------------------------

BROKEN = {"empty": ": > secret-key", "binary": "head -c 64 /dev/urandom > secret-key", "cut": "printf abc > secret-key"}


@pytest.fixture
def kept(site: Site) -> Iterator[None]:
    """The application's secrets, put back at the end."""
    site.in_volume("secrets-django", "mkdir .kept && cp -p * .kept")
    yield
    site.in_volume("secrets-django", "cp -fp .kept/* . && rm -r .kept")
    site.works_again()


def test_broken_secret__is_named_and_nothing_is_changed(site: Site, kept: None) -> None:
    for how, script in BROKEN.items():
        site.in_volume("secrets-django", f"chmod u+w secret-key; {script}; rm -f metrics-token")
        before = site.in_volume("secrets-django", "sha256sum *")
        ended = site.stack.compose("run", "--rm", "-T", "secrets", check=False)
        assert ended.returncode == 1, how
        [said] = [line for line in ended.stderr.splitlines() if line.startswith("secrets: ")]
        expected = r"Broken: /secrets/django/secret-key \(.*\)\. Nothing was changed\. Restore the file"
        assert re.search(expected, said), how
        assert "Traceback" not in ended.stderr
        assert site.in_volume("secrets-django", "sha256sum *") == before, how


def test_broken_secret__stops_up(site: Site, kept: None) -> None:
    site.in_volume("secrets-django", "chmod u+w secret-key; : > secret-key")
    assert "secrets" in site.refused().stderr
    site.said("secrets", "^secrets: Broken: ")
    assert site.visitor.request("/admin/").status == 200, "what runs goes on"


def test_secret__that_is_wrong_stops_the_application_in_one_line(site: Site, kept: None) -> None:
    """Whoever starts a container by hand gets past `secrets`."""
    site.in_volume("secrets-django", "chmod u+w secret-key; : > secret-key; rm redis-url")
    docker("restart", site.stack.id("web"), timeout=90)
    wait_for("web to refuse", lambda: site.stack.container("web")["RestartCount"] > 0, 30)
    said = site.said("web", "^web does not start: ")
    assert "DJANGO_SECRET_KEY_FILE names /run/secrets/django/secret-key, which is empty" in said
    assert state_of(site.stack.container("web")) != "healthy"
    another = ("run", "--rm", "-T", "--no-deps", "-e", "DJANGO_SECRET_KEY=x", "web")
    ended = site.stack.compose(*another, check=False)
    assert ended.returncode == 78
    assert "CELERY_BROKER_URL_FILE names /run/secrets/django/redis-url, which cannot be read" in ended.stderr


def test_missing_secret__is_taken_from_its_copy(site: Site, kept: None) -> None:
    before = site.in_volume("secrets-django", "sha256sum pgpass; rm pgpass")
    site.stack.up()
    assert site.in_volume("secrets-django", "sha256sum pgpass") == before
    assert "django/pgpass written" in site.said("secrets", "written")


def test_secret__of_another_mode_or_owner_is_given_back(site: Site) -> None:
    site.in_volume("secrets-django", "chmod 0644 pgpass; chown 0:0 secret-key; chmod 0755 .")
    site.stack.compose("run", "--rm", "-T", "secrets")
    listed = site.in_volume("secrets-django", "stat -c '%n %a %u:%g' . pgpass secret-key")
    assert listed.splitlines() == [". 700 10001:10001", "pgpass 400 10001:10001", "secret-key 400 10001:10001"]


def test_wrong_database_password__is_told_by_migrate(site: Site, kept: None) -> None:
    wrong = "postgres:5432:*:app:this-is-not-the-password"
    site.in_volume("secrets-django", f"chmod u+w pgpass; echo {wrong} > pgpass")
    site.refused()
    said = site.said("migrate", '^migrate: .*password authentication failed for user "app"')
    assert "this-is-not-the-password" not in said
    assert site.stack.container("migrate")["State"]["ExitCode"] == 1


# settings, ports, certificates ---------------------------------------------------------------------------------------


@pytest.fixture
def override(site: Site, tmp_path: Path) -> Iterator[Path]:
    """A file that is read after compose.yml."""
    path = tmp_path / "override.yml"
    site.stack.files = ["-f", str(ROOT / "compose.yml"), "-f", str(path)]
    yield path
    site.stack.files = []


def test_wrong_settings_module__is_told_in_one_line(site: Site, override: Path) -> None:
    override.write_text(
        "services: {migrate: {environment: {DJANGO_SETTINGS_MODULE: shop.nowhere}}}\n", encoding="utf-8"
    )
    ended = site.refused()
    assert "migrate" in ended.stderr
    said = site.said("migrate", "^migrate does not start: ")
    assert "the settings shop.nowhere cannot be used: ModuleNotFoundError: No module named 'shop'" in said
    assert site.stack.container("migrate")["State"]["ExitCode"] == 78
    site.stack.files = []
    site.works_again()


def test_wrong_value__is_told_by_the_first_step_of_an_upgrade_and_the_site_goes_on(site: Site) -> None:
    """`up` would have stopped the site before it migrates: the page on Compose says what to run first."""
    assert "`docker compose run --rm migrate`" in PAGE
    wrong = ("-e", "DJANGO_HTTPS=perhaps")
    ended = site.stack.compose("run", "--rm", "-T", *wrong, "migrate", check=False)
    assert ended.returncode == 78
    assert "migrate does not start: " in ended.stderr
    assert "DJANGO_HTTPS must be 1 or 0, not 'perhaps'" in ended.stderr
    assert site.visitor.request("/admin/").status == 200


def test_wrong_value__leaves_visitors_with_the_maintenance_page(site: Site) -> None:
    site.refused(DJANGO_HTTPS="perhaps")
    assert "DJANGO_HTTPS must be 1 or 0, not 'perhaps'" in site.said("migrate", "^migrate does not start: ")
    answer = site.visitor.request("/admin/")
    assert (answer.status, answer.headers.get("retry-after")) == (503, "10")
    site.works_again()


def test_port__that_is_taken_is_told_by_up(site: Site) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        ended = site.refused(HTTP_PORT=str(port))
    assert re.search(rf"127\.0\.0\.1:{port}.*(address already in use|port is already allocated)", ended.stderr)
    site.works_again()


def certificate(folder: Path, name: str) -> str:
    """Make a certificate for localhost; return its and its key's lines as a shell script that writes them."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    files = {"certificate.pem": f"{name}.crt", "key.pem": f"{name}.key"}
    written = [f"cat > {to} <<'END'\n{(folder / of).read_text()}END" for to, of in files.items()]
    return "\n".join([*written, "chown 101:101 *.pem", "chmod 0400 *.pem"])


TLS = {
    "without its key": ("rm key.pem", r"^nginx does not start: /run/secrets/tls/key\.pem is missing"),
    "broken": (
        "chmod u+w certificate.pem; echo nothing > certificate.pem",
        r"cannot load certificate .*certificate\.pem",
    ),
    "another's key": ("OTHER; mv mine.pem certificate.pem", r"key values mismatch|SSL_CTX_use_PrivateKey"),
}


def test_certificate__that_cannot_be_used_is_told_by_nginx(site: Site, tmp_path: Path) -> None:
    mine, another = certificate(tmp_path, "mine"), certificate(tmp_path, "other")
    try:
        for how, (script, pattern) in TLS.items():
            site.in_volume("secrets-tls", f"rm -f *.pem\n{mine}\ncp -p certificate.pem mine.pem")
            site.in_volume("secrets-tls", script.replace("OTHER", another))
            site.stack.compose("rm", "-sf", "nginx", timeout=90)
            site.refused("--no-deps", "nginx")
            assert len(site.said("nginx", pattern)) < 400, how
    finally:
        site.in_volume("secrets-tls", "rm -f *.pem")
        site.stack.compose("rm", "-sf", "nginx", timeout=90)
    site.works_again()
