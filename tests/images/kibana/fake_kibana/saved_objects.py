"""The saved objects: taken from an import, kept in a file, given to who asks."""

import json
import threading
from email.parser import BytesParser
from pathlib import Path
from typing import Any

#: The attributes that our saved objects have, by their type.
_KNOWN = {
    "index-pattern": {"title", "name", "timeFieldName"},
    "search": {"title", "description", "columns", "sort", "grid", "hideChart", "kibanaSavedObjectMeta"},
}


class BadImportError(Exception):
    """What is wrong with what was sent."""


class SavedObjects:
    """All of them, by type and id; they outlive a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._all: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._all = {}

    def find(self, kind: str) -> list[Any]:
        """Return those of a type."""
        with self._lock:
            return [each for each in self._all.values() if each["type"] == kind]

    def put(self, sent: bytes, content_type: str) -> int:
        """Keep the objects of a form's NDJSON file, and return how many; raises BadImportError, and keeps none then."""
        objects = [_checked(line) for line in _file(sent, content_type).splitlines() if line.strip()]
        with self._lock:
            known = self._all.keys() | {_key(each) for each in objects}
            for each in objects:
                if missing := [_key(one) for one in each["references"] if _key(one) not in known]:
                    raise BadImportError(f"{_key(each)} refers to {', '.join(missing)}, which is not there")
            self._all.update({_key(each): each for each in objects})
            self._path.write_text(json.dumps(self._all), encoding="utf-8")
        return len(objects)


def _key(each: dict[str, Any]) -> str:
    return f"{each['type']}:{each['id']}"


def _file(sent: bytes, content_type: str) -> str:
    form = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + sent)
    if not form.is_multipart():
        raise BadImportError("the body is no form")
    for part in form.get_payload():
        if 'name="file"' in part.get("Content-Disposition", "") and part.get_filename("").endswith(".ndjson"):
            return part.get_payload(decode=True).decode("utf-8")
    raise BadImportError("the form has no file of NDJSON")


def _checked(line: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(line)
        attributes = told["attributes"]
        known = _KNOWN[told["type"]]
        references = {each["name"] for each in told["references"]}
        if unknown := attributes.keys() - known:
            raise BadImportError(f"{_key(told)}: unknown {', '.join(sorted(unknown))}")
        if told["type"] == "search":
            source = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
            if source["indexRefName"] not in references:
                raise BadImportError(f"{_key(told)} has no reference {source['indexRefName']}")
    except (KeyError, TypeError, ValueError) as error:
        raise BadImportError(f"no saved object: {error!r} in {line[:80]}") from error
    return told
