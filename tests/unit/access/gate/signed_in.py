"""Users who are signed in, by the same means as Django's own sign-in."""

from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import override_settings

from django_ops.access.gate.registry import parse

ENTRY = {"upstream": "http://flower:5555"}
FLOWER = parse({"flower": ENTRY}, "/ops/")["flower"]
CACHED = override_settings(SESSION_ENGINE="django.contrib.sessions.backends.cache")
BACKEND = "django.contrib.auth.backends.ModelBackend"


def permission(codename="view_flower"):
    content_type, _ = ContentType.objects.get_or_create(app_label="ops_gate", model="gate")
    return Permission.objects.get_or_create(content_type=content_type, codename=codename, defaults={"name": codename})[
        0
    ]


def session_of(user, **changes):
    """Sign a user in, and return the cookies."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    values = {SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: BACKEND, HASH_SESSION_KEY: user.get_session_auth_hash()}
    for key, value in (values | changes).items():
        if value is not None:
            session[key] = value
    session.save()
    return {"sessionid": session.session_key}
