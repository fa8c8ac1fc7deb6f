"""What the reference project's tests share. They need its settings, so they are a run of their own."""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path

import pytest

SETTINGS = "tests.unit.stack.settings"

if os.environ.get("DJANGO_SETTINGS_MODULE") != SETTINGS:
    collect_ignore_glob = ["test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that these tests were left out, where they were."""
    if os.environ.get("DJANGO_SETTINGS_MODULE") != SETTINGS:
        terminalreporter.write_line(
            f"tests/unit/stack is a run of its own: pytest --ds {SETTINGS} tests/unit/stack", yellow=True
        )


def pytest_unconfigure() -> None:
    """Remove the directory that the settings made."""
    if os.environ.get("DJANGO_SETTINGS_MODULE") == SETTINGS:
        from django.conf import settings

        shutil.rmtree(settings.VAR_DIR, ignore_errors=True)


@pytest.fixture
def var(tmp_path: Path, settings) -> Path:
    """A directory for what is written, of one test."""
    settings.VAR_DIR = tmp_path
    return tmp_path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory as the volumes of the secrets make it: one empty directory for each group."""
    from stack.provision.secrets import template
    from stack.provision.secrets.table import GROUPS

    monkeypatch.setattr(template, "_BCRYPT_ROUNDS", 4)  # the least: these hashes guard nothing

    for name in GROUPS:
        (tmp_path / name).mkdir(mode=0o755)
    return tmp_path


@pytest.fixture
def written(root: Path) -> Path:
    """The same after the first start."""
    from stack.provision.secrets.store import Store
    from tests.unit.stack.secret_files import OURS

    Store(root, OURS).write()
    return root


@pytest.fixture
def places(db):
    """One data centre and two environments."""
    from stack.inventory.models import DataCentre, Environment

    return (
        DataCentre.objects.create(code="ams1", name="Amsterdam Science Park", city="Amsterdam"),
        Environment.objects.create(slug="production", name="Production", rank=10),
        Environment.objects.create(slug="staging", name="Staging", rank=20),
    )


@pytest.fixture
def make_server(places):
    """Make servers: the first argument is the hostname, the others are fields."""
    from stack.inventory.models import Server, Tag

    centre, production, _staging = places

    def make(hostname: str, *, tags: tuple[str, ...] = (), **fields: object) -> Server:
        number = Server.objects.count() + 1
        server = Server.objects.create(
            hostname=hostname,
            **{
                "address": f"192.0.2.{number}",
                "data_centre": centre,
                "environment": production,
                "status": "active",
                "cpu_cores": 4,
                "memory_gib": 16,
                "disk_gib": 80,
                "commissioned_on": date(2024, 5, 1),
                **fields,
            },
        )
        server.tags.set(Tag.objects.get_or_create(name=name)[0] for name in tags)
        return server

    return make


@pytest.fixture
def visitor(django_user_model):
    """An ordinary user."""
    return django_user_model.objects.create_user("visitor", password="a long password")


@pytest.fixture
def signed_in(client, visitor):
    """A client that is signed in as the visitor."""
    client.force_login(visitor)
    return client
