"""compose.yml and the table of `secrets` agree on whose a volume is."""

from __future__ import annotations

import pytest

from stack.provision.secrets.table import GROUPS, VOLUMES, Group
from tests.contract.containers import compose

SERVICES = compose.read()["services"]
#: (service, volume, where it is mounted, flags), as the short form of a mount has them.
MOUNTS = [
    (name, *mount.split(":", 2), "")[:4]
    for name, service in SERVICES.items()
    for mount in service.get("volumes", [])
    if isinstance(mount, str) and not mount.startswith(".")
]


def owner(service: str) -> Group:
    """Return the user and the group of a service."""
    return Group(*map(int, SERVICES[service]["user"].split(":")))


@pytest.mark.parametrize("group", GROUPS)
def test_secrets__belong_to_the_one_service_that_reads_them(group: str) -> None:
    readers = [name for name, volume, target, _ in MOUNTS
               if volume == f"secrets-{group}" and target.startswith("/run/")]  # fmt: skip
    assert [owner(name) for name in readers] == [GROUPS[group]]


@pytest.mark.parametrize("volume", VOLUMES)
def test_volume__belongs_to_its_writer_and_takes_nothing_of_an_image(volume: str) -> None:
    """Without nocopy, each new container makes an empty volume its image's user's."""
    writers = [(name, flags) for name, source, target, flags in MOUNTS
               if source == volume and flags != "ro" and not target.startswith("/volumes/")]  # fmt: skip
    assert [(owner(name), flags) for name, flags in writers] == [(VOLUMES[volume].owner, "nocopy")]
    assert ("secrets", volume, f"/volumes/{volume}", "") in MOUNTS
