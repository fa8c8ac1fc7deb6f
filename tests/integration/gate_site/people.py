"""Makes the database with its users, and prints the session key of each as JSON.

ann may open flower, grafana and strip; bob is signed in and may open nothing; root is a superuser; gone is not active;
changed has had another password since; expired's session is over.
"""

import json
import sys
from datetime import timedelta
from importlib import import_module

import django


def main() -> None:
    """Do it."""
    django.setup()
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import Permission, User
    from django.core.management import call_command
    from django.utils import timezone

    call_command("migrate", verbosity=0)
    store = import_module(settings.SESSION_ENGINE).SessionStore
    keys = {}
    for name in ("ann", "bob", "root", "gone", "changed", "expired"):
        user = User.objects.create_user(
            name, f"{name}@example.com", "word", is_superuser=name == "root", is_staff=name in ("ann", "root")
        )
        session = store()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        if name == "expired":
            session.set_expiry(timezone.now() - timedelta(hours=1))
        session.save()
        keys[name] = session.session_key
    granted = Permission.objects.filter(content_type__app_label="ops_gate", codename__in=sys.argv[1:])
    for name in ("ann", "gone", "changed", "expired"):
        User.objects.get(username=name).user_permissions.set(granted)
    User.objects.filter(username="gone").update(is_active=False)
    changed = User.objects.get(username="changed")
    changed.set_password("another")
    changed.save()
    sys.stdout.write(json.dumps(keys))


if __name__ == "__main__":
    main()
