"""The ways in which a password is changed: Django's pages, forms, commands, managers, and async code."""

import io

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import aauthenticate, forms
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.management import CommandError, call_command
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from tests.unit.passwords.conftest import change, entries, refused

REFUSAL = "You cannot use any of your last 10 passwords again."


@pytest.fixture
def pages(settings, client, user):
    """A client that has signed in as the user, on a site with Django's pages for passwords."""
    settings.ROOT_URLCONF = "tests.unit.passwords.urls"
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    templates = {"form.html": "{{ form.errors }} {{ form.new_password1.help_text }}"}
    settings.TEMPLATES = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", templates)]},
        }
    ]
    client.force_login(user)
    return client


def change_on_page(pages, old, new):
    return pages.post("/change/", {"old_password": old, "new_password1": new, "new_password2": new})


def reset_on_page(pages, user, new):
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    pages.get(f"/reset/{uid}/{default_token_generator.make_token(user)}/")
    return pages.post(f"/reset/{uid}/set-password/", {"new_password1": new, "new_password2": new})


def test_change_page__takes_a_fresh_password(pages):
    assert change_on_page(pages, "first", "second").url == "/done/"


def test_change_page__refuses_the_current_password(pages):
    assert REFUSAL in change_on_page(pages, "first", "first").content.decode()


def test_change_page__refuses_an_earlier_password(pages):
    change_on_page(pages, "first", "second")
    assert REFUSAL in change_on_page(pages, "second", "first").content.decode()


def test_change_page__shows_the_rule(pages):
    assert "your last 10 passwords, including the current one" in pages.get("/change/").content.decode()


def test_reset_page__takes_a_fresh_password(pages, user):
    assert reset_on_page(pages, user, "second").url == "/done/"


def test_reset_page__refuses_the_current_password(pages, user):
    assert REFUSAL in reset_on_page(pages, user, "first").content.decode()


def test_reset_page__refuses_an_earlier_password(pages, user):
    change(user, "second")
    assert REFUSAL in reset_on_page(pages, user, "first").content.decode()


def test_admin_form__refuses_an_earlier_password(user):
    change(user, "second")
    form = forms.AdminPasswordChangeForm(user, {"password1": "first", "password2": "first"})
    assert form.has_error("password2", "password_in_history")


def test_admin_form__records(user):
    form = forms.AdminPasswordChangeForm(user, {"password1": "second", "password2": "second"})
    form.full_clean()
    form.save()
    change(user, "third")
    assert refused(user, "second")


def test_set_password_form__refuses_an_earlier_password(user):
    change(user, "second")
    form = forms.SetPasswordForm(user, {"new_password1": "first", "new_password2": "first"})
    assert form.has_error("new_password2", "password_in_history")


def test_creation_form__creates_a_user_with_a_history(db):
    form = forms.UserCreationForm({"username": "new", "password1": "first", "password2": "first"})
    user = form.save()
    change(user, "second")
    assert refused(user, "first", "second") == ["first", "second"]


def test_creation_form__of_a_second_user_takes_the_password_of_another(user):
    form = forms.UserCreationForm({"username": "new", "password1": "first", "password2": "first"})
    assert form.is_valid()


@pytest.fixture
def typed(monkeypatch):
    """Return a function that says what is typed at the prompts for a password."""

    def type_passwords(*passwords):
        answers = iter(passwords)
        monkeypatch.setattr("getpass.getpass", lambda *args, **kwargs: next(answers))

    return type_passwords


def test_changepassword__refuses_the_current_password(user, typed):
    typed(*["first"] * 6)
    errors = io.StringIO()
    with pytest.raises(CommandError, match="Aborting"):
        call_command("changepassword", "ann", stdout=io.StringIO(), stderr=errors)
    assert REFUSAL in errors.getvalue()


def test_changepassword__records(user, typed):
    typed("second", "second")
    call_command("changepassword", "ann", stdout=io.StringIO())
    user.refresh_from_db()
    change(user, "third")
    assert refused(user, "first", "second") == ["first", "second"]


def test_createsuperuser__at_the_prompt_creates_a_user(db, typed):
    typed("first", "first")
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    call_command("createsuperuser", username="root", email="root@example.com", stdin=terminal, stdout=io.StringIO())
    assert refused(User.objects.get(), "first")


def test_createsuperuser__password_is_refused_after_the_change(db, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "first")
    call_command("createsuperuser", interactive=False, username="root", email="root@example.com", stdout=io.StringIO())
    user = User.objects.get()
    change(user, "second")
    assert refused(user, "first")


@async_to_sync
async def change_async(user, password):
    user.set_password(password)
    await user.asave()


def test_async_save__records(user):
    change_async(user, "second")
    assert refused(user, "first", "second") == ["first", "second"]


def test_async_validation__reads_in_a_thread(user):
    change(user, "second")
    assert async_to_sync(sync_to_async(refused))(user, "first")


def test_async_manager__creates_a_user_whose_password_is_refused(db):
    user = async_to_sync(User.objects.acreate_user)("new", password="first")
    change(user, "second")
    assert refused(user, "first", "second") == ["first", "second"]


def test_async_sign_in__upgrade_of_the_hash_adds_no_entry(user, settings):
    change(user, "second")
    settings.PASSWORD_HASHERS = [
        "tests.unit.passwords.hashers.DearerPBKDF2",
    ]
    user = async_to_sync(aauthenticate)(username="ann", password="second")
    change(user, "third")
    assert [entry.inherited for entry in entries()] == [False, False, True]
