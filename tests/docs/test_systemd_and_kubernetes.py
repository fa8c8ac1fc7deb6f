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
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string(blocks(PAGE, "ini")[0])
    return parser


def test_unit__waits_for_the_drain_and_the_requests() -> None:
    service = unit()["Service"]
    (graceful_seconds,) = map(int, re.findall(r"--graceful-timeout (\d+)", service["ExecStart"]))
    assert int(service["TimeoutStopSec"]) > DRAIN_SECONDS + graceful_seconds
    assert service["KillMode"] == "mixed"


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
