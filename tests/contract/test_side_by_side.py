"""A second end-to-end run beside the first: refused in the same checkout, and in nobody's way in another one."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import claims
from tests.e2e.commands import ROOT

#: Another run: takes what it is told to, says what it has, and keeps it until it is told to end.
OTHER = """
import sys
from tests.e2e import claims
claims.docker = lambda *_, **__: ""
print({expression}, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Locks of this test's own, an engine without networks, and nothing left claimed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(claims, "docker", lambda *_, **__: "")
    monkeypatch.setattr(claims, "_held", [])
    yield
    for file in claims._held:
        file.close()


def other(expression: str) -> tuple[subprocess.Popen[str], str]:
    """Start another run, and return it with what it has."""
    command = [sys.executable, "-c", OTHER.format(expression=expression)]
    run = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    return run, run.stdout.readline().strip()


def test_project__is_of_one_run_at_a_time_and_of_the_next_when_it_has_ended() -> None:
    run, said = other("claims.lock('project-x')")
    with run:
        assert said == "None"
        assert claims.lock("project-x") == run.pid
        run.communicate()
    assert claims.lock("project-x") is None


def test_name_of_the_project__is_that_of_the_checkout(tmp_path: Path) -> None:
    names = [claims.project_name(tmp_path / "one"), claims.project_name(tmp_path / "two")]
    assert len(set(names)) == 2
    assert claims.project_name(tmp_path / "one") == names[0]
    assert all(name.startswith("django-ops-e2e-") for name in names)


def test_second_run__of_a_checkout_says_who_is_at_it() -> None:
    run, _ = other("claims.lock('project-x')")
    with run:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "tests/e2e/test_static.py",
            "--project",
            "x",
        ]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        run.communicate()
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"the tests of the project x are running already, as process {run.pid}" in ended.stderr


def test_networks__of_two_projects_differ_where_their_names_would_give_the_same() -> None:
    run, theirs = other("claims.claim_network('some')")
    with run:
        assert claims.claim_network("some") != theirs
        run.communicate()
    assert claims.claim_network("some") != claims.claim_network("some")


def test_network__of_a_stack_that_was_left_up_is_its_own_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def docker(verb: str, *arguments: str, **_: object) -> str:
        if arguments[0] == "ls":
            return "one two"
        found = {"10.88.7.0/24": "kept", "10.88.8.0/24": "another"}
        return json.dumps([
            {"IPAM": {"Config": [{"Subnet": subnet}]}, "Labels": {"com.docker.compose.project": project}}
            for subnet, project in found.items()
        ])  # fmt: skip

    monkeypatch.setattr(claims, "docker", docker)
    assert claims.claim_network("kept") == "10.88.7"
    numbers = {claims.claim_network("new") for _ in range(254)}
    assert len(numbers) == 254
    assert numbers.isdisjoint({"10.88.7", "10.88.8"})


def test_port__that_somebody_has_or_claims_is_not_given_to_another() -> None:
    run, theirs = other("claims.claim_port()")
    with run, socket.socket() as listener:
        ours = claims.claim_port()
        listener.bind(("127.0.0.1", ours))
        listener.listen()
        claims._held.pop().close()
        assert claims.claim_port() not in {ours, int(theirs)}
        assert ours != int(theirs)
        run.communicate()


def test_claim__of_what_is_not_to_be_had_says_so() -> None:
    with pytest.raises(AssertionError, match="no number is free"):
        claims.claim("number", [1, 2], lambda _: False)
    assert claims._held == []
