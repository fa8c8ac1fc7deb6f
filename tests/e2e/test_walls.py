"""Who reaches whom: tried from within each container's networks, by address, as not to know a name is no wall.

And who sees whom: from within each container's file systems, as its user.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.containers.networks import EDGE, OUTWARD
from tests.e2e.claims import claim_outside
from tests.e2e.commands import docker, run
from tests.e2e.crawl import crawl, files_of_volumes, look_around
from tests.e2e.facts import inspect
from tests.e2e.stack import Stack

STORES = {"postgres": 5432, "redis": 6379, "memcached": 11211, "elasticsearch": 9200}
#: Prints what it found, so that a mistake in the test itself is no proof of a wall.
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
    print("yes")
except ConnectionRefusedError:
    print("yes, and is refused")
except OSError as error:
    print("no:", error)
"""


def reaches(pid: int, address: str, port: int) -> bool:
    """Tell whether a connection can be made from within the networks of a process."""
    command = ("nsenter", "-t", str(pid), "-n", "python3", "-c", CONNECT, address, str(port))
    said = run(*command, timeout=20).stdout
    assert said.startswith(("yes", "no:")), said
    return said.startswith("yes")


def running_pids(stack: Stack) -> dict[str, int]:
    """Return the first process of each service that runs."""
    return {name: item["State"]["Pid"] for name, (item, *_) in stack.containers().items() if item["State"]["Pid"]}


@pytest.fixture(scope="module")
def outside() -> Iterator[str]:
    """A machine outside of all of the stack's networks, to which this one forwards. It refuses each connection."""
    here, there = claim_outside()
    name = f"e2e{uuid.uuid4().hex[:6]}"  # the name of an interface is short
    run("ip", "netns", "add", name)
    try:
        run("ip", "link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
        run("ip", "addr", "add", f"{here}/30", "dev", f"{name}a")
        run("ip", "link", "set", f"{name}a", "up")
        run("ip", "-n", name, "addr", "add", f"{there}/30", "dev", f"{name}b")
        run("ip", "-n", name, "link", "set", f"{name}b", "up")
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "route", "add", "default", "via", here)
        yield there
    finally:
        run("ip", "netns", "delete", name)


def test_outside__is_reached_by_those_alone_who_need_it(running: Stack, outside: str) -> None:
    allowed = set.union(*OUTWARD.values())
    pids = running_pids(running)
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(pids, pool.map(lambda pid: reaches(pid, outside, 80), pids.values()), strict=True))
    assert {name for name, is_reached in found.items() if is_reached} == allowed & running.services


@pytest.mark.parametrize("store", STORES)
def test_store__is_out_of_reach_of_the_edge(running: Stack, store: str) -> None:
    edge = running_pids(running)[EDGE]
    for network in running.container(store)["NetworkSettings"]["Networks"].values():
        assert not reaches(edge, network["IPAddress"], STORES[store]), f"{EDGE} reaches {store}"


def test_store__is_reached_by_the_site(running: Stack) -> None:
    """The same question, where the answer is another one."""
    address = running.container("postgres")["NetworkSettings"]["Networks"][f"{running.project}_data"]["IPAddress"]
    assert reaches(running_pids(running)["web"], address, STORES["postgres"])


def test_edge__does_not_know_the_names_of_stores(running: Stack) -> None:
    found = running.exec(
        EDGE, "sh", "-c", "getent hosts web; getent hosts postgres redis memcached elasticsearch; true"
    )
    assert [line.split()[1] for line in found.splitlines()] == ["web"]


def test_host__publishes_nothing_but_the_edge(running: Stack) -> None:
    label = f"label=com.docker.compose.project={running.project}"
    published = docker("ps", "--filter", label, "--format", "{{.Ports}}")
    assert re.findall(r"[\d.:\[\]]+->\d+", published) == [f"127.0.0.1:{running.port}->8080"]


def test_container__sees_nothing_of_another(running: Stack, report: dict[str, list[str]]) -> None:
    """Neither the environment, the files or the memory of a process, nor a volume that is not its own."""
    found = look_around(running)
    count = len({line.split()[0] for seen in found.values() for line in seen["processes"]})
    report.setdefault("figures", []).append(f"processes that another container can read: {count}")
    assert {name: seen for name, seen in found.items() if seen["processes"] or seen["files"]} == {}


def test_container__of_another_s_user_would_be_seen_to_look(running: Stack) -> None:
    """The same eyes, with web's user, this machine's processes, and web's secrets."""
    web = running.container("web")
    mounts = ("-v", "/:/host:ro", "-v", f"{running.volumes()['secrets-django']}:/stolen:ro")
    sleep = ("--entrypoint=sleep", web["Config"]["Image"], "60")
    identity = docker("run", "-d", "--network=none", "--cap-drop=ALL", "--user=10001:10001", *mounts, *sleep).strip()
    try:
        files = [file for each in files_of_volumes(running).values() for file in each]
        seen = crawl(inspect(identity)["State"]["Pid"], files)
    finally:
        docker("rm", "-f", identity)
    pid = web["State"]["Pid"]
    assert {f"{pid} environ", f"{pid} mem", f"{pid} root"} <= set(seen["processes"])
    assert "secrets-django/secret-key" in seen["files"]
    assert not [name for name in seen["files"] if name.startswith("secrets-postgres")]
