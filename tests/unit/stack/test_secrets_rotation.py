"""Secrets anew: what was valid stays valid where it must, and nothing else changes."""

from __future__ import annotations

import errno

import pytest

from stack.provision.secrets import files, rotation
from stack.provision.secrets.errors import SecretsError
from stack.provision.secrets.store import Store
from tests.unit.stack.secret_files import OURS, contents, replace


def test_rotate_secret_key__the_old_one_stays_valid(written):
    old = (written / "django/secret-key").read_text()
    rotation.rotate(Store(written, OURS), "django-secret-key")
    assert (written / "django/secret-key").read_text() != old
    assert (written / "django/secret-key-fallbacks").read_text() == old


def test_rotate_secret_key__keeps_a_few_old_ones(written):
    for _ in range(rotation.OLD_KEYS + 2):
        rotation.rotate(Store(written, OURS), "django-secret-key")
    assert len((written / "django/secret-key-fallbacks").read_text().split()) == rotation.OLD_KEYS


def test_rotate_secret_key__an_interruption_leaves_the_key_valid(written, monkeypatch):
    old = (written / "django/secret-key").read_text()
    monkeypatch.setattr(rotation, "generate", lambda kind: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rotation.rotate(Store(written, OURS), "django-secret-key")
    assert (written / "django/secret-key").read_text() == old
    Store(written, OURS).write()


def test_rotate__changes_nothing_else(written):
    before = contents(written)
    rotation.rotate(Store(written, OURS), "django-secret-key")
    after = contents(written)
    changed = {path for path, content in after.items() if content != before[path]}
    names = ("secret-key", "secret-key-fallbacks")
    assert changed == {f"{group}/{name}" for group in ("django", "worker", "migrate") for name in names}


def test_rotate_metrics_token__reaches_every_reader(written):
    rotation.rotate(Store(written, OURS), "metrics-token")
    after = contents(written)
    assert after["django/metrics-token"] == after["prometheus/metrics-token"]


def test_rotate__an_unknown_name_is_told_those_that_are_known(written):
    with pytest.raises(SecretsError, match=r"'django_secret_key'.*django-secret-key, metrics-token"):
        rotation.rotate(Store(written, OURS), "django_secret_key")


def test_rotate__the_database_s_password_is_not_only_a_file(written):
    with pytest.raises(SecretsError, match="make secrets-rotate NAME=database-password"):
        rotation.rotate(Store(written, OURS), "database-password")


def test_rotation_in_the_database__reaches_its_copy(written):
    """What `database_password` leaves: a new password in the site's file only."""
    replace(written / "django/pgpass", f"postgres:5432:*:app:{'n' * 64}\n")
    Store(written, OURS).write()
    assert (written / "postgres/app-password").read_text() == "n" * 64 + "\n"


def test_forget_old_keys__none_is_left(written):
    rotation.rotate(Store(written, OURS), "django-secret-key")
    rotation.forget_old_keys(Store(written, OURS))
    assert (written / "django/secret-key-fallbacks").read_text() == ""


def test_set__takes_what_is_given(written):
    rotation.take(Store(written, OURS), "smtp-password", "mail's own, with blanks")
    Store(written, OURS).write()
    assert (written / "alertmanager/smtp-password").read_text() == "mail's own, with blanks\n"


def test_set__the_address_of_a_switch_is_one(written):
    rotation.take(Store(written, OURS), "dead-mans-switch-url", "https://ping.example.com/1")
    assert (written / "alertmanager/dead-mans-switch-url").read_text() == "https://ping.example.com/1\n"
    with pytest.raises(SecretsError, match="What was given is no dead-mans-switch-url"):
        rotation.take(Store(written, OURS), "dead-mans-switch-url", "ping.example.com/1 and more")


def test_set__a_certificate_is_one(written):
    with pytest.raises(SecretsError, match="What was given is no tls-certificate"):
        rotation.take(Store(written, OURS), "tls-certificate", "-----BEGIN PRIVATE KEY-----\n")


def test_set__a_pair(written):
    for name, kind in (("tls-certificate", "CERTIFICATE"), ("tls-key", "EC PRIVATE KEY")):
        rotation.take(Store(written, OURS), name, f"-----BEGIN {kind}-----\nMII=\n-----END {kind}-----\n")
    assert {path.name for path in (written / "tls").iterdir()} == {"certificate.pem", "key.pem"}


def test_write__a_full_volume_leaves_the_old_file(written, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    before = contents(written)
    with pytest.raises(SecretsError, match="secret-key-fallbacks cannot be written: No space left on device"):
        rotation.rotate(Store(written, OURS), "django-secret-key")
    assert contents(written) == before
