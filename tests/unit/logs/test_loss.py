"""Losses are counted by reason, told to who asked, and to a person once a minute."""

import errno
import logging
import os
import threading

import pytest

from django_ops.logs import files, loss


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr(loss.time, "monotonic", lambda: Clock.now)
    return Clock


def test_drop__counts_by_reason():
    loss.drop(loss.DISK_FULL, 2, "x")
    loss.drop(loss.DISK_FULL, 1, "x")
    loss.drop(loss.CLOSED, 1, "x")
    assert loss.dropped() == {"disk_full": 3, "closed": 1}


def test_drop__calls_back():
    told = []
    loss.on_drop(lambda reason, number: told.append((reason, number)))
    loss.drop(loss.DISK_FULL, 2, "x")
    assert told == [("disk_full", 2)]


def test_drop__callback_that_raises():
    told = []
    loss.on_drop(lambda reason, number: 1 / 0)
    loss.on_drop(lambda reason, number: told.append(number))
    loss.drop(loss.DISK_FULL, 1, "x")
    assert told == [1]


def test_drop__callback_that_loses_lines_itself():
    loss.on_drop(lambda reason, number: loss.drop(loss.DISK_FULL, 1, "x"))
    loss.drop(loss.DISK_FULL, 1, "x")
    assert loss.dropped() == {"disk_full": 2}


def test_drop__tells_standard_error(capfd):
    loss.drop(loss.DISK_FULL, 1, "/var/log: No space left on device")
    assert capfd.readouterr().err == "django-ops: 1 log line lost (disk_full): /var/log: No space left on device\n"


def test_drop__tells_once_a_minute(capfd, clock):
    for _ in range(100):
        loss.drop(loss.DISK_FULL, 1, "x")
    clock.now += 59.9
    loss.drop(loss.DISK_FULL, 1, "x")
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_drop__tells_how_many_since(capfd, clock):
    for _ in range(100):
        loss.drop(loss.DISK_FULL, 1, "x")
    clock.now += 60
    loss.drop(loss.UNWRITABLE, 1, "y")
    assert capfd.readouterr().err.splitlines()[1] == "django-ops: 100 log lines lost (unwritable): y"


def test_drop__callback_that_raises_is_told(capfd):
    loss.on_drop(lambda reason, number: 1 / 0)
    loss.drop(loss.DISK_FULL, 1, "x")
    assert "a callback of on_drop() raised" in capfd.readouterr().err


def test_drop__standard_error_that_would_block(monkeypatch):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    monkeypatch.setattr(loss, "_STANDARD_ERROR", writer)
    thread = threading.Thread(target=loss.drop, args=(loss.DISK_FULL, 1, "x"), daemon=True)
    thread.start()
    thread.join(5)
    os.close(reader)
    os.close(writer)
    assert not thread.is_alive()


def test_drop__standard_error_that_is_closed(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    monkeypatch.setattr(loss, "_STANDARD_ERROR", writer)
    loss.drop(loss.DISK_FULL, 1, "x")
    assert loss.dropped() == {"disk_full": 1}


def test_drop__from_many_threads():
    threads = [threading.Thread(target=lambda: [loss.drop("x", 1, "y") for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loss.dropped() == {"x": 4000}


def test_drop__callback_that_logs(tmp_path):
    handler = files.SlotFileHandler(tmp_path)
    logger = logging.Logger("x")
    logger.addHandler(handler)
    loss.on_drop(lambda reason, number: logger.info("lost"))
    loss.drop("x", 1, "y")
    handler.close()
    assert loss.dropped() == {"x": 1}


def test_dropped__a_child_counts_its_own():
    loss.drop("x", 1, "y")
    child = os.fork()
    if not child:
        os._exit(len(loss.dropped()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EFBIG, "disk_full"),
        (errno.EPIPE, "closed"),
        (errno.EAGAIN, "blocked"),
        (errno.EIO, "unwritable"),
        (errno.EROFS, "unwritable"),
        (errno.EACCES, "unwritable"),
        (None, "unwritable"),
    ],
)
def test_reason_of(number, reason):
    assert loss.reason_of(OSError(number, "x") if number else OSError("x")) == reason


def test_files__offers_the_hook():
    assert (files.on_drop, files.dropped) == (loss.on_drop, loss.dropped)
