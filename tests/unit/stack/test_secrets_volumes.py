"""Volumes of data: each becomes its writer's, with all that is in it, whoever had it before."""

from __future__ import annotations

import os
import stat

import pytest

from stack.provision.secrets import volumes
from stack.provision.secrets.errors import SecretsError
from stack.provision.secrets.table import Group, Volume
from tests.programs import require_root

FORMER, READER = Group(4001, 4002), Group(5001, 5002)
OURS = {"data": Volume(READER, 0o750)}


@pytest.fixture
def data(tmp_path):
    """A volume as the user before left it: a file, a folder that is shut, a link that leads out, and a named pipe."""
    require_root()
    outside, data = tmp_path / "outside", tmp_path / "data"
    outside.write_text("of the host")
    (data / "registry").mkdir(parents=True)
    (data / "registry/log.json").write_text("{}")
    (data / "link").symlink_to(outside)
    os.mkfifo(data / "pipe")
    for path in (data, *data.rglob("*")):
        os.chown(path, *FORMER, follow_symlinks=False)
    (data / "registry").chmod(0o700)
    return data


def owners(data):
    return {(path.lstat().st_uid, path.lstat().st_gid) for path in (data, *data.rglob("*"))}


def test_volume__is_given_with_all_that_is_in_it(data):
    assert volumes.give(data.parent, OURS) == ["data"]
    assert owners(data) == {READER}
    assert stat.S_IMODE(data.stat().st_mode) == 0o750
    assert stat.S_IMODE((data / "registry").stat().st_mode) == 0o700


def test_volume__gives_nothing_away_that_a_link_leads_to(data):
    volumes.give(data.parent, OURS)
    assert (data.parent / "outside").stat().st_uid == os.getuid()


def test_volume__that_is_right_is_left_alone(data):
    volumes.give(data.parent, OURS)
    os.chown(data / "registry", *FORMER)  # not looked for: its writer may have given it away itself
    assert volumes.give(data.parent, OURS) == []
    assert owners(data) == {READER, FORMER}


def test_interruption__is_completed_by_the_next_run(data, monkeypatch):
    def interrupted(name, *owner, **options):
        if name == "registry":
            raise OSError(5, "Input/output error")
        chown(name, *owner, **options)

    chown = os.chown
    with monkeypatch.context() as patched:
        patched.setattr(os, "chown", interrupted)
        with pytest.raises(SecretsError, match="data cannot be given to the user 5001: Input/output error"):
            volumes.give(data.parent, OURS)
    assert volumes.give(data.parent, OURS) == ["data"]
    assert owners(data) == {READER}


def test_volume__that_is_missing_is_named(tmp_path):
    with pytest.raises(SecretsError, match="data cannot be given to the user 5001: No such file"):
        volumes.give(tmp_path, OURS)
