"""Creates documents in Elasticsearch, in bulk, until it has answered for each."""

import base64
import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

from .configuration import Configuration

Document = tuple[str | None, dict[str, Any]]


class NotNowError(Exception):
    """Elasticsearch did not take the request; the same is tried again."""


class Elasticsearch:
    """The first host of the configuration, with its user and password."""

    def __init__(self, told: Configuration, warn: Callable[[str], None]) -> None:
        self._url = told.hosts[0].rstrip("/")
        self._index = told.index
        self._warn = warn
        token = base64.b64encode(f"{told.username}:{told.password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/x-ndjson"}

    def hello(self) -> str:
        """Return the version that answers; raises NotNowError when none does, or refuses us."""
        self._ask("GET", "/_license")
        return str(self._ask("GET", "/")["version"]["number"])

    def create(self, documents: Sequence[Document]) -> list[Document]:
        """Create documents, and return those that are to be sent again.

        One whose id is there already counts as sent; one that is refused for good is dropped with a warning.
        Raises NotNowError when none was taken.
        """
        body = "".join(
            json.dumps({"create": {"_index": self._index, **({"_id": identity} if identity else {})}})
            + f"\n{json.dumps(document, ensure_ascii=False)}\n"
            for identity, document in documents
        )
        answer = self._ask("POST", "/_bulk", gzip.compress(body.encode(), 1))
        again = []
        for document, item in zip(documents, answer["items"], strict=True):
            status = item["create"]["status"]
            if status == 429 or status >= 500:
                again.append(document)
            elif status > 299 and status != 409:
                self._warn(f"dropped {document[0]}, as Elasticsearch says {status}: {item['create'].get('error')}")
        return again

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
