"""Mistakes around `/metrics`: open to everybody, closed to everybody, or telling of one worker only."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from django_ops.checks.middleware import match
from django_ops.checks.proxies import wide_networks
from django_ops.checks.settings import is_usable
from django_ops.checks.table import mistake
from django_ops.conf import conf
from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.logs.files import problem_with
from django_ops.record import slot

_SHORTEST_TOKEN = 20  # characters: 120 bits where they are base64
_FEWEST_CHARACTERS = 8  # different ones
_GUESSED_FIRST = ("changeme", "secret", "password", "token", "insecure", "example", "test")
_OUR_CONFIGURATION = "django_ops.gunicorn"
_CONFIGURATION_FILES = ("gunicorn*.py", "[!.]*/gunicorn*.py", "[!.]*/[!.]*/gunicorn*.py")
_START_FILES = tuple(
    folder + name
    for folder in ("", "[!.]*/", "[!.]*/[!.]*/")
    for name in ("Procfile", "Dockerfile*", "*compose*.y*ml", "*.service", "*.sh")
)
#: Those of gunicorn and uvicorn, and of each server that takes its options from such variables.
_WORKER_VARIABLES = ("WEB_CONCURRENCY", "UVICORN_WORKERS", "GRANIAN_WORKERS", "UWSGI_WORKERS", "UWSGI_PROCESSES")
#: The servers whose options these are; task queues have options of the same names.
_STARTED_SERVER = re.compile(r"(?<![\w.-])(?:uvicorn|hypercorn|granian|uwsgi|mod_wsgi-express)(?![\w.-])")
_STARTED_WORKERS = re.compile(r"""--(?:workers|processes)[=\s"',-]+(\d+)\b""")
#: A command that YAML has on several lines, as a list or as a folded text; not a script (`|`).
_YAML_COMMAND = re.compile(r"^([ ]*)(?:command|entrypoint):(?![ ]*\|).*(?:\n\1(?:[ ]+|- ).*)+", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|\s)#.*")
_NEXT_COMMAND = re.compile(r"\n|&&?|\|\|?|;")
_WORKERS = re.compile(r"(?:^|\s)(?:--workers[=\s]|-w\s*)(\d+)")


def token() -> str:
    """Return the token; "" where there is none or where it cannot be read, which is for E003 to say."""
    if not is_usable("OPS_METRICS_TOKEN"):
        return ""
    try:
        return conf.OPS_METRICS_TOKEN
    except (ImproperlyConfiguredError, TypeError):
        return ""


def workers() -> tuple[int, str]:
    """Return how many workers the environment asks a server for, and the variable that says so."""
    found = _WORKERS.search(os.environ.get("GUNICORN_CMD_ARGS", ""))
    if found:
        return int(found[1]), "GUNICORN_CMD_ARGS"
    for variable in _WORKER_VARIABLES:
        number = os.environ.get(variable, "")
        if number.isdecimal():
            return int(number), variable
    return 1, ""


def _started_workers() -> Iterator[tuple[Path, int]]:
    """Yield the files at most two folders below us that start another server than gunicorn with several workers."""
    texts = {path: _text_of(path) for pattern in _START_FILES for path in Path().glob(pattern)}
    if any(slot.DIRECTORY_VARIABLE in text for text in texts.values()):
        return
    for path, text in sorted(texts.items()):
        for command in _commands(text):
            found = _STARTED_WORKERS.search(command)
            if found and int(found[1]) > 1 and _STARTED_SERVER.search(command) and "gunicorn" not in command:
                yield path, int(found[1])
                break


def _commands(text: str) -> list[str]:
    """Return the commands of a script or configuration, each on one line, without comments."""
    lines = "\n".join(line for line in (_COMMENT.sub("", line).rstrip() for line in text.splitlines()) if line)
    joined = _YAML_COMMAND.sub(lambda found: found[0].replace("\n", " "), lines.replace("\\\n", " "))
    return _NEXT_COMMAND.split(joined)


def _gunicorn_is_configured_by_us() -> bool:
    """Tell whether gunicorn's arguments, or a configuration file at most two folders below us, name our module."""
    if _OUR_CONFIGURATION in os.environ.get("GUNICORN_CMD_ARGS", ""):
        return True
    files = (path for pattern in _CONFIGURATION_FILES for path in Path().glob(pattern))
    return any(_OUR_CONFIGURATION in _text_of(path) for path in files)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@mistake(
    "W013",
    "Metrics are open to everybody",
    remedy="Name the network of your Prometheus only, or use OPS_METRICS_TOKEN.",
    deploy=True,
)
def open_metrics() -> Iterator[str]:
    """Metrics tell the paths of the site, its traffic, its errors and its versions."""
    if is_usable("OPS_METRICS_NETWORKS") and conf.OPS_METRICS_PATH:
        for name in wide_networks(conf.OPS_METRICS_NETWORKS):
            yield f"OPS_METRICS_NETWORKS has {name}, from which anybody may read {conf.OPS_METRICS_PATH}."


@mistake(
    "W014",
    "A local proxy opens the metrics",
    remedy="Let the proxy set X-Forwarded-For, or refuse the path there, or use OPS_METRICS_TOKEN.",
    deploy=True,
)
def metrics_open_to_local_proxies() -> Iterator[str]:
    """Behind nginx on the same machine everybody comes from there, and only a forwarding header tells them apart."""
    if not is_usable("OPS_METRICS_NETWORKS") or not conf.OPS_METRICS_PATH:
        return
    for name in conf.OPS_METRICS_NETWORKS:
        if name == "unix" or ipaddress.ip_network(name).is_loopback:
            yield (
                f"OPS_METRICS_NETWORKS has {name}: whoever comes through a proxy on this machine that sets no"
                f" X-Forwarded-For may read {conf.OPS_METRICS_PATH}."
            )


@mistake(
    "I002",
    "Nobody may read the metrics",
    remedy="Set OPS_METRICS_TOKEN, OPS_METRICS_NETWORKS or OPS_METRICS_PERMISSION, or empty OPS_METRICS_PATH.",
    deploy=True,
)
def closed_metrics() -> Iterator[str]:
    """That is the safe default, but a Prometheus will get 403."""
    if (
        conf.OPS_METRICS_PATH
        and not token()
        and not getattr(settings, "OPS_METRICS_TOKEN_FILE", "")
        and not conf.OPS_METRICS_NETWORKS
        and not conf.OPS_METRICS_PERMISSION
    ):
        yield f"OPS_METRICS_PATH is {conf.OPS_METRICS_PATH!r}, and nobody may read it."


@mistake(
    "W015",
    "Token that can be guessed",
    remedy="Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
    deploy=True,
)
def weak_token() -> Iterator[str]:
    """Nothing limits how often a token is tried."""
    value = token()
    if not value:
        return
    if len(value) < _SHORTEST_TOKEN or len(set(value)) < _FEWEST_CHARACTERS:
        yield (
            f"OPS_METRICS_TOKEN has less than {_SHORTEST_TOKEN} characters, or less than {_FEWEST_CHARACTERS}"
            " different ones."
        )
    elif any(word in value.lower() for word in _GUESSED_FIRST):
        yield "OPS_METRICS_TOKEN contains a word that is guessed first."


@mistake(
    "W016",
    "Permission that cannot be had",
    remedy="Add what is missing, or empty OPS_METRICS_PERMISSION.",
)
def unusable_permission() -> Iterator[str]:
    """A signed-in user is known only behind the middleware of sessions and users, and at a path of the URLconf."""
    if not is_usable("OPS_METRICS_PERMISSION", "OPS_METRICS_PATH") or not conf.OPS_METRICS_PERMISSION:
        return
    if conf.OPS_METRICS_PERMISSION.count(".") != 1:
        yield f"OPS_METRICS_PERMISSION is {conf.OPS_METRICS_PERMISSION!r}, which is not of the form app_label.codename."
    if not any(path.endswith("AuthenticationMiddleware") for path in settings.MIDDLEWARE):
        yield "OPS_METRICS_PERMISSION is set, and MIDDLEWARE has no AuthenticationMiddleware."
    if conf.OPS_METRICS_PATH and match(conf.OPS_METRICS_PATH) is None:
        yield (
            f"OPS_METRICS_PERMISSION is set, and the URLconf has nothing at {conf.OPS_METRICS_PATH}:"
            ' path("", include("django_ops.urls")) is missing.'
        )


@mistake(
    "W017",
    "Several workers without a slot directory",
    remedy="Put `from django_ops.gunicorn import *` into gunicorn.conf.py, or set PROMETHEUS_MULTIPROC_DIR.",
    deploy=True,
)
def missing_slot_directory() -> Iterator[str]:
    """Each scrape would tell the numbers of whichever worker answers it."""
    if slot.directory() is not None:
        return
    number, variable = workers()
    if number > 1 and not _gunicorn_is_configured_by_us():
        yield f"{variable} asks for {number} workers, and {slot.DIRECTORY_VARIABLE} is not set."
    for path, number in _started_workers():
        yield f"{path} starts {number} workers, and {slot.DIRECTORY_VARIABLE} is not set."


@mistake(
    "W018",
    "Slot directory that cannot be written",
    remedy="Make it a directory that the user who runs the site may write, in memory (tmpfs) where you can.",
    deploy=True,
)
def unwritable_slot_directory() -> Iterator[str]:
    """Without it there are neither metrics of several workers nor log files of their own."""
    where = slot.directory()
    problem = problem_with(where) if where is not None else None
    if problem is not None:
        yield f"{slot.DIRECTORY_VARIABLE}: {problem}."
