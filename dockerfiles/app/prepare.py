"""What is done once, while the image is built: static files, bytecode, and the checks that a broken site fails.

prepare.py site        in the application's image
prepare.py www TARGET  for nginx's image: the static files with compressed copies, where they are served, where people
                       sign in, the gate, and what only the project knows of the secrets in paths
"""

from __future__ import annotations

import compileall
import gzip
import importlib
import os
import re
import secrets
import shutil
import stat
import sys
import traceback
from contextlib import suppress
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from py_compile import PycInvalidationMode
from urllib.parse import urlsplit

from entrypoint import celery_application

#: Worth compressing; pictures, fonts and archives are compressed already.
COMPRESSIBLE = {".css", ".csv", ".html", ".js", ".json", ".map", ".mjs", ".svg", ".txt", ".webmanifest", ".xml"}
#: Smaller files fit into one packet as they are.
COMPRESSION_FROM_BYTES = 1024


def prepare_site() -> None:
    """Check the project in the working directory, collect its static files, and compile everything.

    Exits with what is wrong. The secret that settings ask for is made up, and forgotten with this process.
    """
    os.environ.setdefault("DJANGO_SECRET_KEY", secrets.token_urlsafe(50))
    if var := os.environ.get("DJANGO_VAR_DIR"):
        Path(var).mkdir(parents=True, exist_ok=True)  # a check may open a database there
    expected: tuple[type[Exception], ...] = ()
    try:
        import django
        from django.conf import settings
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import CommandError, call_command

        expected = (CommandError, ImproperlyConfigured)  # their messages say all that there is to say
        django.setup()
        if settings.STATIC_ROOT:
            Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
            call_command("collectstatic", interactive=False, verbosity=0)
            make_readable(Path(settings.STATIC_ROOT))  # FILE_UPLOAD_PERMISSIONS is for these files too
        call_command("check", deploy=True, fail_level="WARNING")
        import_everything(settings)
        if problem := livez_problem():
            raise ImproperlyConfigured(problem)
    except Exception as error:  # whatever the project raises, said in one line, and the traceback for who needs it
        said = str(error)
        if not isinstance(error, expected):
            traceback.print_exc()
            said = f"{type(error).__name__}: {error}"
        sys.exit(f"This project cannot be put into an image: {said.rstrip()}")
    for folder in (Path.cwd(), Path(__file__).resolve().parents[1]):
        make_readable(folder)
        # Unchecked: nothing in the image changes any more, and a file's time depends on who checked it out.
        compileall.compile_dir(folder, quiet=1, force=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


def import_everything(settings: object) -> None:
    """Import what the parts of the site begin with: an import that fails here would fail at each start."""
    for name in ("ROOT_URLCONF", "WSGI_APPLICATION", "ASGI_APPLICATION"):
        path = getattr(settings, name, None)
        if path:
            importlib.import_module(path if name == "ROOT_URLCONF" else path.rpartition(".")[0])
    celery = celery_application(dict(os.environ))
    if celery and find_spec("celery") is not None:
        importlib.import_module(celery)


def livez_problem() -> str | None:
    """Say why the container would never be healthy, or return None: asked is what its health check will ask."""
    from django.test import Client

    status = Client(raise_request_exception=False, SERVER_NAME="127.0.0.1").get("/livez").status_code
    if status == 200:
        return None
    return (
        f"GET /livez is answered by {status}, so no container would be healthy:"
        " put django_ops.middleware.OpsMiddleware first in MIDDLEWARE"
    )


def make_readable(folder: Path) -> None:
    """Let everybody read and nobody but the owner write, whatever umask the files were checked out with."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        executable = 0o111 if path.is_dir() or mode & 0o100 else 0
        wanted = (mode | 0o444 | executable) & 0o755
        if mode != wanted:
            path.chmod(wanted)


def prepare_www(target: Path) -> None:
    """Copy the collected files to `target`/static, with a .gz beside each that gains by it.

    `target`/prefix holds the path of STATIC_URL, which nginx serves them at; `target`/gate its part of the gate;
    `target`/sign-in the paths whose forms cost a password's hash; `target`/masking the routes and keys that its access
    log must not show.
    """
    os.environ.setdefault("DJANGO_SECRET_KEY", secrets.token_urlsafe(50))
    from django.conf import settings

    static = target / "static"
    static.mkdir(parents=True)
    if settings.STATIC_ROOT and Path(settings.STATIC_ROOT).is_dir():
        shutil.copytree(settings.STATIC_ROOT, static, dirs_exist_ok=True)
    (target / "prefix").write_text(static_prefix(settings.STATIC_URL) + "\n", encoding="ascii")
    for file in sorted(static.rglob("*")):
        if file.is_file():
            compress(file)
    (target / "sign-in").write_text("".join(f"{path}\n" for path in sign_in_paths()), encoding="ascii")
    write_gate(target / "gate")
    write_masking(target / "masking")
    make_readable(target)


def sign_in_paths() -> list[str]:
    """Return the paths at which people sign in, in each language: LOGIN_URL's and the admin's."""
    import django
    from django.conf import settings
    from django.shortcuts import resolve_url
    from django.urls import NoReverseMatch
    from django.utils import translation

    django.setup()
    urls = set()
    for language, name in product(dict(settings.LANGUAGES), (settings.LOGIN_URL, "admin:login")):
        with translation.override(language), suppress(NoReverseMatch):
            urls.add(urlsplit(str(resolve_url(name))))
    # what nginx cannot have is another site's, or not ASCII
    return sorted({url.path for url in urls if not url.netloc and re.fullmatch(r"/[A-Za-z0-9_.~/-]*", url.path)})


def write_gate(target: Path) -> None:
    """Write nginx's part of the gate, http.conf and server.conf, where the project has internal UIs behind nginx."""
    import django
    from django.core.management import call_command

    from django_ops.conf import conf

    if conf.OPS_GATE_MODE != "nginx":
        return
    django.setup()
    target.mkdir()
    # what site.conf calls the application and the scheme that the client came by
    names = {"application": "$application", "scheme": "$forwarded_proto"}
    for part in ("http", "server"):
        with (target / f"{part}.conf").open("w", encoding="ascii") as file:
            call_command("ops_gate_nginx", part, stdout=file, **(names if part == "server" else {}))


def write_masking(target: Path) -> None:
    """Write what nginx/masking.conf includes: routes whose arguments have a secret name, and OPS_LOG_HIDDEN_KEYS."""
    import django

    from django_ops.conf import conf
    from django_ops.logs.hidden_routes import entries_of_site
    from django_ops.record.nginx_masking import entries_of_keys

    django.setup()
    target.mkdir()
    (target / "routes.conf").write_text(entries_of_site(), encoding="ascii")
    (target / "keys.conf").write_text(entries_of_keys(conf.OPS_LOG_HIDDEN_KEYS), encoding="ascii")


def static_prefix(static_url: str | None) -> str:
    """Return the path of `static_url` with a slash at both ends; `/static/` where the files are served elsewhere."""
    path = urlsplit(static_url or "").path.strip("/")
    return f"/{path}/" if path else "/static/"


def compress(file: Path) -> None:
    """Write `file`.gz unless it is there or would not be smaller by a tenth; the same bytes at each build."""
    target = file.with_name(file.name + ".gz")
    if file.suffix not in COMPRESSIBLE or file.stat().st_size < COMPRESSION_FROM_BYTES or target.exists():
        return
    content = file.read_bytes()
    compressed = gzip.compress(content, compresslevel=9, mtime=0)
    if len(compressed) < 0.9 * len(content):
        target.write_bytes(compressed)
        # as old as the file itself: nginx tells both ages
        os.utime(target, (file.stat().st_atime, file.stat().st_mtime))


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    if sys.argv[1:] == ["site"]:
        prepare_site()
    elif len(sys.argv) == 3 and sys.argv[1] == "www":
        prepare_www(Path(sys.argv[2]))
    else:
        sys.exit(__doc__)
