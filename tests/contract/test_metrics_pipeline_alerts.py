"""Each alert can be acted on: it says what it means, leads to a page that is not empty, and is tested both ways."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.test_metrics_pipeline import ROOT, alerts

pytestmark = pytest.mark.one_python

ALERTS = {alert["alert"]: alert for alert in alerts()}
RUNBOOKS = ROOT / "docs/runbooks"
HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def unit_tests() -> list[dict[str, Any]]:
    found = []
    for path in sorted((ROOT / "prometheus/tests").glob("*.yml")):
        found += yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
    return found


def outcomes() -> dict[str, set[bool]]:
    """Tell of each alert whether it has a test in which it fires, and one in which it does not."""
    found: dict[str, set[bool]] = {name: set() for name in ALERTS}
    for test in unit_tests():
        for expectation in test.get("alert_rule_test", []):
            found[expectation["alertname"]].add(bool(expectation["exp_alerts"]))
    return found


def sections(text: str) -> dict[str, str]:
    """Return the text below each heading of a runbook."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", ALERTS)
def test_alert__has_a_severity_that_alertmanager_routes(name: str) -> None:
    assert ALERTS[name]["labels"].keys() == {"severity"}
    assert ALERTS[name]["labels"]["severity"] in {"critical", "warning"}


@pytest.mark.parametrize("name", ALERTS)
def test_alert__says_what_it_means_and_where_to_read_on(name: str) -> None:
    annotations = ALERTS[name]["annotations"]
    assert annotations.keys() == {"summary", "description", "runbook_url"}
    assert len(annotations["summary"]) < 120
    assert len(annotations["description"]) > 40
    assert annotations["runbook_url"] == f"docs/runbooks/{name}.md"


@pytest.mark.parametrize("name", ALERTS)
def test_runbook__has_every_section_and_none_is_empty(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    found = sections(text)
    assert list(found) == HEADINGS
    assert [heading for heading, body in found.items() if len(body.split()) < 5] == []


def test_runbook__without_a_word_below_a_heading_is_found() -> None:
    assert [len(body.split()) for body in sections("# A\n\n## Meaning\n\n## Impact\n\nIt hurts.\n").values()] == [0, 2]


def test_runbooks__are_of_alerts_that_exist() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == set(ALERTS)


def test_runbooks__index_names_each_alert_with_its_severity() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| (\w+) \|", (RUNBOOKS / "README.md").read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == {name: alert["labels"]["severity"] for name, alert in ALERTS.items()}


@pytest.mark.parametrize("name", ALERTS)
def test_alert__is_tested_to_fire_and_not_to_fire(name: str) -> None:
    assert outcomes()[name] == {True, False}


def test_alertmanager__names_alerts_that_exist() -> None:
    configuration = (ROOT / "alertmanager/alertmanager.yml").read_text(encoding="utf-8")
    named = set(
        re.findall(r"\b[A-Z][A-Za-z]+(?:Down|High|Slow|Saturated|Failing|Waiting|Filling|Unapplied)\b", configuration)
    )
    assert named
    assert named - set(ALERTS) == set()


def test_alertmanager__has_secrets_in_files_only() -> None:
    configuration = yaml.safe_load((ROOT / "alertmanager/alertmanager.yml").read_text(encoding="utf-8"))
    assert [key for key in _keys(configuration) if re.search(r"(password|secret|token|api_key|api_url)$", key)] == []


def test_alertmanager__sends_to_a_receiver_that_needs_nothing() -> None:
    configuration = yaml.safe_load((ROOT / "alertmanager/alertmanager.yml").read_text(encoding="utf-8"))
    receivers = {receiver["name"]: receiver.keys() - {"name"} for receiver in configuration["receivers"]}
    assert receivers[configuration["route"]["receiver"]] == set()


def test_alertmanager__sends_the_watchdog_to_a_switch_outside_and_to_nobody_else() -> None:
    """Once the marked line is changed; until then, to the screens. Nothing may hold it up, or silence it unseen."""
    text = (ROOT / "alertmanager/alertmanager.yml").read_text(encoding="utf-8")
    for configuration, receiver in ((text, "screens"), (re.sub("screens # SWITCH.*", "switch", text), "switch")):
        route = yaml.safe_load(configuration)["route"]["routes"][0]
        assert (route["matchers"], route["receiver"]) == (["alertname = Watchdog"], receiver)
        assert route["group_wait"] == "0s"
        assert "continue" not in route
    assert ALERTS["Watchdog"]["labels"] == {"severity": "critical"}
    assert "for" not in ALERTS["Watchdog"]


def test_alertmanager__bounds_silences_and_logs_them() -> None:
    command = yaml.safe_load((ROOT / "compose.yml").read_text(encoding="utf-8"))["services"]["alertmanager"]["command"]
    flags = {word.partition("=")[0] for word in command}
    assert {"--silences.max-silences", "--silences.max-silence-size-bytes", "--log.silences"} <= flags


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [key for name, inner in value.items() for key in (name, *_keys(inner))]
    return [key for inner in value for key in _keys(inner)] if isinstance(value, list) else []


def test_dashboard__names_each_alert_that_a_panel_shows_coming() -> None:
    board = Path(ROOT / "grafana/dashboards/overview.json").read_text(encoding="utf-8")
    without_a_panel = {"SiteDown", "NginxDown", "PostgreSQLDown", "RedisDown", "AlertsNotDelivered"}
    without_a_panel |= {"AlertsSilenced", "MetricsFlooding", "PasswordsGuessed", "Watchdog"}
    assert {name for name in ALERTS if f"Alert: {name}" not in board} == without_a_panel
