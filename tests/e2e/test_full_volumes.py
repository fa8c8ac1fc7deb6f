"""A full volume ends in one clear message, and damages nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import ROOT, docker, run, wait_for
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

SMALL = {"app-logs": "size=1m,uid=10001,gid=10001,mode=0750", "postgres-data": "size=96m,uid=999,gid=999,mode=0700"}


def small(**volumes: str) -> str:
    """Return an override by which volumes are in memory, and small."""
    lines = [
        f"  {name}: {{driver: local, driver_opts: {{type: tmpfs, device: tmpfs, o: '{options}'}}}}"
        for name, options in volumes.items()
    ]
    return "\n".join(["volumes:", *lines, ""])


@pytest.fixture
def first(make_stack: Callable[..., Stack], tmp_path: Path) -> Iterator[Stack]:
    """A stack that was never started, with less room for the secrets of the application than they take."""
    override = tmp_path / "override.yml"
    override.write_text(small(**{"secrets-django": "size=12k"}), encoding="utf-8")
    stack = make_stack("-tiny", profiles="", files=[ROOT / "compose.yml", override])
    stack.down()
    yield stack
    stack.down()


def test_volume_of_secrets__that_is_full_stops_the_start(first: Stack) -> None:
    ended = first.compose("up", "-d", "--wait", "postgres", check=False)
    assert ended.returncode != 0
    said = logs(first, "secrets").splitlines()
    assert len(said) == 1
    assert re.fullmatch(r"secrets: /secrets/django/\S+ cannot be written: No space left on device", said[0])
    assert "running" not in first.compose("ps", "-a", "--format", "{{.State}}").stdout


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A core with little room for logs and data, which a container of ours keeps while others stop."""
    override = tmp_path_factory.mktemp("full") / "override.yml"
    override.write_text(small(**SMALL), encoding="utf-8")
    stack = make_stack("-full", profiles="", files=[ROOT / "compose.yml", override])
    with stack.of_its_own("full"):
        stack.up()
        mounts = [f"-v={stack.project}_{name}:/{name}" for name in SMALL]
        image = stack.config["services"]["web"]["image"]
        command = ("-c", "import time; time.sleep(3600)")
        name = f"{stack.project}-probe"  # `down` removes it
        docker("run", "-d", "--init", "--user=0:0", "--network=none", f"--name={name}", *mounts,
               "--entrypoint=python", image, *command)  # fmt: skip
        yield stack


@pytest.fixture
def visitor(stack: Stack) -> Visitor:
    """The administrator."""
    return Visitor(stack.port).sign_in(stack.exec("web", "cat", "/run/secrets/django/admin-password").strip())


class Fill:
    """Leaves no room in a volume until the end of the block."""

    def __init__(self, stack: Stack, volume: str) -> None:
        self.probe, self.volume = f"{stack.project}-probe", volume

    def __enter__(self) -> None:
        script = f"cat /dev/zero > /{self.volume}/filled; df --output=avail /{self.volume} | tail -1"
        assert docker("exec", self.probe, "sh", "-c", script).split() == ["0"]

    def __exit__(self, *_: object) -> None:
        docker("exec", self.probe, "rm", f"/{self.volume}/filled")


def test_volume_of_logs__that_is_full_does_not_stop_the_site(stack: Stack) -> None:
    visitor = Visitor(stack.port)
    with Fill(stack, "app-logs"):
        assert [visitor.request("/").status for _ in range(20)] == [200] * 20
        docker("restart", stack.id("web"), timeout=90)
        stack.wait_healthy()
        assert visitor.request("/").status == 200
    lines = "cat /var/log/django/web-*/*.jsonl"
    request = visitor.request("/servers.json").request_id
    wait_for("lines to be written again", lambda: request in stack.exec("web", "sh", "-c", lines), 10)


def test_volume_of_data__that_is_full_refuses_writes_and_keeps_what_is_there(stack: Stack, visitor: Visitor) -> None:
    assert visitor.add_tag("before").status == 302
    with Fill(stack, "postgres-data"):
        answers = [visitor.add_tag(f"{number}-{'x' * 25}") for number in range(200)]
        refused = [answer for answer in answers if answer.status != 302]
        acknowledged = 1 + len(answers) - len(refused)
        # what is written fits into what the files had left, or is refused: it never hangs, and never half is there
        assert all(answer.status in {302, 500, 503} for answer in answers)
    stack.wait_healthy()
    assert visitor.add_tag("after").status == 302
    assert count(stack) == acknowledged + 1
    assert refused
    assert "No space left on device" in logs(stack, "postgres")


def logs(stack: Stack, service: str) -> str:
    """Return what a service has said."""
    ended = run("docker", "logs", stack.id(service))
    return ended.stdout + ended.stderr


def count(stack: Stack) -> int:
    """Return how many tags there are."""
    script = "from stack.inventory.models import Tag; print(Tag.objects.count())"
    return int(stack.exec("web", "python", "manage.py", "shell", "-v0", "-c", script).split()[-1])
