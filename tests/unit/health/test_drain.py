"""Draining: by file, by SIGTERM, for this server only, and never because of an earlier server."""

import os
import re
import sys
import time
import timeit
from types import SimpleNamespace

import pytest

from django_ops.exceptions import DrainError
from django_ops.health import drain


@pytest.fixture(autouse=True)
def own_file(drain_file):
    return drain_file


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_is_draining__not_at_first():
    assert not drain.is_draining()


def test_is_draining__while_the_master_stops(board):
    board.stopping = True
    assert drain.is_draining()


def test_is_draining__while_the_file_is_there(drain_file):
    drain_file.touch()
    assert drain.is_draining()


def test_is_draining__not_because_of_an_older_servers_file(drain_file, monkeypatch):
    monkeypatch.setattr(drain, "age_seconds", lambda pid: 60.0)
    drain_file.touch()
    age(drain_file, 61.0)
    assert not drain.is_draining()


def test_is_draining__file_as_old_as_this_server_counts(drain_file, monkeypatch):
    monkeypatch.setattr(drain, "age_seconds", lambda pid: 60.0)
    drain_file.touch()
    age(drain_file, 59.0)
    assert drain.is_draining()


def test_is_draining__file_that_names_this_server(drain_file):
    drain_file.write_text(f"{os.getpid()}\n")
    assert drain.is_draining()


def test_is_draining__file_that_names_another_server(drain_file):
    drain_file.write_text(f"{os.getpid() + 1}\n")
    assert not drain.is_draining()


def test_is_draining__file_that_names_the_gunicorn_master(drain_file, monkeypatch):
    monkeypatch.setenv("SERVER_SOFTWARE", "gunicorn/27.0.1")
    drain_file.write_text(f"{os.getppid()}\n")
    assert drain.is_draining()


@pytest.mark.parametrize("content", [b"\xff\xfe", b"-1", b"all", b"1" * 10_000])
def test_is_draining__hostile_content_drains_nobody(drain_file, content):
    drain_file.write_bytes(content)
    assert not drain.is_draining()


def test_is_draining__white_space_names_nobody_in_particular(drain_file):
    drain_file.write_text("\n")
    assert drain.is_draining()


def test_is_draining__default_file_of_another_user_is_not_believed(settings, tmp_path, monkeypatch):
    settings.OPS_DRAIN_FILE = ""
    path = tmp_path / "default"
    path.touch()
    monkeypatch.setattr(drain, "_drain_file", lambda configured, uid: path)
    assert drain.is_draining()
    monkeypatch.setattr(drain.os, "getuid", lambda: path.stat().st_uid + 1)
    if path.stat().st_uid == 0:
        os.chown(path, 12345, -1)
    assert not drain.is_draining()


def test_is_draining__costs_microseconds(drain_file):
    drain.is_draining()
    assert min(timeit.repeat(drain.is_draining, number=1000, repeat=5)) < 0.02  # 20 µs; about 1 is usual


def test_drain_file__configured(drain_file):
    assert drain.drain_file() == drain_file


@pytest.fixture
def default_file(settings):
    """The file's place when no setting names it, asked anew each time."""
    settings.OPS_DRAIN_FILE = ""

    def ask():
        drain._drain_file.cache_clear()
        return drain.drain_file()

    yield ask
    drain._drain_file.cache_clear()


def test_drain_file__default_names_user_and_settings(default_file):
    folder, name = default_file().parts[-2:]
    module = os.environ["DJANGO_SETTINGS_MODULE"]
    assert folder == f"django-ops-{os.getuid()}"
    assert re.fullmatch(rf"{re.escape(module)}\.[0-9a-f]{{12}}\.draining", name)


def test_drain_file__default_is_another_for_another_project(default_file, monkeypatch):
    """Of the same user, with settings of the same name."""
    ours = default_file()
    theirs = SimpleNamespace(__file__="/srv/other/tests/settings.py")
    monkeypatch.setitem(sys.modules, os.environ["DJANGO_SETTINGS_MODULE"], theirs)
    assert default_file() != ours


def test_drain_file__default_does_not_depend_on_where_a_process_was_started(default_file, monkeypatch, tmp_path):
    before = default_file()
    monkeypatch.chdir(tmp_path)
    assert default_file() == before


def test_drain_file__default_does_not_depend_on_the_servers_environment(settings, monkeypatch, tmp_path):
    settings.OPS_DRAIN_FILE = ""
    before = drain.drain_file()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    drain._drain_file.cache_clear()
    assert drain.drain_file() == before


def test_begin__drains(drain_file):
    drain.begin()
    assert drain.is_draining()


def test_begin__again_refreshes(drain_file):
    drain.begin()
    age(drain_file, 1000.0)
    drain.begin()
    assert time.time() - drain_file.stat().st_mtime < 100


def test_begin__for_one_master(drain_file):
    drain.begin(os.getppid())
    assert not drain.is_draining()


def test_begin__leaves_nothing_else_behind(drain_file):
    drain.begin()
    assert os.listdir(drain_file.parent) == ["draining"]


def test_begin__makes_the_directory(settings, tmp_path):
    settings.OPS_DRAIN_FILE = tmp_path / "new" / "draining"
    drain.begin()
    assert drain.is_draining()


def test_begin__unwritable_place_names_it_and_the_remedy(settings):
    settings.OPS_DRAIN_FILE = "/proc/nowhere/draining"
    with pytest.raises(DrainError, match=r"/proc/nowhere/draining cannot be written: .*Set OPS_DRAIN_FILE"):
        drain.begin()


def test_end__takes_the_file_away(drain_file):
    drain.begin()
    assert drain.end()
    assert not drain.is_draining()


def test_end__without_a_file():
    assert not drain.end()


def test_end__file_that_cannot_be_removed(settings, tmp_path):
    (tmp_path / "directory").mkdir()
    settings.OPS_DRAIN_FILE = tmp_path / "directory"
    with pytest.raises(DrainError, match="cannot be removed"):
        drain.end()


def test_has_begun__not_at_first():
    assert not drain.has_begun()


def test_has_begun__when_the_master_stops(board):
    board.stopping = True
    assert drain.has_begun()


def test_has_begun__when_a_probe_has_seen_the_file(drain_file):
    drain_file.touch()
    assert not drain.has_begun()
    drain.observe()
    assert drain.has_begun()


def test_observe__tells_probes(drain_file):
    drain_file.touch()
    assert drain.observe()


def test_observe__remembers_when_the_first_probe_was_told(drain_file, board):
    drain_file.touch()
    before = time.monotonic()
    drain.observe()
    first = board.seen_at
    drain.observe()
    assert before <= first == board.seen_at <= time.monotonic()


def test_observe__forgets_when_it_is_undone(drain_file, board):
    drain_file.touch()
    drain.observe()
    drain_file.unlink()
    drain.observe()
    assert board.seen_at == 0.0


def test_observe__lets_ops_drain_see_that_somebody_looks(drain_file):
    from django_ops.health.watch import is_watched

    drain.observe()
    assert is_watched(drain_file)
