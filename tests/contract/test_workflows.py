"""What zizmor and the schemas of `make lint` do not ask of the workflows and of Renovate."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.contract.containers import compose

pytestmark = pytest.mark.one_python

FOLDER = Path(__file__).parents[2] / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))


def test_workflows__call_ci_run_and_audit() -> None:
    """Rights, hashes of actions and time-outs are looked at by zizmor and a schema: `make lint`."""
    steps = {
        path.name: [step for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]]
        for path in WORKFLOWS
    }
    commands = [step.get("run", "").strip() for found in steps.values() for step in found]
    assert any(command.endswith("bash .ci/run") for command in commands)
    assert commands.count("make audit") == len(WORKFLOWS) == 2, "without --where-it-answers"


def test_actions__say_the_version_of_their_hash() -> None:
    used = [line for path in WORKFLOWS for line in re.findall(r"uses: (.*)", path.read_text())]
    assert used
    assert [line for line in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_renovate__reads_the_tag_of_each_stand_in_as_compose_yml_has_it() -> None:
    """Or a newer image would come without its stand-in, and `make images` would refuse it."""
    (manager,) = json.loads((FOLDER / "renovate.json").read_text())["customManagers"]
    (found_by,) = manager["matchStrings"]
    pattern = found_by.replace("(?<", "(?P<")
    texts = [path.read_text() for path in (compose.ROOT / "tests/images").glob("*/image.toml")]
    read = {f"{match['depName']}:{match['currentValue']}" for text in texts for match in re.finditer(pattern, text)}
    rendered = compose.render(compose.read(), compose.read_env())["services"].values()
    assert {service["image"] for service in rendered if not service["image"].startswith("django-ops/")} <= read
