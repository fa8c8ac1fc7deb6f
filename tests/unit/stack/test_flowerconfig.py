"""What Flower is told, and what it does not start without."""

import runpy

import pytest

CONFIGURATION = "stack/provision/flowerconfig.py"


@pytest.fixture
def account(monkeypatch, tmp_path):
    path = tmp_path / "flower-auth"
    monkeypatch.setenv("FLOWER_AUTH_FILE", str(path))
    return path


def test_account__is_read_from_its_file(account):
    account.write_text("admin:a phrase: with a colon\n")
    assert runpy.run_path(CONFIGURATION)["basic_auth"] == ["admin:a phrase: with a colon"]


@pytest.mark.parametrize("text", ["", "\n", "admin", "admin:", ":password"])
def test_account__without_a_password_is_refused(account, text):
    account.write_text(text)
    with pytest.raises(SystemExit, match="must hold user:password"):
        runpy.run_path(CONFIGURATION)


def test_account__without_a_file_is_refused(account):
    with pytest.raises(SystemExit, match="flower-auth, which cannot be read: No such file"):
        runpy.run_path(CONFIGURATION)


def test_account__that_is_no_text_is_refused(account):
    account.write_bytes(b"\xff:\xff")
    with pytest.raises(SystemExit, match="it is no text"):
        runpy.run_path(CONFIGURATION)


def test_account__of_no_file_is_refused(account, monkeypatch):
    monkeypatch.delenv("FLOWER_AUTH_FILE")
    with pytest.raises(SystemExit, match="FLOWER_AUTH_FILE is not set"):
        runpy.run_path(CONFIGURATION)
