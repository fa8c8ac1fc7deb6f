"""Does a living server look at the drain file?"""

import os
import subprocess
import sys

import pytest

from django_ops.health import watch

WATCHER = """
import sys, pathlib
from django_ops.health.watch import watch
watch(pathlib.Path(sys.argv[1]))
print("watching", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def watcher(tmp_path):
    """A process that looks at the drain file."""
    process = subprocess.Popen(
        [sys.executable, "-c", WATCHER, str(tmp_path / "draining")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"watching\n"
    yield process
    process.communicate()


def test_is_watched__by_nobody(tmp_path):
    assert not watch.is_watched(tmp_path / "draining")


def test_is_watched__by_a_living_process(tmp_path, watcher):
    assert watch.is_watched(tmp_path / "draining")


def test_is_watched__not_by_a_killed_process(tmp_path, watcher):
    watcher.kill()
    watcher.wait(10)
    assert not watch.is_watched(tmp_path / "draining")


def test_is_watched__not_another_file(tmp_path, watcher):
    assert not watch.is_watched(tmp_path / "other")


def test_is_watched__looking_disturbs_no_later_watcher(tmp_path):
    watch.is_watched(tmp_path / "draining")
    watch.watch(tmp_path / "draining")
    assert watch.is_watched(tmp_path / "draining")


def test_watch__twice_takes_one_descriptor(tmp_path):
    watch.watch(tmp_path / "draining")
    before = len(os.listdir("/proc/self/fd"))
    watch.watch(tmp_path / "draining")
    assert len(os.listdir("/proc/self/fd")) == before


def test_watch__makes_the_directory_for_this_user_only(tmp_path):
    watch.watch(tmp_path / "new" / "draining")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_watch__impossible_place_raises_nothing():
    watch.watch(watch.Path("/proc/nowhere/draining"))


def test_is_watched__impossible_place_is_false():
    assert not watch.is_watched(watch.Path("/proc/nowhere/draining"))


def test_watch__retries_after_somebody_looked(tmp_path):
    import fcntl

    path = tmp_path / "draining"
    looking = os.open(tmp_path / "draining.watched", os.O_RDWR | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_EX)
    watch.watch(path)
    os.close(looking)
    watch.watch(path)
    assert watch.is_watched(path)
