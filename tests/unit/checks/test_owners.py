import os

import pytest

from django_ops.logs.files import SlotFileHandler
from django_ops.record.owner import name_of
from tests.users import as_another, directory_of_another, make_foreign


@pytest.fixture
def log(root):
    """The log directory, which belongs to the other user where we are root."""
    with directory_of_another() as directory:
        handler = SlotFileHandler(directory)
        root.addHandler(handler)
        yield directory
        handler.close()


def test_files__of_ones_own(found, log):
    (log / "django.0.jsonl").touch()
    os.chown(log / "django.0.jsonl", log.stat().st_uid, -1)
    assert as_another(lambda: found("W038")) == []


def test_files__that_are_gone(found, log):
    """As after a rotation between the listing and the look: a link without a target is listed too."""
    (log / "django.0.jsonl").symlink_to(log / "gone")
    assert as_another(lambda: found("W038")) == []
    assert found("W038") == []


def test_files__of_another_user(found, log, monkeypatch):
    slots = log / "slots"
    slots.mkdir()
    os.chown(slots, log.stat().st_uid, -1)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(slots))
    for file in (log / "django.0.jsonl", slots / "slot-0.lock"):
        make_foreign(file)
    name = name_of(os.geteuid())
    sentences = [
        f"{log} has files of {name} that the site's user cannot write: django.0.jsonl.",
        f"{slots} has files of {name} that the site's user cannot write: slot-0.lock.",
    ]
    assert as_another(lambda: found("W038")) == sentences
    assert found("W038") == sentences
