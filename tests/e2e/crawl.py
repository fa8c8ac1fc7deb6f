"""Has crawler.py look around in each container of a stack, for what is in the volumes and processes of others."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.e2e.commands import docker, run
from tests.e2e.stack import Stack

CRAWLER = Path(__file__).with_name("crawler.py")
#: The node exporter sees all directories of this machine.
CRAWL_SECONDS = 60

#: [device, inode, name] of what is in a volume: with the device, a file is the same by whatever path one gets there.
Files = list[tuple[int, int, str]]


def look_around(stack: Stack) -> dict[str, dict[str, list[str]]]:
    """Return, by service, the `processes` and `files` of others that can be read from within its container."""
    volumes = files_of_volumes(stack)

    def look(item: dict[str, Any]) -> dict[str, list[str]]:
        own = {mount.get("Name") for mount in item["Mounts"]}
        others = [file for volume, files in volumes.items() if volume not in own for file in files]
        return crawl(item["State"]["Pid"], others)

    items = {name: item for name, (item, *_) in stack.containers().items() if item["State"]["Pid"]}
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(items, pool.map(look, items.values()), strict=True))


def files_of_volumes(stack: Stack) -> dict[str, Files]:
    """Return the volumes' own directories and all files in them, by the engine's name of the volume."""
    volumes = stack.volumes()
    told = json.loads(docker("volume", "inspect", *volumes.values()))
    places = {each["Name"]: Path(each["Mountpoint"]) for each in told}
    found: dict[str, Files] = {}
    for name, volume in volumes.items():
        paths = [places[volume]]
        paths += [Path(folder, file) for folder, _, files in os.walk(places[volume]) for file in files]
        stats = [(path.lstat(), name / path.relative_to(places[volume])) for path in paths if path.exists()]
        found[volume] = [(stat.st_dev, stat.st_ino, str(shown)) for stat, shown in stats]
    return found


def crawl(pid: int, files: Files) -> dict[str, list[str]]:
    """Return what crawler.py finds from within a container: `processes` of others, and which of the files."""
    told = run("python3", str(CRAWLER), str(pid), text=json.dumps({"files": files}), timeout=CRAWL_SECONDS)
    return json.loads(told.stdout)
