"""The one table, and what is generated from it."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from django_ops.logs.fields import FIELDS, LOG_DATASET, REQUEST_DATASET, TASK_DATASET
from django_ops.logs.line import Source, log_line, request_line, task_line
from docs.generators.log_fields import index_template, log_fields_markdown, log_line_schema
from tests.each import each
from tests.unit.logs.examples import IDENTITY, ORIGIN, REQUEST, TASK, VALIDATOR

WHEN = 1_795_251_600.0
ERROR = {"type": "x", "message": "x", "stack_trace": "x", "stack_hash": "x"}
BY_NAME = {field.name: field for field in FIELDS}


def request():
    whole = REQUEST._replace(query="page=2", user_id="42", queue_ns=1, streaming=True)
    return {**request_line(whole, ORIGIN, WHEN, "info", "django_ops.request"), "error": ERROR, "labels": {"a": "b"}}


def task():
    return {**task_line(TASK, ORIGIN, WHEN, "info", "django_ops.task"), "error": ERROR, "labels": {"a": "b"}}


def log():
    document = log_line("hello", ORIGIN, WHEN, "info", "shop", Source("views.py", 1, "view"), IDENTITY)
    return {**document, "error": ERROR, "labels": {"a": "b"}}


def names_of(document, prefix=""):
    for key, value in document.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and name != "labels":
            yield from names_of(value, f"{name}.")
        else:
            yield name


def test_fields__names_are_unique():
    assert len(BY_NAME) == len(FIELDS)


def test_fields__none_is_within_another():
    assert not [(one, two) for one in BY_NAME for two in BY_NAME if two.startswith(f"{one}.")]


def test_fields__conditional_ones_say_when():
    assert [field.name for field in FIELDS if field.always == bool(field.when)] == []


@pytest.mark.parametrize(("make", "lines"), [(request, "request"), (task, "task"), (log, "log")])
def test_fields__each_is_on_its_line_and_no_other_is(make, lines):
    also = {"event.duration", "event.outcome", "django.db.count", "django.db.duration", "django.queue_duration"}
    expected = {field.name for field in FIELDS if field.lines in ("every", lines)}
    assert set(names_of(make())) == expected | (also if lines == "task" else set())


@pytest.mark.parametrize("make", [request, task, log])
def test_schema__accepts_a_line(make):
    assert [error.message for error in VALIDATOR.iter_errors(make())] == []


def test_schema__is_a_schema():
    Draft202012Validator.check_schema(json.loads(log_line_schema()))


@pytest.mark.parametrize("make", [request, task, log])
def test_schema__refuses_an_unknown_field(make):
    for document in ({**make(), "x": 1}, {**make(), "service": {**ORIGIN.service, "x": "y"}}):
        assert not VALIDATOR.is_valid(document)


def required(lines):
    return [field for field in FIELDS if field.always and field.lines in ("every", lines)]


@each(
    "make, field",
    [
        (make, field)
        for make, lines in ((request, "request"), (task, "task"), (log, "log"))
        for field in required(lines)
    ],
    name=lambda case: f"{case[0].__name__} {case[1].name}",
)
def test_schema__refuses_a_line_without_what_is_always_there(make, field):
    document = json.loads(json.dumps(make()))
    parent = document
    for key in field.path[:-1]:
        parent = parent[key]
    del parent[field.path[-1]]
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    "change",
    [
        {"@timestamp": "2026-11-21T09:00:00Z"},
        {"message": None},
        {"ecs.version": "1.6.0"},
        {"process": {"pid": "5"}},
        {"process": {"pid": -5}},
        {"labels": {"a": 1}},
        {"labels": {"": "x"}},
        {"event": {"dataset": "x"}},
    ],
)
def test_schema__refuses_a_wrong_value(change):
    assert not VALIDATOR.is_valid({**log(), **change})


def test_schema__datasets():
    schema = json.loads(log_line_schema())
    assert schema["properties"]["event"]["properties"]["dataset"]["enum"] == [
        REQUEST_DATASET,
        TASK_DATASET,
        LOG_DATASET,
    ]


def test_markdown__has_each_field():
    page = log_fields_markdown()
    assert [name for name in BY_NAME if f"| `{name}` |" not in page] == []


def mapped(properties, prefix=""):
    for key, value in properties.items():
        if "properties" in value:
            yield from mapped(value["properties"], f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value["type"]


def test_template__maps_each_field():
    template = json.loads(index_template())["template"]
    assert dict(mapped(template["mappings"]["properties"])) == {field.name: field.mapping for field in FIELDS}


def test_template__mapping_cannot_grow():
    assert json.loads(index_template())["template"]["mappings"]["dynamic"] is False


def test_template__is_for_a_data_stream():
    assert json.loads(index_template())["data_stream"] == {}


def test_template__patterns_are_of_the_logs_kind():
    assert all(
        re.fullmatch(r"logs-django[.*]?\*?-\*", pattern) for pattern in json.loads(index_template())["index_patterns"]
    )
