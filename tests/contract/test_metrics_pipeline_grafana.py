"""What Grafana is given is what it knows: the schema has exactly our options, and a misspelt one fails."""

from __future__ import annotations

import configparser
import copy
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.contrib.auth.validators import UnicodeUsernameValidator
from jsonschema import Draft202012Validator

from stack.config import gate

pytestmark = pytest.mark.one_python

GRAFANA = Path(__file__).parents[2] / "grafana"
SCHEMA = json.loads((GRAFANA / "schema.json").read_text(encoding="utf-8"))
PROMETHEUS = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text(encoding="utf-8"))
ELASTICSEARCH = yaml.safe_load((GRAFANA / "provisioning/datasources/elasticsearch.yml").read_text(encoding="utf-8"))
PROVIDERS = yaml.safe_load((GRAFANA / "provisioning/dashboards/django-ops.yml").read_text(encoding="utf-8"))
BOARD = json.loads((GRAFANA / "dashboards/overview.json").read_text(encoding="utf-8"))

GATE = gate.services(Path("/run/secrets/django"))

FILES = [
    *[("datasources", path) for path in sorted((GRAFANA / "provisioning/datasources").glob("*"))],
    *[("providers", path) for path in sorted((GRAFANA / "provisioning/dashboards").glob("*"))],
    *[("dashboard", path) for path in sorted((GRAFANA / "dashboards").glob("*"))],
]


def errors(part: str, document: Any) -> list[str]:
    """Return what the schema's `part` has against a document."""
    validator = Draft202012Validator({"$ref": f"#/$defs/{part}", "$defs": SCHEMA["$defs"]})
    return [error.message for error in validator.iter_errors(document)]


@pytest.mark.parametrize(("part", "path"), FILES, ids=[path.name for _, path in FILES])
def test_file__has_no_key_that_the_schema_does_not_know(part: str, path: Path) -> None:
    assert errors(part, yaml.safe_load(path.read_text(encoding="utf-8"))) == []


def _misspell(document: Any, place: str, wrong: str) -> Any:
    """Return a copy of a document in which the key at the end of `place` has another name."""
    changed = copy.deepcopy(document)
    *path, last = place.split("/")
    at = changed
    for key in path:
        at = at[int(key)] if key.isdigit() else at[key]
    at[wrong] = at.pop(last)
    return changed


@pytest.mark.parametrize(
    ("part", "document", "place", "wrong"),
    [
        ("datasources", PROMETHEUS, "datasources", "dataSources"),
        ("datasources", PROMETHEUS, "datasources/0/basicAuthUser", "basicauthUser"),
        ("datasources", PROMETHEUS, "datasources/0/jsonData/timeInterval", "scrapeInterval"),
        ("datasources", PROMETHEUS, "datasources/0/secureJsonData/basicAuthPassword", "password"),
        ("datasources", ELASTICSEARCH, "datasources/0/jsonData/index", "database"),
        ("datasources", ELASTICSEARCH, "datasources/0/jsonData/timeField", "timefield"),
        ("providers", PROVIDERS, "providers/0/allowUiUpdates", "allowUIUpdates"),
        ("providers", PROVIDERS, "providers/0/options/path", "folder"),
        ("dashboard", BOARD, "panels/0/targets/0/expr", "query"),
        ("dashboard", BOARD, "panels/0/targets", "queries"),
        ("dashboard", BOARD, "title", "name"),
    ],
)
def test_schema__refuses_a_misspelt_key(part: str, document: Any, place: str, wrong: str) -> None:
    assert errors(part, _misspell(document, place, wrong))


def _with(change: Callable[[Any], Any]) -> Any:
    changed = copy.deepcopy(PROMETHEUS)
    change(changed["datasources"][0])
    return changed


@pytest.mark.parametrize(
    "change",
    [
        lambda source: source["secureJsonData"].update(basicAuthPassword="changeme"),
        lambda source: source["secureJsonData"].update(basicAuthPassword="$PASSWORD"),
        lambda source: source.update(basicAuth=False),
        lambda source: source.update(editable=True),
        lambda source: source.update(access="direct"),
        lambda source: source.update(type="influxdb"),
    ],
    ids=["password in the file", "password in the environment", "no password", "editable", "browser", "type"],
)
def test_schema__refuses_an_unsafe_data_source(change: Callable[[Any], Any]) -> None:
    assert errors("datasources", _with(change))


def test_data_sources__have_one_default_and_distinct_names() -> None:
    sources = [*PROMETHEUS["datasources"], *ELASTICSEARCH["datasources"]]
    assert [source["isDefault"] for source in sources].count(True) == 1
    assert len({source["uid"] for source in sources}) == len({source["name"] for source in sources}) == len(sources)


def test_dashboard__uses_data_sources_that_are_provisioned() -> None:
    provisioned = {(source["type"], source["uid"]) for source in PROMETHEUS["datasources"]}
    targets = [target for panel in BOARD["panels"] for target in panel.get("targets", [])]
    used = [place["datasource"] for place in (*targets, *(panel for panel in BOARD["panels"] if "targets" in panel))]
    assert {(source["type"], source["uid"]) for source in used} == provisioned


def test_dashboard__has_panels_with_distinct_ids_that_do_not_overlap() -> None:
    assert max(Counter(panel["id"] for panel in BOARD["panels"]).values()) == 1
    cells = Counter(
        (column, line)
        for place in (panel["gridPos"] for panel in BOARD["panels"])
        for column in range(place["x"], place["x"] + place["w"])
        for line in range(place["y"], place["y"] + place["h"])
    )
    assert max(cells.values()) == 1
    assert max(column for column, _ in cells) < 24


def test_dashboard__lies_where_the_provider_looks() -> None:
    """Both are mounted below /etc/grafana."""
    assert PROVIDERS["providers"][0]["options"]["path"] == "/etc/grafana/dashboards"
    parser = _ini()
    assert parser["dashboards"]["default_home_dashboard_path"] == "/etc/grafana/dashboards/overview.json"


def _ini() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, comment_prefixes=(";", "#"))
    parser.read_string((GRAFANA / "grafana.ini").read_text(encoding="utf-8"))
    return parser


def test_ini__has_no_key_that_the_schema_does_not_know() -> None:
    known = SCHEMA["$defs"]["ini"]
    parser = _ini()
    assert [(name, key) for name in parser.sections() for key in parser[name] if key not in known.get(name, [])] == []


@pytest.mark.parametrize(
    ("section", "key"),
    [("auth.anonymous", "enabled"), ("users", "allow_sign_up"), ("snapshots", "external_enabled"),
     ("analytics", "reporting_enabled"), ("plugins", "preinstall_auto_update")],
)  # fmt: skip
def test_ini__leaves_off_what_must_be_off(section: str, key: str) -> None:
    assert _ini()[section][key] == "false"


def test_ini__has_secrets_in_files_only() -> None:
    parser = _ini()
    secrets = [
        parser[name][key] for name in parser.sections() for key in parser[name] if key.endswith(("_key", "password"))
    ]
    assert secrets
    assert [value for value in secrets if not value.startswith("$__file{/run/secrets/grafana/")] == []


def test_ini__names_an_administrator_that_nobody_can_be() -> None:
    """Grafana finds it by the name that the gate tells: neither a username of Django's, nor let through by the gate."""
    security, reserved = _ini()["security"], GATE["grafana"]["reserved_names"]
    for name in (security["admin_user"], security["admin_email"]):
        assert not re.fullmatch(UnicodeUsernameValidator.regex, name)
        assert name in reserved


def test_gate__keeps_the_own_names_of_each_ui_that_takes_names() -> None:
    takes_names = {name for name, entry in GATE.items() if "user_header" in entry or "email_header" in entry}
    assert takes_names == {name for name, entry in GATE.items() if entry.get("reserved_names")}
