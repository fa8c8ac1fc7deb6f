"""Makes an event of a line, as the parser ndjson and our processors do."""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from .configuration import merged, nested


def event_of(raw: bytes, path: str, fingerprint: str, offset: int, longest_bytes: int) -> dict[str, Any]:
    """Return the event of a line without its newline, before the processors.

    What is not a JSON object is kept as the message, with an error that says so.
    """
    text = raw[:longest_bytes].decode("utf-8", "replace")
    place = {"file": {"path": path, "fingerprint": fingerprint}, "offset": offset}
    event: dict[str, Any] = {"@timestamp": _now(), "message": text, "log": place, "input": {"type": "filestream"}}
    try:
        told = json.loads(text)
        if not isinstance(told, dict):
            raise ValueError("not an object")
    except ValueError as error:
        event["error"] = {"type": "json", "message": f"Error decoding JSON: {error}"}
        return event
    when = _timestamp(told.pop("@timestamp", None))
    del event["message"]  # the line's own is right, and a line may have none
    event = merged(event, without_null(nested(told)))
    if when is None:
        event["error"] = {"type": "json", "message": "@timestamp not overwritten (not a time)"}
    else:
        event["@timestamp"] = when
    return event


def without_null(value: Any) -> Any:
    """Return the value without what is null, as keep_null is false."""
    if isinstance(value, dict):
        return {key: without_null(inner) for key, inner in value.items() if inner is not None}
    return value


def processed(event: dict[str, Any], processors: tuple[dict[str, Any], ...]) -> tuple[str | None, dict[str, Any]]:
    """Return the document's id, None where it could not be had, and the document."""
    identity = None
    for processor in processors:
        ((name, told),) = processor.items()
        if name == "fingerprint":
            identity = _fingerprint(event, told)
        elif name == "add_fields":
            wanted = told.get("when", {}).get("not", {}).get("regexp")
            if wanted is None or not _matches(event, wanted):
                added = told["fields"]
                target = told.get("target", "fields")
                event = merged(event, {target: added} if target else added)
        elif name == "drop_fields":
            for each in told["fields"]:
                _drop(event, each)
        else:
            raise NotImplementedError(name)
    return identity, event


def _fingerprint(event: dict[str, Any], told: dict[str, Any]) -> str | None:
    source = ""
    for name in sorted(told["fields"]):
        value = _get(event, name)
        if value is None or isinstance(value, (dict, list)):
            return None  # the processor fails, and the event goes on without
        source += f"|{name}|{value}"
    return hashlib.sha256(f"{source}|".encode()).hexdigest()


def _matches(event: Any, wanted: Any) -> bool:
    """Tell whether a field is a text that fits: `{log: {file: {path: "^/var"}}}` has the field and the expression."""
    while isinstance(wanted, dict):
        ((key, wanted),) = wanted.items()
        event = event.get(key) if isinstance(event, dict) else None
    return isinstance(event, str) and re.search(wanted, event) is not None


def _get(event: Any, name: str) -> Any:
    for key in name.split("."):
        if not isinstance(event, dict) or key not in event:
            return None
        event = event[key]
    return event


def _drop(event: dict[str, Any], name: str) -> None:
    *parents, last = name.split(".")
    inner: Any = event
    for key in parents:
        inner = inner.get(key) if isinstance(inner, dict) else None
    if isinstance(inner, dict):
        inner.pop(last, None)


def _now() -> str:
    return _formatted(datetime.now(UTC))


def _formatted(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def _timestamp(text: Any) -> str | None:
    try:
        when = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return _formatted(when) if when.tzinfo else None
