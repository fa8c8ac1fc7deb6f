"""The validator as Django sees it: options, texts, and users that have no history."""

import gettext
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.utils import translation

from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.passwords.validators import PasswordHistoryValidator
from tests.unit.passwords.conftest import change, refused

WITHOUT_A_ROW = {
    "none": None,
    "anonymous": AnonymousUser(),
    "without pk": User(),
    "of a token": SimpleNamespace(pk=1),
}
LOCALE = Path(apps.get_app_config("ops_passwords").path) / "locale"


def message_of(validator, password, user):
    with pytest.raises(ValidationError) as caught:
        validator.validate(password, user)
    return caught.value


def test_last__is_ten_by_default():
    assert PasswordHistoryValidator().last == 10


def test_max_age__is_none_by_default():
    assert PasswordHistoryValidator().max_age_days is None


@pytest.mark.parametrize("option", ["last", "max_age_days"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "10", True, [], 10**12])
def test_option__of_a_wrong_kind_is_named(option, value):
    with pytest.raises(ImproperlyConfiguredError, match=f"'{option}'.*AUTH_PASSWORD_VALIDATORS"):
        PasswordHistoryValidator(**{option: value})


def test_last__none_is_an_error():
    with pytest.raises(ImproperlyConfiguredError, match="'last'"):
        PasswordHistoryValidator(last=None)


@pytest.mark.parametrize("user", WITHOUT_A_ROW.values(), ids=WITHOUT_A_ROW.keys())
def test_validate__without_a_row_refuses_nothing(user):
    assert PasswordHistoryValidator().validate("secret", user) is None


@pytest.mark.parametrize("user", WITHOUT_A_ROW.values(), ids=WITHOUT_A_ROW.keys())
def test_password_changed__without_a_row_records_nothing(user):
    assert PasswordHistoryValidator().password_changed("secret", user) is None


def test_validate__user_with_a_key_that_is_not_saved_refuses_nothing(db):
    assert not refused(User(pk=12345, password="whatever"), "secret")


def test_validate__object_that_names_a_saved_user_has_its_history(user):
    change(user, "second")
    assert refused(User(pk=user.pk), "second")


def test_validate__without_the_app_says_what_to_add(settings):
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_ops.passwords"]
    with pytest.raises(ImproperlyConfiguredError, match=r'"django_ops\.passwords": add it to INSTALLED_APPS'):
        PasswordHistoryValidator().validate("secret", User(pk=1))


def test_password_changed__without_the_app_says_what_to_add(settings):
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_ops.passwords"]
    with pytest.raises(ImproperlyConfiguredError, match=r'"django_ops\.passwords": add it to INSTALLED_APPS'):
        PasswordHistoryValidator().password_changed("secret", User(pk=1))


def test_module__imports_no_models():
    code = (
        "from django.conf import settings; settings.configure(); import django_ops.passwords.validators, sys;"
        "assert 'django_ops.passwords.models' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_error__has_a_code_of_its_own(user):
    assert message_of(PasswordHistoryValidator(), "first", user).code == "password_in_history"


def test_error__carries_n(user):
    assert message_of(PasswordHistoryValidator(last=7), "first", user).params == {"last": 7}


def test_error__is_the_same_for_the_current_password_and_an_earlier_one(user):
    change(user, "second")
    validator = PasswordHistoryValidator()
    assert message_of(validator, "first", user).messages == message_of(validator, "second", user).messages


def test_help_text__without_max_age_is_one_sentence():
    assert PasswordHistoryValidator(last=3).get_help_text().count(".") == 1


def test_help_text__names_the_max_age():
    assert "for 90 days" in PasswordHistoryValidator(max_age_days=90).get_help_text()


@pytest.mark.parametrize("language", ["en", "es", "ru"])
@pytest.mark.parametrize("last", [1, 2, 5, 21])
def test_texts__name_n(language, last):
    validator = PasswordHistoryValidator(last=last)
    with translation.override(language):
        assert f" {last} " in validator.get_help_text()
        assert f" {last} " in validator.get_error_message()


@pytest.mark.parametrize(
    ("language", "last", "words"),
    [
        ("en", 1, "your last 1 password "),
        ("en", 2, "your last 2 passwords "),
        ("es", 1, "su 1 última contraseña."),
        ("es", 10, "sus últimas 10 contraseñas."),
        ("ru", 1, "1 последний пароль."),
        ("ru", 2, "2 последних пароля."),
        ("ru", 5, "5 последних паролей."),
        ("ru", 11, "11 последних паролей."),
        ("ru", 21, "21 последний пароль."),
        ("ru", 24, "24 последних пароля."),
    ],
)
def test_error__agrees_with_the_number(language, last, words):
    with translation.override(language):
        assert words in PasswordHistoryValidator(last=last).get_error_message()


@pytest.mark.parametrize(
    ("language", "days", "words"),
    [("es", 1, "1 día"), ("es", 2, "2 días"), ("ru", 1, "1 день"), ("ru", 3, "3 дня"), ("ru", 90, "90 дней")],
)
def test_help_text__max_age_agrees_with_the_number(language, days, words):
    with translation.override(language):
        assert words in PasswordHistoryValidator(max_age_days=days).get_help_text()


def test_help_text__follows_the_language_of_the_moment():
    validator = PasswordHistoryValidator()
    with translation.override("es"):
        assert validator.get_help_text().startswith("Su nueva contraseña")
    with translation.override("en"):
        assert validator.get_help_text().startswith("Your new password")


def strings_of(po: Path) -> list[str]:
    lines = po.read_text(encoding="utf-8").splitlines()
    return [line.split(' "', 1)[1][:-1] for line in lines if line.startswith("msgstr[")]


@pytest.mark.parametrize("language", ["en", "es", "ru"])
def test_locale__compiled_file_is_that_of_the_source(language):
    folder = LOCALE / language / "LC_MESSAGES"
    with (folder / "django.mo").open("rb") as compiled:
        catalog = gettext.GNUTranslations(compiled)._catalog
    texts = [text for key, text in catalog.items() if key]
    assert sorted(texts) == sorted(strings_of(folder / "django.po"))
