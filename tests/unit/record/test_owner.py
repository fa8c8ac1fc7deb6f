"""What one user made, and another finds: root first, the site's user afterwards."""

import os
import socket
from pathlib import Path

import pytest

from django_ops.exceptions import SlotError
from django_ops.health import drain
from django_ops.health.watch import is_watched
from django_ops.logs.files import problem_with
from django_ops.logs.rotation import open_own_file
from django_ops.metrics import slots
from django_ops.metrics.store import file_of
from django_ops.record import owner, slot
from tests.programs import require_root
from tests.users import GID, UID, as_another, directory_of_another, make_foreign

pytestmark = pytest.mark.usefixtures("just_started")


@pytest.fixture
def theirs(monkeypatch):
    """A directory of the other user, which is the slot directory too."""
    with directory_of_another() as directory:
        monkeypatch.setenv(slot.DIRECTORY_VARIABLE, str(directory))
        yield directory


def owner_of(path: Path) -> tuple[int, int]:
    return path.stat().st_uid, path.stat().st_gid


def test_slot__of_another_user_is_taken(theirs):
    make_foreign(theirs / "slot-0.lock")
    assert as_another(slot.label) == "1"


def test_slot__in_a_directory_that_cannot_be_written_is_refused(theirs):
    make_foreign(theirs / "slot-0.lock")
    theirs.chmod(0o500)

    def claim() -> str:
        with pytest.raises(SlotError, match="Permission denied"):
            slot.label()
        return "refused"

    assert as_another(claim) == "refused"


def test_wipe__leaves_what_is_another_users_and_removes_the_rest(theirs):
    make_foreign(theirs / "slot-0.lock")
    make_foreign(file_of(theirs, "0"))
    file_of(theirs, "1").touch()
    as_another(lambda: (slot.be_main(), slots.wipe(theirs)))
    assert sorted(path.name for path in theirs.glob("*-?.*")) == ["metrics-0.cells", "slot-0.lock"]


def test_log_file__of_another_user_is_taken(theirs):
    make_foreign(theirs / "shop.0.jsonl")
    assert as_another(lambda: open_own_file(theirs, "shop", "0").path.name) == "shop.0-2.jsonl"


def test_log_file__in_a_directory_that_cannot_be_written_is_refused(theirs):
    make_foreign(theirs / "shop.0.jsonl")
    theirs.chmod(0o500)

    def open_it() -> str:
        with pytest.raises(PermissionError) as refused:
            open_own_file(theirs, "shop", "0")
        return Path(refused.value.filename).name

    assert as_another(open_it) == "shop.0-2.jsonl"


def test_root__makes_files_for_the_owner_of_the_directory(theirs):
    require_root()
    os.close(open_own_file(theirs / "log", "shop", "0").descriptor)
    slot.label()
    is_watched(theirs / "draining")  # as `sudo manage.py ops_drain` asks
    made = {path.name: owner_of(path) for path in theirs.rglob("*")}
    assert made == dict.fromkeys(("draining.watched", "log", "shop.0.jsonl", "slot-0.lock"), (UID, GID))


def test_root__gives_away_only_what_it_made(theirs):
    require_root()
    file = theirs / "shop.0.jsonl"
    make_foreign(file)
    os.close(open_own_file(theirs, "shop", "0").descriptor)
    assert owner_of(file) == (0, 0)


def test_root__hands_over_to_a_user_wherever_the_file_lies(tmp_path, monkeypatch):
    require_root()
    monkeypatch.setattr(owner, "_heir", None)
    owner.hand_over(UID, GID)
    os.close(open_own_file(tmp_path / "log", "shop", "0").descriptor)
    assert owner_of(tmp_path / "log") == owner_of(tmp_path / "log" / "shop.0.jsonl") == (UID, GID)


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "pipe", "socket"])
def test_root__follows_nothing_that_the_owner_of_the_directory_put_there(theirs, tmp_path, kind):
    """Not a second name of root's file, and no pipe or socket that nobody reads."""
    require_root()
    outside = (theirs if kind == "hard link" else tmp_path) / "outside"
    if kind != "dangling link":
        outside.write_text("root's")
    for place in (theirs / "shop.0.jsonl", theirs / "slot-0.lock"):
        if kind == "pipe":
            os.mkfifo(place)
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(place))
        elif kind == "hard link":
            place.hardlink_to(outside)
        else:
            place.symlink_to(outside)
    own = open_own_file(theirs, "shop", "0")
    os.close(own.descriptor)
    assert (own.path.name, slot.label()) == ("shop.0-2.jsonl", "1")
    assert outside.exists() == (kind != "dangling link")
    with pytest.raises(PermissionError, match="root does not follow it"):
        owner.open_file(theirs / "shop.0.jsonl", os.O_RDWR, 0o600)


def test_root__drains_without_following_a_link(theirs, tmp_path, settings):
    require_root()
    settings.OPS_DRAIN_FILE = theirs / "draining"
    (tmp_path / "outside").write_text("root's")
    (theirs / f".draining.{os.getpid()}").symlink_to(tmp_path / "outside")
    drain.begin()
    assert (tmp_path / "outside").read_text() == "root's"


def test_problem__names_the_owner_of_the_directory(theirs):
    require_root()
    os.chown(theirs, 0, 0)
    theirs.chmod(0o755)
    told = as_another(lambda: problem_with(theirs / "log"))
    assert told == f"{theirs}/log cannot be written: Permission denied ({theirs} belongs to root)"
