"""The debug toolbar's panels, telling what they show."""

from __future__ import annotations

from typing import Any

from debug_toolbar.panels.cache import CachePanel
from debug_toolbar.panels.sql import SQLPanel

from tests.integration import onlookers


class Caches(CachePanel):
    """The panel of caches."""

    panel_id = "CachePanel"

    def generate_stats(self, request: Any, response: Any) -> None:
        calls = [(call["backend"], call["name"], repr(call["args"]), repr(call["kwargs"])) for call in self.calls]
        onlookers.seen.append([self.hits, self.misses, calls])
        super().generate_stats(request, response)


class Statements(SQLPanel):
    """The panel of databases."""

    panel_id = "SQLPanel"

    def generate_stats(self, request: Any, response: Any) -> None:
        onlookers.seen.append([(query["alias"], query["raw_sql"]) for query in self._queries])
        super().generate_stats(request, response)
