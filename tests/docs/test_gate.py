"""What the pages about the gate say is what the code does."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from django_ops.access.gate.decision import Reason
from django_ops.access.gate.registry import Service, parse
from tests.integration.gate_corpus import CORPUS
from tests.integration.test_gate_corpus import WEAKER

TOP = Path(__file__).resolve().parents[2]
HOW_TO = (TOP / "docs/how-to/internal-uis.md").read_text(encoding="utf-8")
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


def test_explanation__has_every_decision():
    assert re.findall(r"^\| `([\w-]+)` \| \d{3} \|", EXPLANATION, re.MULTILINE) == [reason.value for reason in Reason]


@pytest.mark.parametrize(
    ("pattern", "count"),
    [(r"^(\d+) requests, byte by byte", len(CORPUS)), (r"(\d+) weaker\s+configurations", len(WEAKER))],
)
def test_explanation__counts_right(pattern, count):
    assert int(re.search(pattern, EXPLANATION, re.MULTILINE)[1]) == count
