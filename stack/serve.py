"""What `make run` does when everything is installed: prepares var/, says what to open, and becomes gunicorn."""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import sys
from collections.abc import MutableMapping
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GUNICORN_CONFIGURATION = "stack/config/gunicorn.conf.py"


def main() -> None:
    """Prepare everything and replace this process by gunicorn."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--address", default="127.0.0.1", help="where to listen; 0.0.0.0 inside of a container")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    if (problem := port_problem(options.address, options.port)) is not None:
        sys.exit(problem)
    os.chdir(ROOT)
    var = prepare_environment(os.environ)
    os.environ["BIND"] = f"{options.address}:{options.port}"
    check_site()
    password = prepare_site()
    print(greeting(options.port, var, password), flush=True)
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", GUNICORN_CONFIGURATION]
    os.execv(sys.executable, gunicorn)  # noqa: S606 - no shell, and every word is ours


def port_problem(address: str, port: int) -> str | None:
    """Say why `port` of the IPv4 `address` cannot be listened on, or return None."""
    if not 0 < port < 65536:
        return f"PORT must be a number from 1 to 65535, not {port}"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gunicorn does
        try:
            probe.bind((address, port))
        except OSError as error:
            return f"Port {port} cannot be used ({error.strerror or error}). Choose another: make run PORT={port + 1}"
    return None


def prepare_environment(environ: MutableMapping[str, str]) -> Path:
    """Set what the settings need and the caller has not set; return the directory for what is written.

    Secrets that are not given are generated once, into files that only their owner can read.
    """
    var = Path(environ.get("DJANGO_VAR_DIR") or ROOT / "var")
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    defaults = {
        "DJANGO_SETTINGS_MODULE": "stack.config.settings",
        "DJANGO_VAR_DIR": str(var),
        "DJANGO_HTTPS": "0",  # plain HTTP, from this machine only
        "DEMO": "1",
        "OPS_ENVIRONMENT": "development",
        "PROMETHEUS_MULTIPROC_DIR": str(var / "slots"),
    }
    for name, value in defaults.items():
        environ[name] = environ.get(name) or value
    if not environ.get("DJANGO_SECRET_KEY") and not environ.get("DJANGO_SECRET_KEY_FILE"):
        environ["DJANGO_SECRET_KEY_FILE"] = str(secret_file(var / "secret-key", 50))
    if not environ.get("OPS_METRICS_TOKEN_FILE"):
        environ["OPS_METRICS_TOKEN_FILE"] = str(secret_file(var / "metrics-token", 24))
    return var


def secret_file(path: Path, size_bytes: int) -> Path:
    """Write `size_bytes` of randomness to `path`, mode 0600, unless there is a secret already; return `path`."""
    if not path.exists():
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.touch(mode=0o600)
        unfinished.write_text(secrets.token_urlsafe(size_bytes) + "\n", encoding="ascii")
        unfinished.rename(path)  # in one step: an interruption leaves no half of a secret
    return path


def check_site() -> None:
    """Exit with what is wrong with the settings; gunicorn runs no checks. Warnings are `manage.py check --deploy`'s.

    Over plain HTTP there are always some.
    """
    import django
    from django.core.management import CommandError, call_command

    django.setup()
    try:
        call_command("check", deploy=True, fail_level="ERROR", stderr=StringIO())
    except CommandError as error:
        sys.exit(str(error))


def prepare_site() -> str | None:
    """Migrate the database and fill it at the first run; return the new superuser's password, if one was made."""
    from django.core.management import call_command

    from stack.demo.visitor import prepare_visitor
    from stack.inventory import accounts
    from stack.inventory.models import DataCentre

    call_command("migrate", interactive=False, verbosity=0)
    if not DataCentre.objects.exists():
        call_command("load_demo", verbosity=0)
    prepare_visitor()
    return accounts.create_admin()


def greeting(port: int, var: Path, password: str | None) -> str:
    """Return what to open and where to look."""
    site = f"http://127.0.0.1:{port}"
    account = (
        f"user admin, password {password}   (shown only now)"
        if password
        else "user admin; `make password` gives it a new password"
    )
    token = os.environ.get("OPS_METRICS_TOKEN_FILE", "")
    return f"""
  The server inventory   {site}/
  Its admin              {site}/admin/   {account}
  Health                 {site}/livez   {site}/readyz
  Metrics                {site}/metrics   with the token in {_short(token)}:
                         curl -H "Authorization: Bearer $(cat {_short(token)})" {site}/metrics
  Log, one JSON a line   {_short(var / "log")}/   Follow it:
                         tail -F {_short(var / "log")}/*.jsonl
  Something to see       make demo-traffic{"" if port == 8000 else f" PORT={port}"}   (in another terminal)

  Ctrl-C stops it.
"""


def _short(path: Path | str) -> str:
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    main()
