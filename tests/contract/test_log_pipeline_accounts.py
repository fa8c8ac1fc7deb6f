"""Who may do what in Elasticsearch: no shared account has rights over itself, or more than its work takes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from stack.provision.secrets.table import FILES

pytestmark = pytest.mark.one_python

HERE = Path(__file__).parents[2] / "elasticsearch"
ROLES = json.loads((HERE / "setup/roles.json").read_text(encoding="utf-8"))
#: By role, as the node reads it.
USERS = dict(line.split(":") for line in (HERE / "users_roles").read_text(encoding="utf-8").splitlines())
#: What reading and appending take. `monitor` is asked for by Filebeat and Grafana at their start.
CLUSTER = {"monitor"}
INDICES = {"create_doc", "auto_configure", "read", "view_index_metadata"}
#: Begins and deletes indices, and reads no line.
KEEPER = "lines_keeper"


def test_users__are_the_nodes_own() -> None:
    """Of its file realm: whoever is made by the API may change their own password, whatever their roles."""
    (file,) = (file for file in FILES if file.path == "elasticsearch/users")
    named = re.findall(r"^(\w+):<\w+:bcrypt>$", file.template, re.MULTILINE)
    assert sorted(named) == sorted(user for users in USERS.values() for user in users.split(","))


def test_roles__are_those_that_users_have() -> None:
    assert set(USERS) == set(ROLES)


def test_roles__are_no_wider_than_reading_and_appending() -> None:
    for name, role in ROLES.items():
        assert set(role) <= {"cluster", "indices", "applications"}, name
        assert set(role.get("cluster", ())) <= CLUSTER, name
        for part in role["indices"]:
            assert part["names"] == ["logs-django.ops-*"], name
            assert set(part["privileges"]) <= ({"manage"} if name == KEEPER else INDICES), name
        for part in role.get("applications", ()):
            assert all(re.fullmatch(r"feature_\w+[.]read", privilege) for privilege in part["privileges"]), name


class Node:
    """An Elasticsearch that remembers users of its API, and which password is right for Kibana's."""

    def __init__(self, answer: type, users: set[str], kibana: str) -> None:
        self._answer, self.users, self.kibana = answer, users, kibana
        self._asks_as = ""

    def as_user(self, name: str, password: str) -> Node:
        self._asks_as = password
        return self

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        if path == "/_security/_authenticate":
            return self._answer(200 if self._asks_as == self.kibana else 401, {})
        if path.endswith("/_password"):
            self.kibana = body["password"]
            return self._answer(200, {})
        name = path.rpartition("/")[2]
        if method == "DELETE":
            self.users.remove(name)
        return self._answer(200 if name in self.users or method == "DELETE" else 404, {})

    def must(self, method: str, path: str, body: Any = None) -> Any:
        return self.ask(method, path, body).body


def test_set_up__removes_the_users_of_an_earlier_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And a second time it says nothing, as there is nothing to do."""
    monkeypatch.syspath_prepend(str(HERE / "setup"))
    for name in ("people", "client"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import people

    (tmp_path / "kibana-password").write_text("of Kibana\n", encoding="utf-8")
    node = Node(sys.modules["client"].Answer, {"operator", "filebeat_writer", "grafana_reader", "ann"}, "another")
    said: list[str] = []
    people.ensure_users(node, tmp_path, said.append)
    assert (node.users, node.kibana, len(said)) == ({"ann"}, "of Kibana", 4)
    people.ensure_users(node, tmp_path, said.append)
    assert len(said) == 4
