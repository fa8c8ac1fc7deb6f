"""Creates documents in Elasticsearch, in bulk, until it has answered for each."""

import base64
import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .configuration import Configuration


class Document(NamedTuple):
    """An event with its id, None where that could not be had; `index` is None for the configuration's."""

    id: str | None
    event: dict[str, Any]
    index: str | None = None


class NotNowError(Exception):
    """Elasticsearch did not take the request; the same is tried again."""


class Elasticsearch:
    """The first host of the configuration, with its user and password."""

    def __init__(self, told: Configuration, warn: Callable[[str], None]) -> None:
        self._url = told.hosts[0].rstrip("/")
        self._index = told.index
        self._refused_index = told.refused_index
        self._warn = warn
        token = base64.b64encode(f"{told.username}:{told.password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/x-ndjson"}

    def hello(self) -> str:
        """Return the version that answers; raises NotNowError when none does, or refuses us."""
        self._ask("GET", "/_license")
        return str(self._ask("GET", "/")["version"]["number"])

    def create(self, documents: Sequence[Document]) -> list[Document]:
        """Create documents, and return those that are to be sent again.

        One whose id is there already counts as sent; one that is refused for good is sent as a text to the index for
        such, or dropped with a warning where there is none, or where that refuses it too.
        Raises NotNowError when none was taken.
        """
        body = "".join(
            json.dumps({"create": {"_index": each.index or self._index, **({"_id": each.id} if each.id else {})}})
            + f"\n{json.dumps(each.event, ensure_ascii=False)}\n"
            for each in documents
        )
        answer = self._ask("POST", "/_bulk", gzip.compress(body.encode(), 1))
        again = []
        for document, item in zip(documents, answer["items"], strict=True):
            status = item["create"]["status"]
            if status == 429 or status >= 500:
                again.append(document)
            elif status > 299 and status != 409:
                again += self._refused(document, status, item["create"].get("error"))
        return again

    def _refused(self, document: Document, status: int, error: object) -> list[Document]:
        if document.index is not None or self._refused_index is None:
            self._warn(f"dropped {document.id}, as Elasticsearch says {status}: {error}")
            return []
        event = {
            "@timestamp": document.event["@timestamp"],
            "message": json.dumps(document.event, ensure_ascii=False),
            "error": {"type": status, "message": json.dumps(error, ensure_ascii=False)},
        }
        return [Document(document.id, event, self._refused_index)]

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        headers = {**self._headers, **({"Content-Encoding": "gzip"} if body else {})}
        request = urllib.request.Request(self._url + path, data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise NotNowError(f"{method} {path}: {error.code} {error.read(300).decode(errors='replace')}") from error
        except (OSError, ValueError) as error:
            raise NotNowError(f"{method} {path}: {error}") from error
