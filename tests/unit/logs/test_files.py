"""The handler for files: rotation, survival of what others do to its file, and of what the disk does."""

import errno
import json
import logging
import os
import subprocess
import sys
import threading
import time

import pytest

from django_ops.logs import files, loss
from django_ops.logs.files import SlotFileHandler, problem_with
from django_ops.record import slot
from tests.unit.logs.examples import log_record


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

        @classmethod
        def tick(cls, seconds=files.SECONDS_BETWEEN_CHECKS):
            cls.now += seconds

    monkeypatch.setattr(files.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture
def make(tmp_path):
    made = []

    def make_one(**options):
        made.append(SlotFileHandler(tmp_path, "shop", **options))
        return made[-1]

    yield make_one
    for handler in made:
        handler.close()


def lines(directory, pattern="*.jsonl"):
    return [line for path in sorted(directory.glob(pattern)) for line in path.read_bytes().splitlines(keepends=True)]


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_handler__writes_to_the_file_of_its_slot(make, tmp_path):
    make().handle(log_record("hello"))
    assert json.loads((tmp_path / f"shop.{slot.label()}.jsonl").read_text())["message"] == "hello"


def test_handler__opens_nothing_before_the_first_line(make, tmp_path):
    assert make().path is None
    assert names(tmp_path) == []


def test_handler__no_slot_to_be_had(make, monkeypatch):
    monkeypatch.setattr(slot, "label", lambda: 1 / 0)
    handler = make()
    handler.write_line(b"x\n")
    assert handler.path.name == "shop.unknown.jsonl"


def test_handler__two_of_them_share_no_file(make, tmp_path):
    for handler in (make(), make()):
        handler.write_line(b"x\n")
    assert names(tmp_path) == ["shop.0-2.jsonl", "shop.0.jsonl"]


def test_handler__finishes_half_a_line_that_another_left(make, tmp_path):
    (tmp_path / "shop.0.jsonl").write_bytes(b'{"half')
    make().write_line(b"x\n")
    assert lines(tmp_path) == [b'{"half\n', b"x\n"]


def test_close__gives_up_the_file(make):
    first, second = make(), make()
    first.write_line(b"x\n")
    first.close()
    second.write_line(b"x\n")
    assert second.path.name == "shop.0.jsonl"


def test_close__a_later_line_is_not_lost(make, tmp_path):
    handler = make()
    handler.write_line(b"1\n")
    handler.close()
    handler.write_line(b"2\n")
    assert lines(tmp_path) == [b"1\n", b"2\n"]


def test_close__never_opened(make):
    make().close()


def test_after_fork__lets_go_of_the_parents_file(make):
    handler = make()
    handler.write_line(b"x\n")
    own = handler._own
    handler.after_fork()
    assert (handler.path, own.is_open()) == (None, False)


def test_after_fork__never_opened(make):
    make().after_fork()


def test_rotation__by_size(make, tmp_path):
    handler = make(max_bytes=10)
    for number in range(5):
        handler.write_line(b"line %d\n" % number)
    assert len(names(tmp_path)) == 5
    assert sorted(lines(tmp_path)) == [b"line %d\n" % number for number in range(5)]


def test_rotation__line_longer_than_a_file(make, tmp_path):
    handler = make(max_bytes=3)
    handler.write_line(b"longer than that\n")
    assert names(tmp_path) == ["shop.0.jsonl"]


def test_rotation__by_age(make, tmp_path, clock):
    handler = make(max_age_seconds=60)
    handler.write_line(b"1\n")
    clock.tick(59)
    handler.write_line(b"2\n")
    clock.tick(2)
    handler.write_line(b"3\n")
    assert (tmp_path / "shop.0.jsonl").read_bytes() == b"3\n"


def test_rotation__by_the_age_of_a_file_that_was_there(make, tmp_path, clock):
    clock.now = 8170.7  # 8170.7 + 60 - 60 is more than that: the sum has a bit less
    (tmp_path / "shop.0.jsonl").write_text('{"@timestamp":"2020-01-01T00:00:00.000Z"}\n')
    make(max_age_seconds=60).write_line(b"x\n")
    assert (tmp_path / "shop.0.jsonl").read_bytes() == b"x\n"


def test_rotation__nothing_to_rotate(make, tmp_path, clock):
    handler = make(max_age_seconds=60)
    (tmp_path / "shop.0.jsonl").touch()
    os.utime(tmp_path / "shop.0.jsonl", (1, 1))
    handler._check(clock.now)
    clock.tick(100)
    handler.write_line(b"x\n")
    assert names(tmp_path) == ["shop.0.jsonl"]


def test_rotation__never(make, tmp_path, clock):
    handler = make(max_bytes=None, max_age_seconds=None)
    for _ in range(3):
        handler.write_line(b"x" * 1000 + b"\n")
        clock.tick(1e9)
    assert names(tmp_path) == ["shop.0.jsonl"]


def test_rotation__that_fails_loses_nothing(make, tmp_path, clock, monkeypatch):
    tried = []

    def refuse(own, now):
        tried.append(now)
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files, "rotate_away", refuse)
    handler = make(max_bytes=3)
    for _ in range(5):
        handler.write_line(b"line\n")
    assert (len(lines(tmp_path)), len(tried)) == (5, 1)
    clock.tick(files.SECONDS_AFTER_FAILED_ROTATION)
    handler.write_line(b"line\n")
    assert len(tried) == 2


def test_rotation__new_file_cannot_be_opened(make, tmp_path, monkeypatch):
    handler = make(max_bytes=6)
    handler.write_line(b"first\n")
    monkeypatch.setattr(files, "open_own_file", lambda *args: (_ for _ in ()).throw(OSError(errno.EMFILE, "x")))
    handler.write_line(b"second\n")
    assert lines(tmp_path) == [b"first\n", b"second\n"]
    assert loss.dropped() == {}


def test_rotation__backward_jump_of_the_clock(make, tmp_path, monkeypatch):
    handler = make(max_bytes=3)
    handler.write_line(b"1..\n")
    monkeypatch.setattr(files.time, "time", lambda: 10.0)
    handler.write_line(b"2..\n")
    assert len(lines(tmp_path)) == 2


def test_retention__by_count(make, tmp_path):
    handler = make(max_bytes=3, backup_count=2)
    for number in range(10):
        handler.write_line(b"line %d\n" % number)
    assert sorted(lines(tmp_path)) == [b"line 7\n", b"line 8\n", b"line 9\n"]


def test_retention__by_age(make, tmp_path):
    old = tmp_path / "shop.3.20200101T000000000000Z.jsonl"
    old.touch()
    os.utime(old, (1, 1))
    make(backup_days=14).write_line(b"x\n")
    assert not old.exists()


def test_retention__directory_that_cannot_be_listed(make, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "prune", lambda *args: (_ for _ in ()).throw(PermissionError("no")))
    make().write_line(b"x\n")
    assert lines(tmp_path) == [b"x\n"]


@pytest.mark.parametrize("happens", ["moved", "deleted", "directory deleted"])
def test_others__move_or_delete_the_file(make, tmp_path, clock, happens):
    handler = make()
    handler.write_line(b"1\n")
    path = tmp_path / "shop.0.jsonl"
    path.rename(tmp_path / "shop.0.jsonl.1") if happens == "moved" else path.unlink()
    if happens == "directory deleted":
        tmp_path.rmdir()
    clock.tick()
    handler.write_line(b"2\n")
    assert path.read_bytes() == b"2\n"


def test_others__truncate_the_file(make, tmp_path, clock):
    handler = make(max_bytes=1000)
    handler.write_line(b"x" * 900 + b"\n")
    os.truncate(tmp_path / "shop.0.jsonl", 0)
    clock.tick()
    handler.write_line(b"y" * 900 + b"\n")
    assert names(tmp_path) == ["shop.0.jsonl"]


def test_others__close_the_descriptor(make, tmp_path):
    handler = make()
    handler.write_line(b"1\n")
    os.close(handler._own.descriptor)
    handler.write_line(b"2\n")
    assert lines(tmp_path) == [b"1\n", b"2\n"]


def test_others__close_the_descriptor_and_the_directory_is_gone(make, tmp_path, monkeypatch):
    handler = make()
    handler.write_line(b"1\n")
    os.close(handler._own.descriptor)
    monkeypatch.setattr(files, "open_own_file", lambda *args: (_ for _ in ()).throw(OSError(errno.EACCES, "x")))
    handler.write_line(b"2\n")
    assert loss.dropped() == {"unwritable": 1}


def test_others__take_the_descriptors_number(make, tmp_path, clock):
    handler = make()
    handler.write_line(b"1\n")
    with open(tmp_path / "database", "wb") as other:
        os.dup2(other.fileno(), handler._own.descriptor)
        number = handler._own.descriptor
        clock.tick()
        handler.write_line(b"2\n")
        os.fstat(number)  # it is not ours to close
        os.close(number)
    assert (tmp_path / "database").read_bytes() == b""
    assert lines(tmp_path) == [b"1\n", b"2\n"]


def test_others__connection_with_the_descriptors_number_is_left_open(make):
    handler = make()
    handler.write_line(b"1\n")
    number = handler._own.descriptor
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, number)
    os.close(writer)
    handler.write_line(b"2\n")  # nobody reads it: the first sign that it is not ours
    os.fstat(number)
    os.close(number)
    assert loss.dropped() == {"closed": 1}


@pytest.fixture
def failing(monkeypatch):
    """Let `os.write` fail with an errno until it is told to work again; says how often it was called."""

    class Failing:
        number = None
        calls = 0

    write = os.write

    def write_or_fail(descriptor, data):
        Failing.calls += 1
        if Failing.number is not None:
            raise OSError(Failing.number, os.strerror(Failing.number))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", write_or_fail)
    return Failing


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ENOSPC, "disk_full"), (errno.EDQUOT, "disk_full"), (errno.EIO, "unwritable"), (errno.EROFS, "unwritable")],
)
def test_disk__failure_is_counted_by_reason(make, failing, number, reason):
    handler = make()
    handler.write_line(b"1\n")
    failing.number = number
    handler.write_line(b"2\n")
    assert loss.dropped() == {reason: 1}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EBADF])
def test_disk__recovers_by_itself(make, tmp_path, clock, failing, number):
    handler = make()
    handler.write_line(b"1\n")
    failing.number = number
    handler.write_line(b"2\n")
    failing.number = None
    clock.tick()
    handler.write_line(b"3\n")
    assert lines(tmp_path) == [b"1\n", b"3\n"]


def test_disk__full_and_free_again_at_the_next_line(make, tmp_path, failing):
    handler = make()
    handler.write_line(b"1\n")
    failing.number = errno.ENOSPC
    handler.write_line(b"2\n")
    failing.number = None
    handler.write_line(b"3\n")
    assert lines(tmp_path) == [b"1\n", b"3\n"]


def test_disk__failing_one_is_not_asked_at_each_line(make, clock, failing):
    handler = make()
    handler.write_line(b"1\n")
    failing.number, failing.calls = errno.EIO, 0
    for _ in range(100):
        handler.write_line(b"2\n")
    assert failing.calls <= 2
    assert loss.dropped() == {"unwritable": 100}


def test_directory__cannot_be_made(tmp_path, clock):
    (tmp_path / "file").touch()
    handler = SlotFileHandler(tmp_path / "file" / "log")
    for _ in range(3):
        handler.write_line(b"x\n")
    assert loss.dropped() == {"unwritable": 3}


def test_directory__can_be_made_later(tmp_path, clock):
    (tmp_path / "log").touch()
    handler = SlotFileHandler(tmp_path / "log", "shop")
    handler.write_line(b"1\n")
    (tmp_path / "log").unlink()
    clock.tick()
    handler.write_line(b"2\n")
    handler.close()
    assert lines(tmp_path / "log") == [b"2\n"]


def test_directory__relative_path_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    handler = SlotFileHandler("log")
    monkeypatch.chdir("/")
    assert handler.directory == tmp_path / "log"


def test_device__that_is_full(tmp_path, capfd):
    (tmp_path / "shop.0.jsonl").symlink_to("/dev/full")
    handler = SlotFileHandler(tmp_path, "shop")
    for _ in range(3):
        handler.handle(log_record("hello"))
    handler.close()
    assert loss.dropped() == {"disk_full": 3}
    assert "No space left on device" in capfd.readouterr().err


FULL_DISK = """
import errno, os, resource, signal, sys
from django_ops.logs import files, loss
handler = files.SlotFileHandler(sys.argv[1], "shop", max_bytes=None)
line = b"x" * 99 + b"\\n"
handler.write_line(line)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (1050, hard))
for number in range(20):
    handler.write_line(b"%02d" % number + line[2:])
full = loss.dropped()
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
handler.write_line(b"y" * 99 + b"\\n")
handler.close()
print(full, loss.dropped() == full)
"""


def test_disk__really_full_in_the_middle_of_a_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    # 1,050 bytes take ten and a half lines; the half one is finished when there is room again
    assert done.stdout == "{'disk_full': 10} True\n"
    whole = lines(tmp_path)
    assert [len(line) for line in whole] == [100] * 12
    assert whole[10].startswith(b"09")
    assert whole[11].startswith(b"yy")


def test_disk__half_a_line_that_is_never_finished_is_counted(make, tmp_path, failing, monkeypatch):
    handler = make()
    handler.write_line(b"1\n")
    handler._rest = b"half\n"
    failing.number = errno.ENOSPC
    handler.close()
    assert loss.dropped() == {"disk_full": 1}


def test_problem_with__nothing(tmp_path):
    assert problem_with(tmp_path / "new") is None
    assert names(tmp_path / "new") == []


def test_problem_with__a_file_in_its_place(tmp_path):
    (tmp_path / "file").touch()
    assert problem_with(tmp_path / "file" / "log") == f"{tmp_path}/file/log cannot be written: Not a directory"


def test_threads__every_line_is_whole(make, tmp_path):
    handler = make(max_bytes=200_000, backup_count=None)
    logger = logging.Logger("x")
    logger.addHandler(handler)

    def write(thread):
        for number in range(1000):
            logger.info("line", extra={"who": thread, "number": number, "fill": "x" * (number % 300)})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {(each["labels"]["who"], each["labels"]["number"]) for each in map(json.loads, lines(tmp_path))}
    assert len(found) == len(lines(tmp_path)) == 8000


def test_handler__cost_of_a_line(make):
    """A bound for a busy machine; the figure itself is in the benchmarks."""
    handler = make()
    handler.write_line(b"x\n")
    line = b"x" * 900 + b"\n"
    begin = time.process_time()
    for _ in range(10_000):
        handler.write_line(line)
    assert (time.process_time() - begin) / 10_000 < 100e-6
