"""filebeat.yml knows whose each line is: by the volume that it was in, which one service writes."""

from __future__ import annotations

from typing import Any

import yaml

from tests.contract.containers import compose

SERVICES = compose.render(compose.read(), {})["services"]
INPUTS: list[dict[str, Any]] = yaml.safe_load((compose.ROOT / "filebeat/filebeat.yml").read_text())["filebeat.inputs"]


def writers() -> dict[str, str]:
    """Return the service that writes each volume of lines, by where Filebeat has it."""
    logs = {mount["source"]: mount["target"] for mount in SERVICES["filebeat"]["volumes"]
            if mount["type"] == "volume" and mount["source"].endswith("-logs")}  # fmt: skip
    written = [(mount["source"], name) for name, service in SERVICES.items() if name != "secrets"
               for mount in service["volumes"] if mount["type"] == "volume" and not mount.get("read_only")]  # fmt: skip
    return {logs[volume]: name for volume, name in written if volume in logs}


def test_filebeat__may_write_no_lines() -> None:
    assert [mount for mount in SERVICES["filebeat"]["volumes"] if "/var/log" in mount["target"]
            and not mount.get("read_only")] == []  # fmt: skip


def test_volume_of_lines__has_an_input_that_names_its_writer() -> None:
    named = {}
    for each in INPUTS:
        (path,) = each["paths"]
        folder = "/".join(path.split("/")[:4])
        name, place, kind = (processor["add_fields"] for processor in each["processors"])
        named[folder] = name["fields"]["name"]
        assert (name["target"], "when" in name) == ("service", False)
        assert place["when.not.regexp"] == {"log.file.path": f"^{folder}/"}
        assert place["fields"] == {"file": {"path": folder}}
        assert kind["when.not.regexp"] == {"event.dataset": "^nginx[.]" if folder.endswith("/nginx") else "^django[.]"}
    assert named == writers()
    assert len(named) == 6
