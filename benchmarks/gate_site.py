"""A Django behind the gate's nginx: `python -m benchmarks.gate_site` prepares it, gunicorn serves `application`.

The environment names a scratch folder, a Redis and the UI's address. What is printed is JSON: the key of the session of
somebody who may open the UI, and both parts of nginx's configuration.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import django
from django.conf import settings


def configure() -> None:
    """Set Django up: sessions in Redis, users in SQLite."""
    scratch = Path(os.environ["BENCH_SCRATCH"])
    settings.configure(
        SECRET_KEY="for the benchmarks only",
        ALLOWED_HOSTS=["bench.example"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": scratch / "db.sqlite3"}},
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": os.environ["BENCH_REDIS"],
            }
        },
        SESSION_ENGINE="django.contrib.sessions.backends.cache",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django_ops",
            "django_ops.access.gate",
        ],
        MIDDLEWARE=["django_ops.middleware.OpsMiddleware"],
        ROOT_URLCONF="django_ops.urls",
        LOGIN_URL="/sign-in/",
        OPS_TRUSTED_PROXIES=["127.0.0.1"],
        OPS_GATE_MODE="nginx",
        OPS_GATE_SERVICES={"ui": {"upstream": os.environ["BENCH_UI"], "user_header": "X-WEBAUTH-USER"}},
    )
    django.setup()


def prepare(application: str) -> dict[str, str]:
    """Make the database and a session, and render nginx's part; `application` is where nginx finds Django."""
    from importlib import import_module

    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import Permission, User
    from django.core.management import call_command

    from django_ops.access.gate.nginx import Surroundings, http_part, server_part
    from django_ops.access.gate.registry import services
    from django_ops.conf import conf

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("ann")  # no superuser, who is asked nothing
    user.user_permissions.add(Permission.objects.get(codename="view_ui", content_type__app_label="ops_gate"))
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return {
        "session": session.session_key,
        "http": http_part(services()),
        "server": server_part(services(), conf.OPS_GATE_AUTH_PATH, Surroundings(application)),
    }


configure()

if __name__ == "__main__":
    print(json.dumps(prepare(sys.argv[1])))
else:
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()
