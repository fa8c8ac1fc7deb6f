"""How much memory each profile takes after some traffic, and that no container comes near its limit."""

from __future__ import annotations

import json
import threading

import pytest

from tests.e2e.commands import docker
from tests.e2e.stack import Stack
from tests.e2e.visitor import Load, summary

MEGABYTE = 1_000_000
_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}

#: What the vendors say of the programs for which a fake may stand: Grafana's minimum, the default limit of Elastic's
#: operator for Kibana, the limit in Elastic's manifest for Filebeat.
VENDORS_BYTES = {"grafana": 512 * MEGABYTE, "kibana": 1024**3, "filebeat": 200 * 1024**2}

#: Up to how much of its limit a container may need: the rest is for what no light traffic shows.
SHARE_OF_LIMIT = 0.8

#: The core, on real programs alone, fits a machine of 1 GB.
CORE_BYTES = 600 * MEGABYTE


def parse_bytes(text: str) -> int:
    """Return a size as `docker stats` tells it, such as 12.5MiB. Raises KeyError for a unit that it does not use."""
    number = text.rstrip("BKMGi")
    return int(float(number) * _UNITS[text[len(number) :]])


def used_bytes(stack: Stack) -> dict[str, int]:
    """Return the memory of each service's running containers, without what the kernel can take back at once."""
    services = {
        container["Id"]: service
        for service, containers in stack.containers().items()
        for container in containers
        if container["State"]["Running"]
    }
    told = docker("stats", "--no-stream", "--no-trunc", "--format", "{{json .}}", *services, timeout=60)
    used: dict[str, int] = {}
    for line in told.splitlines():
        sample = json.loads(line)
        service = services[sample["ID"]]
        used[service] = used.get(service, 0) + parse_bytes(sample["MemUsage"].partition(" /")[0])
    return used


def profile_of(stack: Stack, service: str) -> str:
    """Return the profile that starts a service; core where it needs none."""
    return (stack.config["services"][service].get("profiles") or ["core"])[0]


def is_fake(stack: Stack, service: str) -> bool:
    """Tell whether a service runs a program of ours in the real one's place."""
    return stack.container(service)["Config"]["Labels"].get("org.django-ops.component") == "fake"


@pytest.fixture(scope="module")
def used(running: Stack, pytestconfig: pytest.Config, report: dict[str, list[str]]) -> dict[str, int]:
    """The memory of each service after traffic, which is told in the report as well."""
    running.wait_healthy()
    seconds = pytestconfig.getoption("--traffic-seconds")
    with Load(running.port) as load:
        threading.Event().wait(seconds)
        measured = used_bytes(running)
    assert load.failures == []
    lines = [f"after {seconds:g} s of traffic: {summary(load.answers)}"]
    total, total_told = 0, 0
    for profile in ("core", "metrics", "logs"):
        services = sorted(service for service in measured if profile_of(running, service) == profile)
        parts = []
        for service in services:
            total += measured[service]
            told = VENDORS_BYTES[service] if is_fake(running, service) else measured[service]
            total_told += told
            vendor = f" (a fake; the vendor names {told / MEGABYTE:.0f})" if is_fake(running, service) else ""
            parts.append(f"{service} {measured[service] / MEGABYTE:.0f}{vendor}")
        lines.append(f"{profile}: {', '.join(parts)}")
        lines.append(
            f"up to {profile}: {total / MEGABYTE:.0f} MB; {total_told / MEGABYTE:.0f} MB with the vendors' figures"
        )
    report["memory"] = lines
    return measured


@pytest.mark.parametrize(("text", "size"), [("0B", 0), ("512KiB", 524288), ("1.5MiB", 1572864), ("2GiB", 2147483648)])
def test_size__is_read(text: str, size: int) -> None:
    assert parse_bytes(text) == size


def test_memory__of_every_running_service_is_known(used: dict[str, int], running: Stack) -> None:
    assert {service for service, size in used.items() if size > 0} == {
        service for service, items in running.containers().items() if items[0]["State"]["Running"]
    }


def test_memory__stays_well_below_each_limit(used: dict[str, int], running: Stack) -> None:
    limits = {service: running.container(service)["HostConfig"]["Memory"] for service in used}
    near = {service: size for service, size in used.items() if size > SHARE_OF_LIMIT * limits[service]}
    assert near == {}


def test_memory__of_the_core_fits_a_small_machine(used: dict[str, int], running: Stack) -> None:
    core = {service: size for service, size in used.items() if profile_of(running, service) == "core"}
    assert sum(core.values()) <= CORE_BYTES, core
