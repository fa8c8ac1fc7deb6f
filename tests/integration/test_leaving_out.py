"""Tests whose machine lacks a program, in a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).parents[2]

TESTS = """\
import contextlib
import socket

import pytest

from tests import programs


@pytest.fixture(scope="session")
def redis():
    yield programs.require("no-such-redis", "Redis", "redis-server")


@pytest.fixture
def application(redis):
    raise AssertionError("what needs a missing fixture is never reached")


@contextlib.contextmanager
def nginx():
    with contextlib.ExitStack() as stack:
        stack.callback(print, "tidied up")
        yield programs.require("no-such-nginx", "nginx", "nginx-light")


@pytest.mark.parametrize("number", range(3))
def test_fixture(redis, number):
    raise AssertionError("never")


def test_fixture_of_fixture(application):
    raise AssertionError("never")


def test_itself():
    with nginx():
        raise AssertionError("never")


class TestOfClass:
    @pytest.fixture(autouse=True)
    def shellcheck(self):
        programs.require("no-such-shellcheck", package="shellcheck")

    def test_method(self):
        raise AssertionError("never")


def test_ipv6(monkeypatch):
    class NoSocket(socket.socket):
        def bind(self, address):
            raise OSError(99, "Cannot assign requested address")

    monkeypatch.setattr(socket, "socket", NoSocket)
    programs.require_ipv6()
    raise AssertionError("never")


def test_what_is_there():
    assert programs.require("sh").endswith("/sh")
"""

TOLD = [
    "4 tests: Redis is not installed",
    "1 test: nginx is not installed",
    "1 test: no-such-shellcheck is not installed",
    "1 test: this machine has no IPv6 loopback address",
    "To run them: apt-get install nginx-light redis-server shellcheck",
]
BESIDE_EACH_OTHER = pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["one-process", "xdist"])


def run(directory: Path, options: list[str], no_skip: str = "") -> tuple[int, list[str]]:
    """Run them as tests/conftest.py has all tests run; return the exit status and what was printed."""
    (directory / "test_missing.py").write_text(TESTS)
    alone = ["-p", "tests.leaving_out", "-c", "/dev/null", "--rootdir", str(directory), "-ra", *options]
    return run_pytest(directory, *alone, "test_missing.py", OPS_TEST_NO_SKIP=no_skip)


def run_pytest(directory: Path, *arguments: str, **variables: str) -> tuple[int, list[str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_"))}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color", "no", *arguments],
        cwd=directory, env={**environment, "PYTHONPATH": f"{ROOT}:{directory}", "COLUMNS": "200", **variables},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert "Error: never" not in ended.stdout
    return ended.returncode, ended.stdout.splitlines()


@BESIDE_EACH_OTHER
def test_missing_program__leaves_tests_out_and_is_counted(tmp_path: Path, options: list[str]) -> None:
    status, printed = run(tmp_path, options)
    begin = next(index for index, line in enumerate(printed) if "left out for what is missing here" in line)
    assert printed[begin + 1 : begin + 1 + len(TOLD)] == TOLD
    assert (status, " 1 passed, 7 skipped in " in printed[-1]) == (0, True)


@BESIDE_EACH_OTHER
def test_missing_program__fails_where_no_skip_is_allowed(tmp_path: Path, options: list[str]) -> None:
    status, printed = run(tmp_path, options, no_skip="1")
    # what a fixture misses is an error in pytest's words
    assert (status, " 2 failed, 1 passed, 5 errors in " in printed[-1]) == (1, True)
    reasons = [line for line in printed if line.startswith(("FAILED", "ERROR"))]
    assert ["(OPS_TEST_NO_SKIP allows no skip)" in line for line in reasons] == [True] * 7


def test_nothing_missing__says_nothing(tmp_path: Path) -> None:
    status, printed = run(tmp_path, ["-k", "what_is_there"])
    assert (status, [line for line in printed if "left out" in line or "apt-get" in line]) == (0, [])


def test_module_that_cannot_be_read__is_still_reported(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("import no_such_module\n")
    status, printed = run(tmp_path, ["test_broken.py"])
    assert (status, [line for line in printed if "INTERNALERROR" in line or "AttributeError" in line]) == (2, [])
    assert any("No module named 'no_such_module'" in line for line in printed)


def test_services_of_these_tests__are_left_out_where_they_are_missing(tmp_path: Path) -> None:
    """The real fixtures, on a machine that seems to have no program at all."""
    hider = "import glob, shutil\nshutil.which = lambda *args, **kwargs: None\nglob.glob = lambda *args: []\n"
    (tmp_path / "hide_programs.py").write_text(hider)
    tests = [
        "integration/test_services.py::test_postgresql__answers_queries",
        "integration/test_services.py::test_redis__answers",
        "integration/test_services.py::test_memcached__answers",
        "contract/test_nginx.py::test_request_id__is_the_same_for_client_application_and_log",
    ]
    status, printed = run_pytest(
        tmp_path, "-p", "hide_programs", *(str(ROOT / "tests" / test) for test in tests), OPS_TEST_NO_SKIP=""
    )
    assert "To run them: apt-get install memcached nginx-light postgresql redis-server" in printed
    assert (status, " 4 skipped in " in printed[-1]) == (0, True)
