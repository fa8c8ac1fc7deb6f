"""How a worker gets its slots."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import signals
from celery.concurrency import prefork, solo

from django_ops.celery import server, worker
from django_ops.record import slot, slot_directory


@pytest.fixture(autouse=True)
def _nothing_is_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let no test touch this process's own slot, warnings or directory."""
    monkeypatch.setattr(worker.slot, "be_main", lambda: None)
    monkeypatch.setattr(worker.slots, "install", lambda: None)
    monkeypatch.setattr(worker.warnings, "filterwarnings", lambda *args: None)
    monkeypatch.setattr(slot_directory.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(slot_directory, "_owner_pid", 0)
    monkeypatch.delenv(slot.DIRECTORY_VARIABLE, raising=False)
    monkeypatch.delenv("DJANGO_OPS_OWN_SLOTS", raising=False)
    given = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(given)


class WorkController:
    """A worker, as far as we look at it."""

    def __init__(self, pool: Any) -> None:
        self.pool_cls = pool
        self.app = None


COMMAND = ["/usr/bin/celery", "-A", "shop", "worker", "-c", "2"]


def test_import__needs_no_settings() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run([sys.executable, "-c", "import django_ops.celery"], env=environment, check=True, timeout=60)


def test_import__without_celery_says_what_to_install() -> None:
    code = "import sys; sys.modules['celery'] = None; import django_ops.celery"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "pip install './django-ops[celery]'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "is_worker"),
    [
        (COMMAND, True),
        (["/lib/python/celery/__main__.py", "-A", "shop", "worker"], True),
        (["celery", "worker"], True),
        ([*COMMAND, "--detach"], False),
        ([*COMMAND, "-D"], False),
        (["/usr/bin/celery", "-A", "shop", "beat"], False),
        (["/usr/bin/celery", "-A", "shop", "inspect", "ping"], False),
        (["manage.py", "worker"], False),
        (["/usr/bin/gunicorn", "worker"], False),
        (["celery"], False),
        ([""], False),
        ([], False),
    ],
)
def test_worker_command__is_known_by_its_arguments(
    arguments: list[str], is_worker: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", arguments)
    worker.prepare()
    assert (slot.directory() is not None) == is_worker


def test_prepare__makes_no_directory_in_a_child_of_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", COMMAND)
    monkeypatch.setattr(worker, "is_pool_child", lambda: True)
    worker.prepare()
    assert slot.directory() is None


def test_prepare__makes_one_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", COMMAND)
    worker.prepare()
    worker.prepare()
    assert [path.is_dir() for path in tmp_path.iterdir()] == [True]


def test_prepare__keeps_a_directory_that_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", COMMAND)
    monkeypatch.setenv(slot.DIRECTORY_VARIABLE, "/run/shop/slots")
    worker.prepare()
    assert (slot.directory(), list(tmp_path.iterdir())) == (Path("/run/shop/slots"), [])


def test_prepare__does_not_share_the_directory_that_another_server_made_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", COMMAND)
    monkeypatch.setenv(slot.DIRECTORY_VARIABLE, "/tmp/django-ops-theirs")
    monkeypatch.setenv("DJANGO_OPS_OWN_SLOTS", "/tmp/django-ops-theirs")
    worker.prepare()
    assert slot.directory() != Path("/tmp/django-ops-theirs")


def test_command__that_was_started_otherwise_makes_a_directory(tmp_path: Path) -> None:
    signals.celeryd_init.send(sender="w@host", instance=SimpleNamespace(quiet=False), conf=None, options={})
    assert [path.is_dir() for path in tmp_path.iterdir()] == [True]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_command__shows_the_banner_on_a_terminal_only(is_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: is_terminal, write=print, flush=lambda: None))
    instance = SimpleNamespace(quiet=False)
    signals.celeryd_init.send(sender="w@host", instance=instance, conf=None, options={})
    assert instance.quiet is not is_terminal


def test_shutdown__removes_the_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", COMMAND)
    worker.prepare()
    signals.worker_shutdown.send(sender=None)
    assert list(tmp_path.iterdir()) == []


def test_shutdown__of_a_child_leaves_the_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", COMMAND)
    worker.prepare()
    monkeypatch.setattr(slot_directory, "_owner_pid", -1)
    signals.worker_shutdown.send(sender=None)
    assert len(list(tmp_path.iterdir())) == 1


POOLS: list[tuple[Any, bool]] = [
    ("prefork", True),
    ("processes", True),
    (prefork.TaskPool, True),
    ("solo", False),
    (solo.TaskPool, False),
    ("threads", False),
    ("gevent", False),
    ("celery.concurrency.prefork:TaskPool", True),
]


@pytest.mark.parametrize(("pool", "is_prefork"), POOLS)
def test_is_prefork__by_name_or_class(pool: Any, is_prefork: bool) -> None:
    assert worker.is_prefork(pool) == is_prefork


@pytest.mark.parametrize(("pool", "is_prefork"), POOLS)
def test_init__makes_the_parent_of_processes_a_master(
    pool: Any, is_prefork: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[bool] = []
    monkeypatch.setattr(worker.slot, "be_main", lambda: called.append(True))
    signals.worker_init.send(sender=WorkController(pool))
    assert bool(called) == is_prefork


def test_init__empties_the_directory_of_slots_that_nobody_holds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(slot.DIRECTORY_VARIABLE, str(tmp_path))
    (tmp_path / "metrics-41.cells").write_bytes(b"old")
    signals.worker_init.send(sender=WorkController("prefork"))
    assert not (tmp_path / "metrics-41.cells").exists()


def test_init__starts_the_metrics_server(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[bool] = []
    monkeypatch.setattr(server, "start", lambda: started.append(True))
    signals.worker_init.send(sender=WorkController("solo"))
    assert started == [True]
