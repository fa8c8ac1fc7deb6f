"""compose.yml keeps the rules, its exceptions are listed with reasons, and each rule is able to fail."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from pathlib import PurePosixPath

import pytest

from tests.contract.containers import compose, project, waivers
from tests.contract.containers.finding import TOOLS, Finding, Project
from tests.contract.containers.mutations import MUTATIONS, OTHERS, Change, mutated
from tests.contract.containers.rules import RULES, RUNNING_ONLY, findings

CHANGES = [(rule, change) for rule, changes in MUTATIONS.items() for change in changes.values()]
CHANGE_IDS = [f"{rule}-{name}" for rule, changes in MUTATIONS.items() for name in changes]
OTHER_CHANGES = [(rule, change) for rule, changes in OTHERS.items() for change in changes.values()]
OTHER_IDS = [f"{rule}-{name}" for rule, changes in OTHERS.items() for name in changes]


@pytest.fixture(scope="module")
def ours() -> Project:
    return project.load()


@pytest.fixture(scope="module")
def waived() -> list[waivers.Waiver]:
    return waivers.load()


@pytest.mark.parametrize("rule", RULES)
def test_rule__holds_but_for_what_is_waived(ours: Project, waived: list[waivers.Waiver], rule: str) -> None:
    assert [str(finding) for finding in waivers.unlisted(findings(ours, [rule]), waived)] == []


def test_waivers__are_all_used(ours: Project, waived: list[waivers.Waiver]) -> None:
    assert [str(waiver) for waiver in waivers.unused(findings(ours), waived, "file")] == []


def test_waivers__name_rules_that_exist(waived: list[waivers.Waiver]) -> None:
    assert {waiver.rule for waiver in waived} <= RULES.keys() | RUNNING_ONLY


@pytest.mark.parametrize(("rule", "change"), CHANGES, ids=CHANGE_IDS)
def test_changed_compose_file__is_rejected_by_its_rule_alone(
    ours: Project, waived: list[waivers.Waiver], rule: str, change: Change
) -> None:
    found = waivers.unlisted(findings(project.load(raw=mutated(ours.raw, change))), waived)
    assert {finding.rule for finding in found} == {rule}, [str(finding) for finding in found]


@pytest.mark.parametrize(("rule", "change"), OTHER_CHANGES, ids=OTHER_IDS)
def test_changed_configuration__is_rejected_by_its_rule_alone(
    ours: Project, waived: list[waivers.Waiver], rule: str, change
) -> None:
    found = waivers.unlisted(findings(change(ours)), waived)
    assert {finding.rule for finding in found} == {rule}, [str(finding) for finding in found]


def test_rules__are_all_proven_able_to_fail() -> None:
    assert MUTATIONS.keys() | OTHERS.keys() == RULES.keys()


def test_rules__are_h1_to_h26() -> None:
    assert RULES.keys() | RUNNING_ONLY == {f"H{number}" for number in range(1, 27)}


def test_override__is_never_active_by_accident() -> None:
    names = {path.name for path in compose.ROOT.glob("*.y*ml")}
    assert not {name for name in names if re.fullmatch(r"(docker-)?compose\.override\.ya?ml", name)}
    assert "COMPOSE_FILE" not in compose.read_env()


def test_env_file__starts_everything() -> None:
    profiles = {profile for service in compose.read()["services"].values() for profile in service.get("profiles") or []}
    assert set(compose.read_env()["COMPOSE_PROFILES"].split(",")) == profiles - {TOOLS}


def test_address__that_the_site_believes_is_nginxs_alone(ours: Project) -> None:
    """As the one that Grafana believes: fixed, and out of the range that the engine gives to others."""
    services = ours.config["services"]
    site = [(name, "OPS_TRUSTED_PROXIES") for name, it in ours.services if "OPS_TRUSTED_PROXIES" in it["environment"]]
    for network, believers in {"web": site, "ui": [("grafana", "GF_AUTH_PROXY_WHITELIST")]}.items():
        address = services["nginx"]["networks"][network]["ipv4_address"]
        assert {services[name]["environment"][variable] for name, variable in believers} == {address}
        (config,) = ours.config["networks"][network]["ipam"]["config"]
        assert ip_address(address) in ip_network(config["subnet"])
        assert ip_address(address) not in ip_network(config["ip_range"])
    asked, _, _ = services["nginx"]["environment"]["APPLICATION"].partition(":")
    assert asked in services["web"]["networks"]["web"]["aliases"]


def test_flower__keeps_a_bounded_history_in_a_volume_of_its_own(ours: Project) -> None:
    """No number is for ever, as a limit of 0 and more than its memory has room for would be."""
    services = ours.config["services"]
    flower = services["flower"]
    assert 0 < int(flower["environment"]["FLOWER_MAX_TASKS"]) <= 5000
    folder = str(PurePosixPath(flower["environment"]["FLOWER_DB"]).parent)
    (volume,) = (mount["source"] for mount in flower["volumes"] if mount["target"] == folder)
    users = {name for name, it in services.items() for mount in it["volumes"] if mount.get("source") == volume}
    assert users == {"flower", "secrets"}  # which gives it to Flower


def test_profiles__of_a_service_include_those_of_what_it_waits_for(ours: Project) -> None:
    services = ours.config["services"]
    missing = [
        Finding(name, "profiles", other)
        for name, service in services.items()
        for other, condition in service["depends_on"].items()
        if condition.get("required", True)
        and services[other].get("profiles")
        and not set(service.get("profiles") or []) & set(services[other]["profiles"])
    ]
    assert missing == []
