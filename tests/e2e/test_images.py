"""The images behave as compose.yml expects of upstream's, whether they are upstream's or stand-ins."""

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.containers import compose
from tests.e2e.commands import wait_for
from tests.images.builder import kind_of, version_run
from tests.images.catalog import Image, content_hash, read_catalog
from tests.images.engine import PREFIX, labels
from tests.images.machine import machine_files

pytestmark = pytest.mark.usefixtures("images")

CATALOG = read_catalog()
SERVICES = compose.read()["services"]
PROGRAMS = [image for image in CATALOG.values() if image.component == "stand-in"]
HARDENED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true", "--tmpfs", "/tmp"]

# user, ports, entry point, volumes, as upstream's images have them; what compose.yml or its tests rely on
UPSTREAM = {
    "python": ("", [], None, []),
    "nginx": ("101", ["8080"], ["/docker-entrypoint.sh"], []),
    "postgres": ("", ["5432"], ["docker-entrypoint.sh"], ["/var/lib/postgresql/data"]),
    "redis": ("", ["6379"], ["docker-entrypoint.sh"], ["/data"]),
    "memcached": ("memcache", ["11211"], ["docker-entrypoint.sh"], []),
    "prometheus": ("nobody", ["9090"], ["/bin/prometheus"], ["/prometheus"]),
    "alertmanager": ("nobody", ["9093"], ["/bin/alertmanager"], ["/alertmanager"]),
    "postgres-exporter": ("nobody", ["9187"], ["/bin/postgres_exporter"], []),
    "redis-exporter": ("59000:59000", ["9121"], ["/redis_exporter"], []),
    "nginx-exporter": ("1001:1001", [], ["/usr/bin/nginx-prometheus-exporter"], []),
    "node-exporter": ("nobody", ["9100"], ["/bin/node_exporter"], []),
    "celery-exporter": ("exporter", ["9808"], ["python", "/app/cli.py"], []),
}
USERS = {
    "nginx": ("nginx", "101:101"),
    "postgres": ("postgres", "999:999"),
    "redis": ("redis", "999:1000"),
    "memcached": ("memcache", "11211:11211"),
}

Start = Callable[..., str]


def docker(*arguments: str, check: bool = True, stdin: str | None = None) -> str:
    """Run docker and return what it printed, its complaints included."""
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout + done.stderr


def eventually(what: str, holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something holds, and say what it was if it never does."""
    wait_for(what, holds, seconds, 0.1)


@pytest.fixture
def start() -> Iterator[Start]:
    """A function that starts an image with what compose.yml gives each service, and returns the container's id."""
    started: list[str] = []

    def start(name: str, *options: str, command: tuple[str, ...] = ()) -> str:
        container = docker("run", "--detach", *HARDENED, *options, CATALOG[name].tag, *command).strip()
        started.append(container)
        return container

    yield start
    if started:
        docker("rm", "--force", "--volumes", *started)


@pytest.fixture
def volume() -> Iterator[str]:
    """A volume of its own."""
    name = f"test-images-{uuid.uuid4().hex[:8]}"
    docker("volume", "create", name)
    yield name
    docker("volume", "rm", "--force", name)


def config(image: Image) -> dict:
    """Return an image's configuration as the engine has it."""
    return json.loads(docker("image", "inspect", image.tag))[0]["Config"]


def test_labels__say_what_each_image_is() -> None:
    found = {image.name: labels(image.tag) for image in CATALOG.values()}
    absent = [name for name, told in found.items() if told is None]
    assert absent == [], "not here: python3 -m tests.images build"
    kinds = {image.name: kind_of(image.tag, found[image.name] or {}) for image in CATALOG.values()}
    assert {name: kind for name, kind in kinds.items() if kind not in {"real", CATALOG[name].component}} == {}


def test_labels__are_of_this_content() -> None:
    with machine_files() as machine:
        expected = {image.name: content_hash(image, CATALOG, machine) for image in CATALOG.values()}
    contents = {name: (labels(CATALOG[name].tag) or {}).get(f"{PREFIX}content", expected[name]) for name in expected}
    assert contents == expected


def test_versions__are_what_the_programs_tell() -> None:
    told = {image.name: version_run(image, image.tag) for image in PROGRAMS}
    label = f"{PREFIX}version-run"
    assert {it.name: (labels(it.tag) or {}).get(label, it.version_pinned) for it in PROGRAMS} == told


def test_configurations__are_as_upstreams() -> None:
    def told(name: str) -> tuple:
        found = config(CATALOG[name])
        ports = [port.removesuffix("/tcp") for port in found.get("ExposedPorts") or {}]
        return found["User"], ports, found.get("Entrypoint"), list(found.get("Volumes") or {})

    assert {name: told(name) for name in UPSTREAM} == UPSTREAM


def test_users__have_upstreams_numbers() -> None:
    def numbers(name: str) -> tuple[str, str]:
        user, _ = USERS[name]
        script = f"echo $(id -u {user}):$(id -g {user})"
        return user, docker("run", "--rm", "--entrypoint", "sh", CATALOG[name].tag, "-c", script).strip()

    assert {name: numbers(name) for name in USERS} == USERS


def test_nginx__serves_as_its_user_with_only_tmp_to_write(start: Start) -> None:
    container = start("nginx", "--user", "101:101")
    get = ("exec", container, "wget", "-S", "-q", "-O-", "http://127.0.0.1:8080/missing")
    eventually("nginx answers", lambda: "404" in docker(*get, check=False))


def test_memcached__answers_as_its_user(start: Start) -> None:
    container = start("memcached", "--user", "11211:11211", command=("-m", "16"))
    ask = ("exec", container, "sh", "-c", "printf 'version\\nquit\\n' | nc 127.0.0.1 11211")
    eventually("memcached tells its version", lambda: "VERSION 1." in docker(*ask, check=False))


def test_redis__takes_a_configuration_and_asks_for_the_password(start: Start, tmp_path: Path) -> None:
    (tmp_path / "users.acl").write_text("user default off\nuser app on >secret-of-app ~* &* +@all\n")
    (tmp_path / "redis.conf").write_text("aclfile /conf/users.acl\nprotected-mode no\nbind 0.0.0.0\n")
    tmp_path.chmod(0o755)
    container = start("redis", "--user", "999:1000", "-v", f"{tmp_path}:/conf:ro", command=("/conf/redis.conf",))
    ask = ("exec", "-e", "REDISCLI_AUTH=secret-of-app", container, "redis-cli", "--user", "app", "ping")
    eventually("redis answers its user", lambda: "PONG" in docker(*ask, check=False))
    assert "NOAUTH" in docker("exec", container, "redis-cli", "ping", check=False)


def psql(container: str, query: str, password: str) -> str:
    """Ask the server over the network address of its container, where a password is asked for."""
    address = docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", container).strip()
    url = f"host={address} user=postgres dbname=site"
    arguments = ("exec", "-e", f"PGPASSWORD={password}", container, "psql", "-w", "-Atc", query, url)
    return docker(*arguments, check=False).strip()


@pytest.fixture
def postgres_options(volume: str, tmp_path: Path) -> list[str]:
    """What compose.yml gives PostgreSQL: a password file, a database's name, scripts, and little to write to."""
    (tmp_path / "password").write_text("secret-of-postgres\n")
    (tmp_path / "10-role.sh").write_text("psql -v ON_ERROR_STOP=1 -U $POSTGRES_USER -d site -c 'CREATE ROLE app'\n")
    (tmp_path / "20-table.sql").write_text("CREATE TABLE made_by_sql AS SELECT 42 AS answer;\n")
    tmp_path.chmod(0o755)
    return [
        *("--user", "999:999", "--tmpfs", "/var/run/postgresql"),
        *("-e", "POSTGRES_PASSWORD_FILE=/docker-entrypoint-initdb.d/password", "-e", "POSTGRES_DB=site"),
        *("-v", f"{tmp_path}:/docker-entrypoint-initdb.d:ro", "-v", f"{volume}:/var/lib/postgresql/data"),
    ]


def test_postgres__makes_database_and_runs_scripts_once(postgres_options: list[str], start: Start) -> None:
    query = "SELECT answer, (SELECT count(*) FROM pg_roles WHERE rolname = 'app') FROM made_by_sql"
    container = start("postgres", *postgres_options)
    eventually("scripts have run", lambda: psql(container, query, "secret-of-postgres") == "42|1")
    docker("stop", "--time", "60", container)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", container).strip() == "0"
    second = start("postgres", *postgres_options)
    eventually("it starts again", lambda: psql(second, query, "secret-of-postgres") == "42|1")


def test_postgres__asks_for_the_password(postgres_options: list[str], start: Start) -> None:
    container = start("postgres", *postgres_options)
    eventually("it answers", lambda: psql(container, "SELECT 1", "secret-of-postgres") == "1")
    assert "password authentication failed" in psql(container, "SELECT 1", "wrong")


def test_postgres__refuses_to_start_without_a_password(volume: str, start: Start) -> None:
    options = ["--user", "999:999", "--tmpfs", "/var/run/postgresql", "-v", f"{volume}:/var/lib/postgresql/data"]
    container = start("postgres", *options)
    assert docker("wait", container).strip() == "1"
    assert "POSTGRES_PASSWORD" in docker("logs", container)


@pytest.mark.parametrize(
    ("name", "port"), [("prometheus", 9090), ("alertmanager", 9093), ("node-exporter", 9100), ("redis-exporter", 9121)]
)
def test_metrics__are_served_as_the_user_of_compose(start: Start, name: str, port: int) -> None:
    container = start(name, "--user", SERVICES[name]["user"])
    get = ("exec", container, "wget", "-q", "-O-", f"http://127.0.0.1:{port}/metrics")
    eventually(f"{name} serves its metrics", lambda: "# TYPE" in docker(*get, check=False))


def test_nginx_exporter__has_no_shell() -> None:
    assert "not found" in docker("run", "--rm", "--entrypoint", "sh", CATALOG["nginx-exporter"].tag, check=False)


def test_celery_exporter__takes_its_broker_from_the_environment(start: Start) -> None:
    user = SERVICES["celery-exporter"]["user"]
    container = start("celery-exporter", "--user", user, "-e", "CE_BROKER_URL=redis://127.0.0.1:1/0")
    eventually("it tries that broker", lambda: "127.0.0.1:1" in docker("logs", container))


def test_promtool__checks_a_configuration() -> None:
    tag = CATALOG["prometheus"].tag
    shown = docker("run", "--rm", "--entrypoint", "promtool", tag, "check", "config", "/etc/prometheus/prometheus.yml")
    assert "SUCCESS" in shown
