"""What install.py does about interruptions, other makes, missing indexes, and settings that are meant for others."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import venv
from contextlib import nullcontext
from pathlib import Path

import pip
import pytest

from requirements import install
from tests.unit.requirements.made_index import ROOT, make_wheel

SECONDS = 60


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """A virtual environment, in the place of .venv, that has this environment's pip."""
    venv.create(tmp_path / ".venv")
    monkeypatch.setattr(install, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(install, "PYTHON", tmp_path / ".venv/bin/python")
    monkeypatch.setattr(install, "LOCK", tmp_path / ".cache/install.lock")
    (packages,) = install.site_packages(tmp_path / ".venv")
    (packages / "pip").symlink_to(Path(pip.__file__).parent)
    (packages / "pip-1.0.dist-info").mkdir()
    (packages / "pip-1.0.dist-info/RECORD").write_text("pip/__init__.py,,\n")
    return packages


def package(packages: Path, name: str = "one", record: str | None = None) -> Path:
    """Put a package of one file into `packages`, and return its metadata."""
    metadata = packages / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
    (packages / f"{name}.py").write_text("x = 1\n")
    if record is None:
        record = f"{name}.py,sha256=abc,6\n__pycache__/{name}.pyc,,\n{metadata.name}/RECORD,,\n"
    (metadata / "RECORD").write_text(record)
    return metadata


# interruptions -------------------------------------------------------------------------------------------------------


def test_package__is_whole(tmp_path):
    assert install.is_whole(package(tmp_path))


@pytest.mark.parametrize(
    "broken", ["one.py", "one-1.0.dist-info/RECORD"], ids=["without a file", "without the list that is written last"]
)
def test_package__by_half(broken, tmp_path):
    metadata = package(tmp_path)
    (tmp_path / broken).unlink()
    assert not install.is_whole(metadata)


def test_package__with_a_file_by_half(tmp_path):
    metadata = package(tmp_path)
    (tmp_path / "one.py").write_text("x")
    assert not install.is_whole(metadata)


def test_package__with_a_list_by_half(tmp_path):
    assert not install.is_whole(package(tmp_path, record="one.py,sha256=abc,6\none-1.0.dist"))


def test_killed__what_is_there_by_half_is_installed_again(environment, monkeypatch, tmp_path):
    metadata = package(environment)
    (metadata / "RECORD").unlink()
    make_wheel(tmp_path, "one", "1.0")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    install.make_usable()
    install.pip(install.PYTHON, "one==1.0")
    assert install.is_whole(metadata)


def test_killed__what_pip_had_put_aside_is_removed(environment):
    kept = package(environment)
    (environment / "~ne").mkdir()
    (environment / "~ne.py").touch()
    install.make_usable()
    assert (list(environment.glob("~*")), kept.exists()) == ([], True)


def test_environment__whole_is_kept(environment):
    assert install.is_usable()


def test_environment__without_a_whole_pip_is_made_again(environment):
    (environment / "pip-1.0.dist-info/RECORD").unlink()
    assert not install.is_usable()


def test_environment__without_an_interpreter_is_made_again(environment):
    install.PYTHON.unlink()
    assert not install.is_usable()


# two at once ---------------------------------------------------------------------------------------------------------


def other_make(then: str) -> subprocess.Popen[str]:
    """Another process that takes the lock and goes on with `then`."""
    script = (
        "from pathlib import Path\nfrom requirements import install\n"
        f"install.LOCK = Path({str(install.LOCK)!r})\nwith install.locked() as (lock, waited):\n    {then}\n"
    )
    return subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_lock__the_second_waits_and_says_so(environment):
    with install.locked() as (_, waited):
        other = other_make("print(waited)")
        assert other.stdout.readline() == "Waiting for another make that installs into .venv\n"
        assert other.poll() is None
    output, _ = other.communicate(timeout=SECONDS)
    assert (waited, output) == (False, "True\n")


def test_lock__is_kept_by_a_pip_whose_make_was_killed(environment, tmp_path):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho $$\nexec sleep {SECONDS}\n")
    python.chmod(0o755)
    other = other_make(f"install.pip(Path({str(python)!r}), lock=lock)")
    pip_process = int(other.stdout.readline())
    other.kill()
    other.wait(timeout=SECONDS)
    with install.LOCK.open("w") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.kill(pip_process, signal.SIGKILL)
    other.stdout.close()
    with install.locked():  # comes as soon as the kernel has ended it
        pass


@pytest.mark.parametrize(("waited", "expected"), [(True, ["test"]), (False, ["run", "test"])])
def test_lock__what_the_other_has_installed_is_left_alone(waited, expected, environment, monkeypatch):
    installed = []
    monkeypatch.setattr(install, "install", lambda name, lock: installed.append(name))
    monkeypatch.setattr(install, "locked", lambda: nullcontext((0, waited)))
    (install.ENVIRONMENT / ".run").touch()
    assert install.main(["run", "test"]) == 0
    assert installed == expected


@pytest.mark.parametrize(("name", "has_project"), [("run", True), ("services", False)])
def test_project__is_installed_where_the_set_has_what_builds_it(name, has_project, environment, monkeypatch):
    calls = []
    monkeypatch.setattr(install, "pip", lambda python, *arguments, lock: calls.append(arguments))
    install.install(name, 0)
    assert any("--editable" in arguments for arguments in calls) is has_project


# no index ------------------------------------------------------------------------------------------------------------

NONE = "ERROR: No matching distribution found for editables==0.6"
REFUSED = (
    "WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection "
    "broken by 'NewConnectionError({0}: Failed to establish a new connection: [Errno 111] Connection refused{1})': "
    "/simple/x/\n"
)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (REFUSED.format("'<pip._vendor.urllib3.connection.HTTPConnection object at 0x7f>", "'") + NONE,
         "editables==0.6: no package index has given it (Connection refused)."),
        (REFUSED.format("\"HTTPSConnection(host='127.0.0.1', port=1)", '"') + NONE,
         "editables==0.6: no package index has given it (Connection refused)."),
        ("WARNING: Retrying after connection broken by 'SSLError(SSLCertVerificationError(1, '[SSL: "
         "CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)'))'\n" + NONE,
         "editables==0.6: no package index has given it (certificate verify failed: self-signed certificate)."),
        (NONE, "editables==0.6: no package index has given it."),
        ("ERROR: Could not install packages due to an OSError: HTTPSConnectionPool(host='a'): Read timed out.",
         "all packages: no package index has given it (timed out)."),
    ],
    ids=["refused, as old pips say it", "refused, as new pips say it", "certificate", "not there", "in the middle"],
)  # fmt: skip
def test_no_index__says_what_is_missing_and_what_to_do(told, expected):
    first, second = install.explain(told).splitlines()
    assert first == f"Could not fetch {expected}"
    assert [word for word in ("PIP_INDEX_URL", "PIP_FIND_LINKS", "HTTPS_PROXY") if word not in second] == []


def test_no_index__forbidden_by_a_variable(monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert "PIP_NO_INDEX is set" in install.explain(NONE)


def test_other_failure__is_told_as_pip_tells_it():
    told = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES"
    assert install.explain(told).startswith(told)


def test_no_index__ends_in_two_lines(environment, monkeypatch, tmp_path, capfd):
    (tmp_path / "run.txt").write_text(f"editables==0.6 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(install, "HERE", tmp_path)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with socket.socket() as closed:  # bound, and it does not listen
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/simple")
        assert install.main(["run"]) == 1
    told = capfd.readouterr()
    assert told.out == "Installing requirements/run.txt\n"
    assert [line.partition(":")[0] for line in told.err.splitlines()] == [
        "Could not fetch editables==0.6",
        install.explain(NONE).splitlines()[1].partition(":")[0],
    ]
    assert not (install.ENVIRONMENT / ".run").exists()


# another Python's settings -------------------------------------------------------------------------------------------


def test_settings__only_those_of_the_source_are_kept(monkeypatch):
    others = ("PIP_TARGET", "PIP_USER", "PIP_NO_BINARY", "PIP_REQUIRE_VIRTUALENV", "PYTHONHOME", "PYTHONPATH")
    for name in others:
        monkeypatch.setenv(name, "1")
    for name in ("PIP_INDEX_URL", "PIP_CERT", "PIP_RETRIES", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "7")
    found = install.surroundings()
    assert [name for name in others if name in found and name != "PIP_USER"] == []
    assert found["PIP_USER"] == "0"
    assert [found[name] for name in ("PIP_INDEX_URL", "PIP_CERT", "PIP_RETRIES", "HTTPS_PROXY")] == ["7"] * 4


def test_settings__that_would_put_packages_elsewhere_do_not(environment, monkeypatch, tmp_path):
    make_wheel(tmp_path, "one", "1.0")
    settings = {"PIP_TARGET": str(tmp_path / "elsewhere"), "PIP_USER": "1", "PIP_NO_BINARY": ":all:"}
    for name, value in {**settings, "PIP_FIND_LINKS": str(tmp_path), "PIP_NO_INDEX": "1"}.items():
        monkeypatch.setenv(name, value)
    install.pip(install.PYTHON, "one==1.0")
    assert (environment / "one-1.0.dist-info").exists()
