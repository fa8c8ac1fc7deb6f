import os
import subprocess
import sys

import pytest

from django_ops.record import slot

pytestmark = pytest.mark.usefixtures("just_started")


def in_a_new_process(code: str, **environment: str) -> str:
    """Run code with `slot` imported in a process of its own, as a fork of this one has threads of others."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import os\nfrom django_ops.record import slot\n{code}"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


_FORK = """
def in_child(function):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, repr(function()).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    return os.read(read, 1000).decode()
"""


def test_child__takes_the_slot_that_was_reserved(where):
    code = _FORK + "slot.be_main(); slot.reserve_for_next_fork(); print(in_child(slot.label))"
    assert in_a_new_process(code) == "'0'"


def test_child__lets_go_of_its_siblings_slots(where):
    code = _FORK + (
        "slot.be_main()\n"
        "first = slot.reserve_for_next_fork(); in_child(slot.label)\n"
        "slot.reserve_for_next_fork(); print(in_child(lambda: (slot.label(), list(slot._held))))"
    )
    assert in_a_new_process(code) == repr(repr(("1", ["1"])))[1:-1]


def test_child_of_a_worker__takes_a_slot_of_its_own(where):
    assert in_a_new_process(_FORK + "slot.label(); print(in_child(slot.label))") == "'1'"


def test_child_of_a_worker__does_not_keep_its_parent_s(where):
    code = (
        "slot.label()\n"
        "(read, write), (begun, begins) = os.pipe(), os.pipe()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    os.close(write); os.write(begins, b'x'); os.read(read, 1); os._exit(0)\n"
        "os.read(begun, 1); slot.release('0')\n"
        "print(slot.is_free(slot.directory(), '0')); os.close(write); os.waitpid(pid, 0)"
    )
    assert in_a_new_process(code) == "True"


def test_child__tells_those_who_have_files(where):
    code = _FORK + "told = []; slot.on_change(lambda: told.append(1)); print(in_child(lambda: told), told)"
    assert in_a_new_process(code) == "[1] []"


def test_program__that_a_worker_started_does_not_keep_the_slot(where):
    code = (
        "import subprocess, sys\n"
        "slot.label()\n"
        "program = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE, stderr=-3)\n"
        "slot.release('0')\n"
        "print(slot.is_free(slot.directory(), '0')); program.communicate()"
    )
    assert in_a_new_process(code) == "True"


def test_slot__of_a_process_that_was_killed_is_free(where):
    code = "import signal; slot.label(); os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", f"import os\nfrom django_ops.record import slot\n{code}"], check=False)
    assert slot.is_free(where, "0")
