"""What the tests of the proxy share."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest
from django.core.cache import cache
from django.urls import path

from django_ops.access.gate import people
from tests.unit.access.gate.proxying import ADA


class Known:
    """Who the visitor is, as sessions and users would tell; an exception is raised."""

    def __init__(self) -> None:
        self.person: object = ADA

    async def find(self, cookies: object, service: object) -> object:
        if isinstance(self.person, Exception):
            raise self.person
        return self.person


@pytest.fixture
def nothing_remembered() -> Iterator[None]:
    """Neither what users may open nor their sessions is left of another test."""
    people.memory.clear()
    yield
    people.memory.clear()
    cache.clear()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Known:
    """Who the visitor is: Ada, unless a test says otherwise."""
    known = Known()
    monkeypatch.setattr(people, "afind", known.find)
    monkeypatch.setattr(people, "afind_again", known.find)
    return known


@pytest.fixture
def proxied(settings, connections_are_kept, known) -> None:
    """The settings of proxy mode; a test names the services."""
    from django_ops.access.gate.proxy import proxy

    urls = ModuleType("urls")
    urls.urlpatterns = [path("ops/<slug:name>/", proxy), path("ops/<slug:name>/<path:path>", proxy)]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urls
    settings.OPS_GATE_MODE = "proxy"
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.LOGIN_URL = "/login/"
