"""From the table of log fields: the docs page, the JSON Schema, and the index template of Elasticsearch."""

from __future__ import annotations

import json
from typing import Any

from django_ops.logs.fields import (
    ALSO_ON_TASKS,
    ECS_VERSION,
    FIELDS,
    LOG_DATASET,
    LONGEST_LINE_BYTES,
    REQUEST_DATASET,
    TASK_DATASET,
    Field,
)
from docs.generate import NOTICE

#: Data streams that the template is for. The first is what filebeat.yml writes.
INDEX_PATTERNS = ["logs-django-*", "logs-django.*-*"]
#: Above Elasticsearch's own `logs-*-*`, which has 100.
TEMPLATE_PRIORITY = 500
#: What elasticsearch/setup adds, and what an operator may: the template is good without them.
COMPONENTS = ["django-ops-nginx", "django-ops-retention", "django-ops-custom"]
#: Longer keywords are kept and shown, but not searched.
IGNORE_ABOVE = 1024

_HEADINGS = {
    "every": "On every line",
    "request": "On the line of a request",
    "task": "On the line of a task",
    "log": "On what an application logs",
}
_DATASETS = {"request": REQUEST_DATASET, "task": TASK_DATASET, "log": LOG_DATASET}


def log_fields_markdown() -> str:
    """Return the docs page."""
    parts = [
        NOTICE,
        "# Log fields\n\n",
        f"Each line is one JSON object, UTF-8, at most {LONGEST_LINE_BYTES:,} bytes with its newline. Names are those"
        f" of the [Elastic Common Schema](https://www.elastic.co/docs/reference/ecs) {ECS_VERSION}; `http.route` is"
        " OpenTelemetry's, and what neither has lies under `django`. A field without a value is left out, never"
        " null.\n\n"
        'Fields are nested (`url.path` is `{"url": {"path": ...}}`), but for `log.level`, `log.logger`,'
        " `log.origin` and `ecs.version`, which are top-level keys with a dot, as"
        " [ecs-logging](https://github.com/elastic/ecs-logging) has them; Elasticsearch and Filebeat take both"
        " spellings as the same field. Durations are in nanoseconds.\n\n"
        "The same table as a [JSON Schema](log-line.schema.json), and as an"
        " [index template](../../elasticsearch/index-template.json) of Elasticsearch.\n",
    ]
    for lines, heading in _HEADINGS.items():
        parts.append(f"\n## {heading}\n\n")
        if lines == "task":
            shared = ", ".join(f"`{field.name}`" for field in FIELDS if field.name in ALSO_ON_TASKS)
            parts.append(f"Beside these: {shared}.\n\n")
        parts.append("| field | type | in Elasticsearch | when | meaning | example |\n|---|---|---|---|---|---|\n")
        parts += [_row(field) for field in FIELDS if field.lines == lines]
    return "".join(parts)


def _row(field: Field) -> str:
    when = "always" if field.always else field.when
    return (
        f"| `{field.name}` | {field.json_type} | `{field.mapping}` | {when} | {field.description}"
        f" | `{field.example.replace('|', '&#124;')}` |\n"
    )


def log_line_schema() -> str:
    """Return the JSON Schema, which the tests hold each line against."""
    root = _object()
    for field in FIELDS:
        parent = root
        for key in field.path[:-1]:
            parent = parent["properties"].setdefault(key, _object())
        parent["properties"][field.path[-1]] = _json_type(field)
    _require(root, [field for field in FIELDS if field.lines == "every" and field.always])
    root["properties"]["event"]["properties"]["dataset"]["enum"] = list(_DATASETS.values())
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A log line of django-ops",
        "description": f"One JSON object per line, at most {LONGEST_LINE_BYTES} bytes with its newline.",
        **root,
        "allOf": [_condition(lines, dataset) for lines, dataset in _DATASETS.items()],
    }
    return json.dumps(schema, indent=2) + "\n"


def _condition(lines: str, dataset: str) -> dict[str, Any]:
    """Require what the lines of `dataset` always have."""
    required: dict[str, Any] = {"properties": {}}
    fields = [
        field
        for field in FIELDS
        if field.always and (field.lines == lines or (lines == "task" and field.name in ALSO_ON_TASKS))
    ]
    for field in fields:
        parent = required
        for key in field.path[:-1]:
            parent = parent["properties"].setdefault(key, {"properties": {}})
    _require(required, fields)
    return {"if": {"properties": {"event": {"properties": {"dataset": {"const": dataset}}}}}, "then": required}


def _object() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "additionalProperties": False}


def _require(root: dict[str, Any], fields: list[Field]) -> None:
    for field in fields:
        parent = root
        for key in field.path:
            required = parent.setdefault("required", [])
            if key not in required:
                required.append(key)
            parent = parent["properties"].get(key, {})


def _json_type(field: Field) -> dict[str, Any]:
    described = {"description": field.description.replace("`", "")}
    if field.name == "@timestamp":
        return {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", **described}
    if field.name == "ecs.version":
        return {"const": ECS_VERSION, **described}
    if field.json_type == "integer":
        return {"type": "integer", "minimum": 0, **described}
    if field.json_type == "strings by name":
        return {
            "type": "object",
            "propertyNames": {"minLength": 1},
            "additionalProperties": {"type": "string"},
            **described,
        }
    return {"type": "string", **described}


def index_template() -> str:
    """Return the composable index template of the data stream that holds the lines."""
    mappings: dict[str, Any] = {"dynamic": False, "properties": {}}
    for field in FIELDS:
        parent = mappings
        for key in field.name.split(".")[:-1]:
            parent = parent["properties"].setdefault(key, {"properties": {}})
        parent["properties"][field.name.split(".")[-1]] = _mapping(field)
    template = {
        "index_patterns": INDEX_PATTERNS,
        "priority": TEMPLATE_PRIORITY,
        "data_stream": {},
        "composed_of": COMPONENTS,
        "ignore_missing_component_templates": COMPONENTS,
        "template": {
            "settings": {
                "index": {
                    "number_of_shards": 1,
                    "auto_expand_replicas": "0-1",
                    "codec": "best_compression",
                    # a value of the wrong type costs its field, not its line
                    "mapping": {"ignore_malformed": True},
                }
            },
            "mappings": mappings,
        },
        "_meta": {"description": "The log lines of django-ops, from its table of log fields", "ecs": ECS_VERSION},
    }
    return json.dumps(template, indent=2) + "\n"


def _mapping(field: Field) -> dict[str, Any]:
    if field.mapping == "keyword":
        return {"type": "keyword", "ignore_above": IGNORE_ABOVE}
    if field.mapping == "flattened":
        return {"type": "flattened", "ignore_above": IGNORE_ABOVE}
    if field.mapping == "text":
        return {"type": "text", "norms": False}
    if field.name == "@timestamp":
        return {"type": "date", "ignore_malformed": False}  # a data stream asks for it on every line
    return {"type": field.mapping}


ARTEFACTS = {
    "docs/reference/log-fields.md": log_fields_markdown,
    "docs/reference/log-line.schema.json": log_line_schema,
    "elasticsearch/index-template.json": index_template,
}
