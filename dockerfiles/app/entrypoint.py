"""What a container of the application's image runs: its first argument says which part of the site it is.

Each part replaces this process (`exec`), so it is the one that gets SIGTERM. Further arguments are passed on.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from stack.provision.abandoned_logs import remove_abandoned

HERE = Path(__file__).resolve().parent

#: The exit status of a configuration that cannot work (EX_CONFIG of sysexits.h).
WRONG_CONFIGURATION = 78


def main(arguments: list[str]) -> NoReturn:
    """Become the part that the first argument names. Exits with 64 when there is none, with 78 on wrong settings."""
    if not arguments or arguments[0] not in PARTS:
        named = f"{arguments[0]!r} is none" if arguments else "none was named"
        print(f"The parts are {', '.join(sorted(PARTS))}; {named}.", file=sys.stderr)  # noqa: T201
        sys.exit(os.EX_USAGE)
    part, *rest = arguments
    # containers that share a volume need a directory each: no file may have two writers
    directory = os.environ.get("DJANGO_LOG_DIR", "")
    if "{hostname}" in directory:
        os.environ["DJANGO_LOG_DIR"] = directory.replace("{hostname}", socket.gethostname())
        remove_abandoned(Path(directory).parent)  # only a new container can have left another's behind
    command = [sys.executable, *PARTS[part](rest)]
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - no shell, and what is passed on came from whoever starts the container


def web(rest: list[str]) -> list[str]:
    """Gunicorn with the WSGI application that the settings name."""
    return _gunicorn("web", "WSGI_APPLICATION", rest)


def asgi(rest: list[str]) -> list[str]:
    """Gunicorn with the ASGI application, on an event loop in each worker."""
    return _gunicorn("asgi", "ASGI_APPLICATION", ["--worker-class", "asgi", *rest])


def worker(rest: list[str]) -> list[str]:
    """Celery's worker, with as many processes as CELERY_CONCURRENCY says."""
    return _celery("worker", "--concurrency", os.environ.get("CELERY_CONCURRENCY") or "2", "--task-events", *rest)


def beat(rest: list[str]) -> list[str]:
    """Celery's scheduler. What it remembers is in a tmpfs: a schedule that must not be missed belongs in a database."""
    return _celery("beat", "--schedule", "/tmp/celerybeat-schedule", "--pidfile=", *rest)  # noqa: S108


def flower(rest: list[str]) -> list[str]:
    """Flower, behind the user and the password in FLOWER_AUTH_FILE."""
    from stack.provision import flowerconfig  # exits where there is no password

    return _celery("flower", f"--conf={flowerconfig.__file__}", *rest)


def migrate(rest: list[str]) -> list[str]:
    """Apply the migrations, under a lock that keeps a second container from doing it at the same time."""
    _settings("migrate")
    return ["-m", "stack.provision.migrate", *rest]


def manage(rest: list[str]) -> list[str]:
    """One of the project's management commands."""
    return ["manage.py", *rest]


PARTS: dict[str, Callable[[list[str]], list[str]]] = {
    "web": web,
    "asgi": asgi,
    "worker": worker,
    "beat": beat,
    "flower": flower,
    "migrate": migrate,
    "manage": manage,
}


def application(dotted_path: str) -> str:
    """Return `shop.wsgi.application` as gunicorn names it: `shop.wsgi:application`."""
    module, _, name = dotted_path.rpartition(".")
    return f"{module}:{name}"


def celery_application(environ: dict[str, str]) -> str:
    """Return CELERY_APP, or the package that the settings module is in, where Celery's guide puts the application."""
    return environ.get("CELERY_APP") or environ["DJANGO_SETTINGS_MODULE"].rpartition(".")[0]


def _gunicorn(part: str, setting: str, rest: list[str]) -> list[str]:
    dotted_path = getattr(_settings(part), setting, None)
    if not dotted_path:
        _refuse(part, f"{setting} is not set in {os.environ['DJANGO_SETTINGS_MODULE']}")
    return ["-m", "gunicorn", "--config", str(HERE / "gunicorn.conf.py"), *rest, application(dotted_path)]


def _celery(part: str, *arguments: str) -> list[str]:
    _settings(part)
    return ["-m", "celery", "--app", celery_application(dict(os.environ)), part, *arguments]


def _settings(part: str) -> Any:
    """Return Django's settings, or exit with one line about what is wrong with them, before anything is started."""
    module = os.environ.get("DJANGO_SETTINGS_MODULE")
    if not module:
        _refuse(part, "DJANGO_SETTINGS_MODULE is not set")
    from django.conf import settings

    try:
        _ = settings.INSTALLED_APPS
    except Exception as error:
        _refuse(part, f"the settings {module} cannot be used: {type(error).__name__}: {error}")
    return settings


def _refuse(part: str, reason: str) -> NoReturn:
    print(f"{part} does not start: {reason}", file=sys.stderr)  # noqa: T201
    sys.exit(WRONG_CONFIGURATION)


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # the project's folder, as with manage.py, instead of this file's
    main(sys.argv[1:])
