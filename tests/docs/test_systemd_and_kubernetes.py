"""The unit and the probes of the how-to fit the settings that they rely on."""

from __future__ import annotations

import re
from configparser import ConfigParser
from typing import Any

import yaml

from django_ops.conf import Configuration
from tests.docs.test_docs import TOP, blocks

PAGE = TOP / "docs" / "how-to" / "systemd-and-kubernetes.md"
DRAIN_SECONDS = Configuration.OPS_DRAIN_SECONDS.default


def pod() -> dict[str, Any]:
    return yaml.safe_load(blocks(PAGE, "yaml")[0])["spec"]


def unit() -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str
    parser.read_string(blocks(PAGE, "ini")[0])
    return parser


def test_unit__waits_for_the_drain_and_the_requests() -> None:
    service = unit()["Service"]
    (graceful_seconds,) = map(int, re.findall(r"--graceful-timeout (\d+)", service["ExecStart"]))
    assert int(service["TimeoutStopSec"]) > DRAIN_SECONDS + graceful_seconds
    assert service["KillMode"] == "mixed"


def test_unit__sets_what_the_readmes_lines_read() -> None:
    """So that lines go to the directory that the unit makes, and `/metrics` has a token."""
    (table,) = re.findall(r"^\| variable .*?\n\n", (TOP / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    named = re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE)
    assert "LOG_DIR" in named
    given = " ".join(re.findall(r"^Environment=(.*)", blocks(PAGE, "ini")[0], re.MULTILINE))
    assert set(named) == {variable.partition("=")[0] for variable in given.split()}
    assert f"/var/log/{unit()['Service']['LogsDirectory']}" in given


def test_probes__ask_where_the_settings_answer() -> None:
    container = pod()["containers"][0]
    paths = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
    assert paths == {
        "startupProbe": Configuration.OPS_LIVEZ_PATH.default,
        "livenessProbe": Configuration.OPS_LIVEZ_PATH.default,
        "readinessProbe": Configuration.OPS_READYZ_PATH.default,
    }


def test_readiness__turns_before_the_listener_closes_and_outlasts_a_check() -> None:
    probe = pod()["containers"][0]["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] < DRAIN_SECONDS
    assert probe["timeoutSeconds"] > Configuration.OPS_READYZ_TIMEOUT_SECONDS.default
    assert pod()["terminationGracePeriodSeconds"] > DRAIN_SECONDS + 30  # gunicorn's graceful_timeout
