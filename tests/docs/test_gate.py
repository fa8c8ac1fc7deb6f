"""What the pages about the gate say is what the code does."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from django_ops.access.gate.decision import Reason
from django_ops.access.gate.registry import Service, parse
from tests.integration.gate_corpus import CORPUS
from tests.integration.scratch import Project
from tests.integration.test_gate_corpus import WEAKER

TOP = Path(__file__).resolve().parents[2]
HOW_TO = (TOP / "docs/how-to/internal-uis.md").read_text(encoding="utf-8")
CHECKS = [TOP / f"django_ops/checks/{name}.py" for name in ("gate", "gate_deployment")]
GATE_CHECKS = {id_ for path in CHECKS for id_ in re.findall(r'"([EWI]\d{3})"', path.read_text(encoding="utf-8"))}
EXPLANATION = (TOP / "docs/explanation/gate.md").read_text(encoding="utf-8")


def test_how_to__has_every_key():
    keys = re.findall(r"^\| `(\w+)` \|", HOW_TO, re.MULTILINE)
    assert sorted(keys) == sorted(field.name for field in fields(Service) if field.name not in ("name", "prefix"))


def test_how_to__entries_can_be_used():
    found = {}
    for block in re.findall(r"^```python\n(.*?)^```", HOW_TO, re.DOTALL | re.MULTILINE):
        for node in ast.parse(block).body:
            if isinstance(node, ast.Assign) and "OPS_GATE_SERVICES" in ast.unparse(node.targets[0]):
                value = ast.literal_eval(node.value)
                found.update(value if "upstream" not in value else {"grafana": value})
    assert list(parse(found, "/ops/")) == ["flower", "prometheus", "grafana"]


#: What a deployed site has, and the page does not speak of.
DEPLOYED = """
SESSION_COOKIE_SECURE = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
MIDDLEWARE = ["django_ops.middleware.OpsMiddleware", *MIDDLEWARE]
INSTALLED_APPS += ["django_ops"]
LOGGING = {"version": 1, "handlers": {"null": {"class": "logging.NullHandler"}}}
"""


@pytest.mark.parametrize("mode", ["nginx", "proxy"])
def test_how_to__as_it_is_written_satisfies_the_checks(tmp_path, mode):
    """Block by block, in a project that startproject made: no complaint about the gate."""
    project = Project(tmp_path)
    files = {"settings": DEPLOYED, "urls": "", "asgi": ""}
    for block in re.findall(r"^```python\n(.*?)^```", HOW_TO, re.DOTALL | re.MULTILINE):
        name = re.match(r"# (\w+)\.py\n", block)
        if mode == "proxy" or not ("ASGI_APPLICATION" in block or (name and name[1] == "asgi")):
            files[name[1] if name else "settings"] += block
    for name, text in files.items():
        with (tmp_path / f"shop/{name}.py").open("a", encoding="utf-8") as file:
            file.write(text)
    project.manage("migrate", "-v0")
    said = project.manage("check", "--deploy").stderr
    gates = {id_ for id_ in re.findall(r"django_ops\.([EWI]\d+)", said) if id_ in GATE_CHECKS}
    assert gates == set(), said
    imported = project.run("python", "-c", "import shop.asgi", DJANGO_SETTINGS_MODULE="shop.settings")
    assert imported.returncode == 0, imported.stderr


def test_explanation__has_every_decision():
    assert re.findall(r"^\| `([\w-]+)` \| \d{3} \|", EXPLANATION, re.MULTILINE) == [reason.value for reason in Reason]


@pytest.mark.parametrize(
    ("pattern", "count"),
    [(r"^(\d+) requests, byte by byte", len(CORPUS)), (r"(\d+) weaker\s+configurations", len(WEAKER))],
)
def test_explanation__counts_right(pattern, count):
    assert int(re.search(pattern, EXPLANATION, re.MULTILINE)[1]) == count
