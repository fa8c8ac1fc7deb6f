"""A few dozen servers to look at: the same ones each time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.db import transaction

from stack.inventory.models import DataCentre, Environment, Server, Tag

DATA_CENTRES = (
    ("ams1", "Amsterdam Science Park", "Amsterdam"),
    ("fra1", "Frankfurt East", "Frankfurt"),
    ("mad1", "Madrid Alcobendas", "Madrid"),
    ("vie1", "Vienna Danube", "Vienna"),
)
ENVIRONMENTS = (("production", "Production", 10), ("staging", "Staging", 20), ("development", "Development", 30))

#: role, count in each data centre, environment, system, cores, memory and disk in GiB, tags
ROLES = (
    ("web", 4, "production", "Debian 13", 8, 16, 80, ("web", "public")),
    ("app", 3, "production", "Debian 13", 16, 64, 160, ("django", "critical")),
    ("db", 2, "production", "Debian 13", 32, 256, 4000, ("postgresql", "critical")),
    ("cache", 1, "production", "Debian 12", 4, 64, 40, ("redis",)),
    ("queue", 1, "production", "Debian 12", 4, 16, 80, ("rabbitmq", "critical")),
    ("web", 1, "staging", "Debian 13", 4, 8, 40, ("web",)),
    ("app", 1, "staging", "Debian 13", 8, 32, 80, ("django",)),
    ("build", 1, "development", "Ubuntu 24.04", 16, 32, 500, ("ci",)),
)
LETTERS = {"production": "p", "staging": "s", "development": "d"}
FIRST_DAY = date(2021, 3, 1)


@transaction.atomic
def load() -> int:
    """Add what is missing of the demo data, and change nothing that is there. Return how many servers came new."""
    centres = {
        code: DataCentre.objects.get_or_create(code=code, defaults={"name": name, "city": city})[0]
        for code, name, city in DATA_CENTRES
    }
    environments = {
        slug: Environment.objects.get_or_create(slug=slug, defaults={"name": name, "rank": rank})[0]
        for slug, name, rank in ENVIRONMENTS
    }
    tags = {
        name: Tag.objects.get_or_create(name=name)[0] for name in sorted({tag for role in ROLES for tag in role[-1]})
    }
    known = set(Server.objects.values_list("hostname", flat=True))
    used = set(Server.objects.values_list("address", flat=True))
    wanted = {row["hostname"]: row for row in rows() if row["hostname"] not in known and row["address"] not in used}
    created = Server.objects.bulk_create(
        Server(
            **{key: value for key, value in row.items() if key not in {"data_centre", "environment", "tags"}},
            data_centre=centres[row["data_centre"]],
            environment=environments[row["environment"]],
        )
        for row in wanted.values()
    )
    Server.tags.through.objects.bulk_create(
        Server.tags.through(server=server, tag=tags[name])
        for server in created
        for name in wanted[server.hostname]["tags"]
    )
    return len(created)


def rows() -> Iterator[dict[str, Any]]:
    """Yield each server of the demo as a row. The addresses are those that RFC 5737 sets aside for examples."""
    number = 0
    for site, (code, _name, _city) in enumerate(DATA_CENTRES):
        for role, count, environment, system, cores, memory_gib, disk_gib, tags in ROLES:
            for index in range(1, count + 1):
                number += 1
                commissioned_on = FIRST_DAY + timedelta(days=number * 29 % 1700)
                status = _status(number)
                yield {
                    "hostname": f"{code}-{LETTERS[environment]}-{role}-{index:02}",
                    "address": f"{('192.0.2', '198.51.100', '203.0.113')[site % 3]}.{number + 10}",
                    "data_centre": code,
                    "environment": environment,
                    "status": status,
                    "operating_system": "Debian 11" if status == Server.Status.RETIRED else system,
                    "cpu_cores": cores,
                    "memory_gib": memory_gib,
                    "disk_gib": disk_gib,
                    "commissioned_on": None if status == Server.Status.PLANNED else commissioned_on,
                    "retired_on": commissioned_on + timedelta(days=1500) if status == Server.Status.RETIRED else None,
                    "tags": tags,
                    "notes": f"Rack {number % 12 + 1}, unit {number % 40 + 1}." if number % 3 else "",
                }


def _status(number: int) -> str:
    if number % 17 == 0:
        return Server.Status.RETIRED
    if number % 13 == 0:
        return Server.Status.MAINTENANCE
    if number % 11 == 0:
        return Server.Status.PLANNED
    return Server.Status.ACTIVE
