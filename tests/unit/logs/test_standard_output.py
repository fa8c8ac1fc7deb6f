"""Standard output: one call per line, also for readers that are slow, gone, or shared by several processes."""

import json
import os
import subprocess
import sys
import threading

import pytest

from django_ops.logs import loss, standard_output
from django_ops.logs.standard_output import PIPE_BYTES, StandardOutputHandler
from tests.unit.logs.examples import log_record


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    handler = StandardOutputHandler(descriptor=writer)
    yield handler, reader, writer
    handler.close()
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            pass


def fill(descriptor):
    """Fill a pipe to the last byte, and return how many there are in it."""
    os.set_blocking(descriptor, False)
    filled = 0
    for size in (4096, 1):
        try:
            while True:
                filled += os.write(descriptor, b"." * size)
        except BlockingIOError:
            pass
    return filled


def read(descriptor, size):
    data = b""
    while len(data) < size:
        data += os.read(descriptor, size - len(data))
    return data


def test_handler__is_for_standard_output(capfd):
    handler = StandardOutputHandler()
    handler.handle(log_record("hello"))
    handler.close()
    assert json.loads(capfd.readouterr().out)["message"] == "hello"


def test_write_line__pipe(pipe):
    handler, reader, _ = pipe
    handler.write_line(b"hello\n")
    assert os.read(reader, 100) == b"hello\n"


def test_write_line__file(tmp_path):
    with open(tmp_path / "out", "wb") as file:
        handler = StandardOutputHandler(descriptor=file.fileno())
        handler.write_line(b"1\n")
        handler.write_line(b"2\n")
        handler.close()
    assert (tmp_path / "out").read_bytes() == b"1\n2\n"


def test_write_line__reader_is_gone(pipe):
    handler, reader, _ = pipe
    os.close(reader)
    handler.write_line(b"1\n")
    handler.write_line(b"2\n")
    assert loss.dropped()["closed"] == 2


def test_write_line__closed(pipe):
    handler, _, writer = pipe
    os.close(writer)
    handler.write_line(b"1\n")
    assert loss.dropped() == {"unwritable": 1}


def test_write_line__device_that_is_full():
    with open("/dev/full", "wb") as device:
        handler = StandardOutputHandler(descriptor=device.fileno())
        handler.write_line(b"1\n")
    assert loss.dropped() == {"disk_full": 1}


def test_write_line__full_pipe_whose_reader_does_not_read(pipe, monkeypatch):
    monkeypatch.setattr(standard_output, "LONGEST_WAIT_SECONDS", 0.01)
    handler, _, writer = pipe
    fill(writer)
    handler.write_line(b"1\n")
    assert loss.dropped() == {"blocked": 1}


@pytest.fixture
def waiting(pipe, monkeypatch):
    """An event that is set when the handler begins to wait for its reader, which it may do for long."""
    monkeypatch.setattr(standard_output, "LONGEST_WAIT_SECONDS", 10)
    handler = pipe[0]
    wait, begun = handler._wait, threading.Event()
    handler._wait = lambda deadline: begun.set() or wait(deadline)
    return begun


def test_write_line__full_pipe_whose_reader_is_slow(pipe, waiting):
    handler, reader, writer = pipe
    filled = fill(writer)
    thread = threading.Thread(target=handler.write_line, args=(b"late\n",))
    thread.start()
    assert waiting.wait(10)
    read(reader, filled)
    thread.join(10)
    assert os.read(reader, 100) == b"late\n"
    assert loss.dropped() == {}


def test_write_line__written_in_part_and_finished_later(pipe, monkeypatch):
    monkeypatch.setattr(standard_output, "LONGEST_WAIT_SECONDS", 0.01)
    handler, reader, writer = pipe
    filled = fill(writer)
    read(reader, 8192)  # room for the beginning of a line
    first = b"1" * 10_000 + b"\n"
    handler.write_line(first)
    assert loss.dropped() == {}
    read(reader, filled - 8192)
    handler.write_line(b"2\n")
    assert read(reader, len(first) + 2) == first + b"2\n"


def test_write_line__written_in_part_while_waiting(pipe, waiting):
    handler, reader, writer = pipe
    filled = fill(writer)
    read(reader, 4096)
    line = b"1" * 10_000 + b"\n"
    thread = threading.Thread(target=handler.write_line, args=(line,))
    thread.start()
    assert waiting.wait(10)
    read(reader, filled - 4096)
    assert read(reader, len(line)) == line
    thread.join(10)
    assert loss.dropped() == {}


def test_write_line__pipe_that_cannot_be_locked_gets_short_lines(pipe, monkeypatch):
    handler, reader, _ = pipe
    monkeypatch.setattr(standard_output.os, "open", lambda *args: (_ for _ in ()).throw(PermissionError("no")))
    handler.write_line(b"1\n")
    assert handler.longest_bytes == PIPE_BYTES
    handler.handle(log_record("x" * 9000))
    os.read(reader, 2)
    line = os.read(reader, 65_536)
    assert len(line) <= PIPE_BYTES
    assert json.loads(line)["message"].startswith("xxx")


def test_write_line__room_for_less_than_a_line_while_waiting(pipe, waiting):
    handler, reader, writer = pipe
    filled = fill(writer)
    line = b"1" * 10_000 + b"\n"
    thread = threading.Thread(target=handler.write_line, args=(line,))
    thread.start()
    assert waiting.wait(10)
    for _ in range(filled // 4096):
        read(reader, 4096)
    assert read(reader, len(line)) == line
    thread.join(10)
    assert loss.dropped() == {}


def test_after_fork__opens_the_pipe_anew(pipe):
    handler, reader, _ = pipe
    handler.write_line(b"1\n")
    before = handler._turns
    handler.after_fork()
    assert handler._turns is None
    handler.write_line(b"2\n")
    assert before is not None
    assert os.read(reader, 100) == b"1\n2\n"


def test_close__leaves_the_descriptor(pipe):
    handler, _, writer = pipe
    handler.write_line(b"1\n")
    handler.close()
    os.fstat(writer)


def test_close__a_later_line_is_not_lost(pipe):
    handler, reader, _ = pipe
    handler.write_line(b"1\n")
    handler.close()
    handler.write_line(b"2\n")
    assert os.read(reader, 100) == b"1\n2\n"


WRITERS = """
import os, sys
from django_ops.logs.standard_output import StandardOutputHandler
handler = StandardOutputHandler()
handler.write_line(b"parent\\n")
children = []
for letter in b"abcdef":
    child = os.fork()
    if not child:
        for number in range(300):
            handler.write_line(bytes([letter]) * (number * 50 % 15_000) + b"\\n")
        os._exit(0)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
sys.exit(max(codes))
"""


def test_processes__long_lines_on_one_pipe_are_whole():
    process = subprocess.Popen([sys.executable, "-c", WRITERS], stdout=subprocess.PIPE)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    found = output.splitlines()
    assert len(found) == 6 * 300 + 1
    assert all(len(set(line)) <= 1 for line in found[1:])
