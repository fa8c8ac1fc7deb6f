"""Any user model: one process for each, because AUTH_USER_MODEL is for ever."""

import functools
import json
import subprocess
import sys

import pytest

KINDS = {
    "custom": ("Account", "Account"),
    "uuid key, email, no permissions": ("Member", "Member"),
    "text key, hidden by the default manager": ("Slug", "Slug"),
    "proxy of it is saved": ("Account", "Visitor"),
    "child of it is saved": ("Account", "Staff"),
    "is a child": ("Staff", "Staff"),
}


OTHERS = [("Account", "Member"), ("Member", "Account")]


@functools.cache
def play(user_model):
    """Return what happened to all kinds of users where this is the user model."""
    kinds = [kind for model, kind in [*KINDS.values(), *OTHERS] if model == user_model]
    module = "tests.unit.passwords.user_models.scenario"
    command = [sys.executable, "-W", "error", "-m", module, f"user_models.{user_model}", *kinds]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS.keys())
def told(request):
    user_model, kind = request.param
    return play(user_model)[kind]


def test_user_model__unsaved_user_is_refused_nothing(told):
    assert told["refused before the user is saved"] == []


def test_user_model__current_password_is_refused_before_any_history(told):
    assert told["refused before any history"] == ["first"]


def test_user_model__last_passwords_are_refused(told):
    assert told["refused"] == ["first", "second", "third"]


def test_user_model__each_password_is_recorded_once(told):
    assert told["entries"] == 3


def test_user_model__history_goes_with_the_user(told):
    assert told["left after deletion"] == 0


def test_user_model__history_names_the_user_by_key(told):
    assert told["text"]


@pytest.mark.parametrize(("user_model", "other"), OTHERS)
def test_other_user_model__has_no_history_but_cannot_reuse_the_current_password(user_model, other):
    told = play(user_model)[other]
    assert (told["refused"], told["entries"]) == (["third"], 0)
