"""Names, locks, rotation and retention of one family of files."""

import fcntl
import os
import stat
import time

import pytest

from django_ops.logs.rotation import SECONDS_PER_DAY, open_own_file, prune, rotate_away

NOW = 1_795_251_600.0  # 2026-11-21T09:00:00Z


@pytest.fixture
def opened(tmp_path):
    files = []

    def open_one(slot="0", name="shop"):
        files.append(open_own_file(tmp_path, name, slot))
        return files[-1]

    yield open_one
    for each in files:
        try:
            os.close(each.descriptor)
        except OSError:
            pass


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def touch(directory, *file_names, days_ago=0):
    for name in file_names:
        path = directory / name
        path.write_text("{}\n")
        os.utime(path, (NOW - days_ago * SECONDS_PER_DAY,) * 2)


def test_open__name(opened):
    assert opened().path.name == "shop.0.jsonl"


def test_open__makes_the_directory(tmp_path):
    own = open_own_file(tmp_path / "a" / "b", "shop", "0")
    os.close(own.descriptor)
    assert own.path.exists()


def test_open__others_may_not_read(opened):
    assert stat.S_IMODE(opened().path.stat().st_mode) & 0o007 == 0


def test_open__taken_by_another(opened):
    assert [opened().path.name for _ in range(3)] == ["shop.0.jsonl", "shop.0-2.jsonl", "shop.0-3.jsonl"]


def test_open__other_slot(opened):
    opened("0")
    assert opened("1").path.name == "shop.1.jsonl"


def test_open__free_again(opened):
    os.close(opened().descriptor)
    assert opened().path.name == "shop.0.jsonl"


def test_open__all_taken(tmp_path, opened, monkeypatch):
    monkeypatch.setattr("django_ops.logs.rotation._MOST_NUMBERS", 3)
    opened(), opened()
    with pytest.raises(OSError, match="held by other processes"):
        opened()


def test_open__appends(opened, tmp_path):
    (tmp_path / "shop.0.jsonl").write_text("before\n")
    own = opened()
    os.write(own.descriptor, b"after\n")
    assert own.path.read_text() == "before\nafter\n"


def test_open__size(opened, tmp_path):
    (tmp_path / "shop.0.jsonl").write_text("before\n")
    assert opened().size_bytes == 7


def test_open__half_a_line_at_the_end(opened, tmp_path):
    (tmp_path / "shop.0.jsonl").write_text('{"half')
    assert opened().needs_newline


def test_open__whole_line_at_the_end(opened, tmp_path):
    (tmp_path / "shop.0.jsonl").write_text('{"whole": 1}\n')
    assert not opened().needs_newline


def test_open__started_at_its_first_line(opened, tmp_path):
    (tmp_path / "shop.0.jsonl").write_text('{"@timestamp":"2026-11-20T09:00:00.123Z","x":1}\n')
    assert opened().started_at == NOW - SECONDS_PER_DAY


@pytest.mark.parametrize("first", ["plain text\n", '{"@timestamp":"2026-99-20T09:00:00.123Z"}\n'])
def test_open__started_when_it_does_not_say(opened, tmp_path, first):
    touch(tmp_path, "shop.0.jsonl", days_ago=3)
    path = tmp_path / "shop.0.jsonl"
    path.write_text(first)
    os.utime(path, (NOW, NOW))
    assert opened().started_at == NOW


def test_open__rotated_away_meanwhile(tmp_path, monkeypatch, opened):
    lock = fcntl.flock

    def lock_after_a_rotation(descriptor, how):
        monkeypatch.setattr(fcntl, "flock", lock)
        os.rename(tmp_path / "shop.0.jsonl", tmp_path / "elsewhere")
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", lock_after_a_rotation)
    own = opened()
    assert (own.path.name, own.is_there()) == ("shop.0.jsonl", True)


def test_open__filesystem_without_locks(monkeypatch, opened):
    def refuse(descriptor, how):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert opened().path.name == "shop.0.jsonl"


def test_open__lock_that_fails(monkeypatch, tmp_path):
    def refuse(descriptor, how):
        raise OSError(5, "Input/output error")

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="Input/output"):
        open_own_file(tmp_path, "shop", "0")
    assert len(os.listdir("/proc/self/fd")) == before


def test_own_file__moved(opened, tmp_path):
    own = opened()
    own.path.rename(tmp_path / "elsewhere")
    assert not own.is_there()


def test_own_file__number_of_another_file(opened, tmp_path):
    own = opened()
    with open(tmp_path / "other", "w") as other:
        os.dup2(other.fileno(), own.descriptor)
    assert not own.is_open()


def test_own_file__closed(opened):
    own = opened()
    os.close(own.descriptor)
    assert not own.is_open()


def test_rotate_away__name(opened):
    assert rotate_away(opened(), NOW).name == "shop.0.20261121T090000000000Z.jsonl"


def test_rotate_away__still_matched_by_a_shipper(opened):
    assert rotate_away(opened(), NOW).suffix == ".jsonl"


def test_rotate_away__twice_within_a_second(opened):
    first = opened()
    rotate_away(first, NOW)
    assert rotate_away(opened(), NOW).name == "shop.0.20261121T090000000000Z-2.jsonl"


def test_rotate_away__of_a_second_file(opened):
    opened()
    assert rotate_away(opened(), NOW).name == "shop.0-2.20261121T090000000000Z.jsonl"


def test_prune__count_per_slot(tmp_path):
    stamps = [f"2026112{day}T090000000000Z" for day in range(5)]
    touch(tmp_path, *(f"shop.{slot}.{stamp}.jsonl" for slot in ("0", "1") for stamp in stamps))
    assert prune(tmp_path, "shop", 2, None, NOW) == 6
    assert names(tmp_path) == [f"shop.{slot}.2026112{day}T090000000000Z.jsonl" for slot in ("0", "1") for day in (3, 4)]


def test_prune__count_within_a_second(tmp_path):
    touch(tmp_path, *(f"shop.0.20261121T090000000000Z{end}.jsonl" for end in ("", "-2", "-9", "-10")))
    prune(tmp_path, "shop", 1, None, NOW)
    assert names(tmp_path) == ["shop.0.20261121T090000000000Z-10.jsonl"]


def test_prune__count_of_none(tmp_path):
    touch(tmp_path, "shop.0.20261121T090000000000Z.jsonl")
    prune(tmp_path, "shop", 0, None, NOW)
    assert names(tmp_path) == []


def test_prune__age(tmp_path):
    touch(tmp_path, "shop.0.20261101T090000000000Z.jsonl", days_ago=20)
    touch(tmp_path, "shop.0.20261120T090000000000Z.jsonl", days_ago=1)
    prune(tmp_path, "shop", None, 14, NOW)
    assert names(tmp_path) == ["shop.0.20261120T090000000000Z.jsonl"]


def test_prune__file_of_a_slot_that_no_longer_lives(tmp_path):
    touch(tmp_path, "shop.7.jsonl", "shop.main2.jsonl", "shop.command.jsonl", days_ago=20)
    prune(tmp_path, "shop", None, 14, NOW)
    assert names(tmp_path) == []


def test_prune__file_of_a_slot_that_lives(tmp_path, opened):
    own = opened("7")
    os.utime(own.path, (1, 1))
    prune(tmp_path, "shop", None, 14, NOW)
    assert names(tmp_path) == ["shop.7.jsonl"]


def test_prune__young_file_of_a_dead_slot(tmp_path):
    touch(tmp_path, "shop.7.jsonl", days_ago=13)
    prune(tmp_path, "shop", 0, 14, NOW)
    assert names(tmp_path) == ["shop.7.jsonl"]


def test_prune__no_limits(tmp_path):
    touch(tmp_path, "shop.0.20200101T000000000000Z.jsonl", "shop.3.jsonl", days_ago=2000)
    assert prune(tmp_path, "shop", None, None, NOW) == 0


@pytest.mark.parametrize(
    "name",
    [
        "shop.jsonl",
        "shop.0.json",
        "shop.0.jsonl.gz",
        "shop2.0.20200101T000000000000Z.jsonl",
        "shop.x.20200101T000000000000Z.jsonl",
        "shop.0.2020.jsonl",
        "my-shop.0.20200101T000000000000Z.jsonl",
        "shopX0.jsonl",
        "important.txt",
    ],
)
def test_prune__what_is_not_of_the_family(tmp_path, name):
    touch(tmp_path, name, days_ago=2000)
    prune(tmp_path, "shop", 0, 1, NOW)
    assert names(tmp_path) == [name]


def test_prune__directory_and_link_of_such_a_name(tmp_path):
    (tmp_path / "shop.0.20200101T000000000000Z.jsonl").mkdir()
    (tmp_path / "target").touch()
    (tmp_path / "shop.1.20200101T000000000000Z.jsonl").symlink_to(tmp_path / "target")
    prune(tmp_path, "shop", 0, 1, NOW)
    assert len(names(tmp_path)) == 3


def test_prune__another_process_is_quicker(tmp_path, monkeypatch):
    touch(tmp_path, "shop.0.20200101T000000000000Z.jsonl", "shop.9.jsonl", days_ago=2000)
    monkeypatch.setattr("django_ops.logs.rotation._modified_at", lambda path, now: path.unlink() or 0)
    assert prune(tmp_path, "shop", None, 1, NOW) == 0


def test_prune__file_that_cannot_be_looked_at(tmp_path, monkeypatch):
    touch(tmp_path, "shop.0.20200101T000000000000Z.jsonl", days_ago=2000)
    monkeypatch.setattr("pathlib.Path.stat", lambda path, **kwargs: (_ for _ in ()).throw(OSError("no")))
    assert prune(tmp_path, "shop", None, 1, NOW) == 0


def test_prune__clock_that_was_set_back(tmp_path):
    touch(tmp_path, "shop.0.20261121T090000000000Z.jsonl", days_ago=-30)
    prune(tmp_path, "shop", 5, 14, NOW)
    assert len(names(tmp_path)) == 1


def test_prune__now_is_a_real_time(tmp_path):
    (tmp_path / "shop.0.20261121T090000000000Z.jsonl").touch()
    assert prune(tmp_path, "shop", 5, 14, time.time()) == 0
