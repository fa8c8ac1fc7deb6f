"""Who makes a slot directory, and who removes it."""

import os

import pytest

from django_ops.exceptions import SlotError
from django_ops.record import owner, slot, slot_directory
from tests.programs import require_root
from tests.users import GID, UID, as_another, directory_of_another


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch, tmp_path):
    """Let no test touch this process's own directory, or leave one behind."""
    monkeypatch.setattr(slot_directory, "_owner_pid", 0)
    monkeypatch.setattr(slot_directory.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(slot_directory.atexit, "register", lambda function: None)
    before = dict(os.environ)
    for variable in (slot.DIRECTORY_VARIABLE, slot_directory.OWN_VARIABLE):
        os.environ.pop(variable, None)
    yield
    os.environ.clear()
    os.environ.update(before)


def made():
    slot_directory.provide()
    return os.environ[slot.DIRECTORY_VARIABLE]


def test_directory__that_is_given_is_kept(tmp_path):
    os.environ[slot.DIRECTORY_VARIABLE] = str(tmp_path)
    assert made() == str(tmp_path)
    slot_directory.remove()
    assert tmp_path.is_dir()


def test_directory__is_made_for_its_owner_alone():
    assert os.stat(made()).st_mode & 0o777 == 0o700


def test_directory__is_removed_with_what_is_in_it(tmp_path):
    directory = made()
    (tmp_path / directory / "slot-0.lock").touch()
    slot_directory.remove()
    assert not os.path.exists(directory)


def test_directory__is_made_once():
    assert made() == made()


def test_directory__of_a_server_that_started_this_one_is_not_taken(tmp_path):
    for variable in (slot.DIRECTORY_VARIABLE, slot_directory.OWN_VARIABLE):
        os.environ[variable] = str(tmp_path / "theirs")
    assert made() != str(tmp_path / "theirs")


def test_directory__is_not_removed_by_a_child(monkeypatch):
    directory = made()
    monkeypatch.setattr(slot_directory, "_owner_pid", -1)
    slot_directory.remove()
    assert os.path.isdir(directory)


def test_take_over__removes_what_the_first_process_made(monkeypatch):
    directory = made()
    monkeypatch.setattr(slot_directory, "_owner_pid", -1)
    slot_directory.take_over()
    slot_directory.remove()
    assert not os.path.exists(directory)


def test_take_over__of_nothing_owns_nothing():
    slot_directory.take_over()
    assert slot_directory._owner_pid == 0


def test_directory__of_root_is_made_anew_for_the_user_that_it_becomes(monkeypatch):
    """`celery worker --uid`: the application is loaded before."""
    require_root()
    monkeypatch.setattr(slot_directory.tempfile, "tempdir", None)
    with directory_of_another() as directory:
        monkeypatch.setattr(slot_directory.tempfile, "tempdir", str(directory))
        before = made()
        assert as_another(lambda: os.access(made(), os.W_OK))
        assert made() == before


@pytest.fixture
def of_a_group(monkeypatch):
    """The slot directory, which only root and a group that root has may write."""
    require_root()
    monkeypatch.setattr(owner, "_heir", None)
    monkeypatch.setattr(slot_directory.tempfile, "tempdir", None)
    before = os.getgroups()
    with directory_of_another() as directory:
        slots = directory / "slots"
        slots.mkdir()
        os.chown(slots, 0, 4711)
        slots.chmod(0o770)
        monkeypatch.setenv(slot.DIRECTORY_VARIABLE, str(slots))
        os.setgroups([4711])
        yield
        os.setgroups(before)


@pytest.mark.usefixtures("of_a_group")
def test_hand_over__asks_for_the_groups_that_the_workers_will_have():
    slot_directory.hand_over(UID, GID, has_own_groups=False)
    with pytest.raises(SlotError, match="cannot write"):
        slot_directory.hand_over(UID, GID, has_own_groups=True)
    assert (os.getgroups(), os.geteuid(), os.getegid()) == ([4711], 0, 0)


def test_hand_over__of_what_cannot_be_made(monkeypatch):
    require_root()
    monkeypatch.setattr(owner, "_heir", None)
    monkeypatch.setenv(slot.DIRECTORY_VARIABLE, "/proc/nowhere")
    with pytest.raises(SlotError, match="/proc/nowhere, which cannot be given to"):
        slot_directory.hand_over(UID, GID, has_own_groups=False)
