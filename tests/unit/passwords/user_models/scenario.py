"""Run with AUTH_USER_MODEL, and the classes of users to save: prints what happened to each as one JSON object."""

import json
import sys

import django
from django.conf import settings

VALIDATOR = "django_ops.passwords.validators.PasswordHistoryValidator"


def configure(user_model: str) -> None:
    settings.configure(
        SECRET_KEY="for the tests only",
        AUTH_USER_MODEL=user_model,
        AUTH_PASSWORD_VALIDATORS=[{"NAME": VALIDATOR}],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "tests.unit.passwords.user_models",
            "django_ops.passwords",
        ],
        USE_TZ=True,
    )
    django.setup()


def play(kind: str) -> dict[str, object]:
    from django.apps import apps
    from django.contrib.auth.hashers import make_password
    from django.core.management import call_command

    from django_ops.passwords.models import PasswordEntry, PasswordHistory
    from tests.unit.passwords.conftest import change, refused

    call_command("migrate", run_syncdb=True, verbosity=0)
    model = apps.get_model("user_models", kind)
    name = "ann@example.com" if model.USERNAME_FIELD == "email" else "ann"
    unsaved = model(**{model.USERNAME_FIELD: name}, password=make_password("first"))
    told = {"refused before the user is saved": refused(unsaved, "first", "second")}
    unsaved.save()
    user = model._base_manager.get()
    told["refused before any history"] = refused(user, "first", "second")
    change(user, "second", "third")
    told["refused"] = refused(user, "first", "second", "third", "fresh")
    told["entries"] = PasswordEntry.objects.count()
    told["text"] = [str(history) for history in PasswordHistory.objects.all()] == [
        f"Password history of user {user.pk}"
    ]
    user.delete()
    told["left after deletion"] = PasswordHistory.objects.count() + PasswordEntry.objects.count()
    return told


if __name__ == "__main__":
    configure(sys.argv[1])
    sys.stdout.write(json.dumps({kind: play(kind) for kind in sys.argv[2:]}))
