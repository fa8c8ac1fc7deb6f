"""Processes share no file, whoever opened it first, and each of their lines is whole."""

import json
import os
import subprocess
import sys

import pytest

from django_ops.logs.files import SlotFileHandler
from django_ops.record import slot


def lines(path):
    return path.read_bytes().splitlines()


def in_child(function):
    """Run `function` in a forked child, and return its exit code."""
    child = os.fork()
    if not child:
        code = 1
        try:
            function()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def handler(tmp_path):
    made = SlotFileHandler(tmp_path, "shop")
    yield made
    made.close()


def test_fork__child_has_a_file_of_its_own(handler, tmp_path):
    handler.write_line(b"parent\n")
    assert in_child(lambda: handler.write_line(b"child\n")) == 0
    handler.write_line(b"parent\n")
    assert lines(tmp_path / "shop.0.jsonl") == [b"parent", b"parent"]
    assert lines(tmp_path / "shop.0-2.jsonl") == [b"child"]


def test_fork__child_does_not_finish_the_parents_line(handler, tmp_path):
    handler.write_line(b"parent\n")
    handler._rest = b"half\n"
    assert in_child(lambda: handler.write_line(b"child\n")) == 0
    assert lines(tmp_path / "shop.0-2.jsonl") == [b"child"]


def test_fork__child_leaves_the_parents_lock_to_it(handler, tmp_path):
    handler.write_line(b"parent\n")
    assert in_child(lambda: None) == 0
    other = SlotFileHandler(tmp_path, "shop")
    other.write_line(b"other\n")
    other.close()
    assert lines(tmp_path / "shop.0-2.jsonl") == [b"other"]


def test_fork__parents_file_is_free_when_the_parent_has_ended(tmp_path):
    """A child that outlives its parent must not keep the parent's file."""
    script = (
        "import os, sys, time\n"
        "from django_ops.logs.files import SlotFileHandler\n"
        "handler = SlotFileHandler(sys.argv[1], 'shop')\n"
        "handler.write_line(b'parent\\n')\n"
        "if not os.fork():\n"
        "    os.write(1, b'.')\n"  # it has let go of the file
        "    sys.stdin.read()\n"  # until the test closes it
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    # the parent ends at once; its child holds our ends of the pipes open, and nothing else
    parent.wait(60)
    assert parent.stdout.read(1) == b"."
    other = SlotFileHandler(tmp_path, "shop")
    other.write_line(b"other\n")
    other.close()
    parent.stdin.close()
    parent.stdout.close()
    assert lines(tmp_path / "shop.0.jsonl") == [b"parent", b"other"]


def test_fork__slots_name_the_files(tmp_path, monkeypatch):
    """As a server does with preload_app: its master has logged before it forks."""
    script = (
        "import os, sys\n"
        "from django_ops.logs.files import SlotFileHandler\n"
        "from django_ops.record import slot\n"
        "slot.be_main()\n"
        "handler = SlotFileHandler(sys.argv[1], 'shop')\n"
        "handler.write_line(b'master\\n')\n"
        "for number in range(3):\n"
        "    slot.reserve_for_next_fork()\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        handler.write_line(b'worker %d\\n' % number)\n"
        "        os.read(0, 1)\n"
        "        os._exit(0)\n"
        "handler.write_line(b'master\\n')\n"
        "os.write(1, b'.')\n"
        "for number in range(3): os.wait()\n"
    )
    log, slots = tmp_path / "log", tmp_path / "slots"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(log)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, slot.DIRECTORY_VARIABLE: str(slots)},
    )
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert {path.name: lines(path) for path in log.iterdir()} == {
        "shop.main.jsonl": [b"master", b"master"],
        "shop.0.jsonl": [b"worker 0"],
        "shop.1.jsonl": [b"worker 1"],
        "shop.2.jsonl": [b"worker 2"],
    }


WRITER = """
import logging, os, sys, threading
from django_ops.logs.files import SlotFileHandler
handler = SlotFileHandler(sys.argv[1], "shop", max_bytes=1_000_000, backup_count=None)
logger = logging.Logger("x")
logger.addHandler(handler)
children = []
for _ in range(4):
    child = os.fork()
    if not child:
        def write(thread):
            for number in range(1_500):
                logger.info("line", extra={"who": f"{os.getpid()} {thread} {number}", "fill": "x" * (number % 500)})
        threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        os._exit(0)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
sys.exit(max(codes))
"""


def test_processes_and_threads__tens_of_thousands_of_lines_are_whole(tmp_path):
    subprocess.run([sys.executable, "-c", WRITER, str(tmp_path)], timeout=300, check=True)
    found = [json.loads(line)["labels"]["who"] for path in tmp_path.iterdir() for line in lines(path)]
    assert len(found) == len(set(found)) == 4 * 4 * 1500
