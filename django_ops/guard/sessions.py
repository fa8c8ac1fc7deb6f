"""Sessions whose keys nobody can read out of the database: `SESSION_ENGINE = "django_ops.guard.sessions"`.

Django's own store keeps the cookie's value as the row's key, so whoever sees the table, a backup of it or a query can
go on with everybody's sessions. Here the row has a hash of it.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.db.models import QuerySet
from django.utils import timezone

#: What the column holds: 160 bits in hexadecimal digits. A key is random, 165 bits: it needs neither salt nor rounds.
STORED_LENGTH = 40


def stored_key(session_key: str) -> str:
    """Return what stands in the table for a session's key, the value of its cookie."""
    return hashlib.sha256(session_key.encode("utf-8", "surrogatepass")).hexdigest()[:STORED_LENGTH]


class SessionStore(db.SessionStore):
    """Django's sessions in the database, each under the hash of its key."""

    def load(self) -> dict[str, Any]:
        """Return what is in the session; nothing where there is none."""
        return self._content(self._rows().first())

    async def aload(self) -> dict[str, Any]:
        """As `load`."""
        return self._content(await self._rows().afirst())

    def exists(self, session_key: str) -> bool:
        """Tell whether there is such a session."""
        return bool(super().exists(stored_key(session_key)))

    async def aexists(self, session_key: str) -> bool:
        """As `exists`."""
        return bool(await super().aexists(stored_key(session_key)))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        """Return the row to be saved."""
        return _hashed(super().create_model_instance(data))

    async def acreate_model_instance(self, data: dict[str, Any]) -> Any:
        """As `create_model_instance`."""
        return _hashed(await super().acreate_model_instance(data))

    def delete(self, session_key: str | None = None) -> None:
        """Remove this session, or the one that is named."""
        if key := session_key or self.session_key:
            super().delete(stored_key(key))

    async def adelete(self, session_key: str | None = None) -> None:
        """As `delete`."""
        if key := session_key or self.session_key:
            await super().adelete(stored_key(key))

    def _rows(self) -> QuerySet[Any]:
        key = stored_key(self.session_key or "")
        rows: QuerySet[Any] = self.model.objects.filter(session_key=key, expire_date__gt=timezone.now())
        return rows

    def _content(self, row: Any) -> dict[str, Any]:
        if row is None:
            self._session_key = None  # a new key: what a client names is never made a session
            return {}
        content: dict[str, Any] = self.decode(row.session_data)
        return content


def _hashed(row: Any) -> Any:
    row.session_key = stored_key(row.session_key)
    return row
