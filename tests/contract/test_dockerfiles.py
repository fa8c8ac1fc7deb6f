"""What holds for our images' recipes, read as text; for the images themselves, see tests/e2e/test_build.py."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import require

pytestmark = pytest.mark.one_python

TOP = Path(__file__).parents[2]
FOLDER = TOP / "dockerfiles"
APP, NGINX, PROVISION = (FOLDER / f"{name}.Dockerfile" for name in ("app", "nginx", "provision"))
EACH = pytest.mark.parametrize("recipe", [APP, NGINX, PROVISION], ids=lambda path: path.name)


def instructions(text: str) -> list[tuple[str, str]]:
    """Return each instruction of a Dockerfile with its argument, its lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name.upper(), rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]


def arguments(text: str, name: str) -> list[str]:
    return [rest for instruction, rest in instructions(text) if instruction == name]


# Each rule returns what is wrong; the text below it must be found guilty of it.


def unpinned(text: str) -> list[str]:
    """Base images without an exact version."""
    values = dict(part.split("=", 1) for part in arguments(text, "ARG") if "=" in part)
    stages, wrong = {"scratch"}, []
    for line in arguments(text, "FROM"):
        image, _, stage = line.partition(" AS ")
        image = re.sub(r"\$\{(\w+)(:\+[^}]*)?\}", lambda found: "" if found[2] else values.get(found[1], ""), image)
        if image not in stages and not re.search(r":[^:]*\d+\.\d+\.\d+", image):
            wrong.append(line)
        stages.add(stage)
    return wrong


def shell_form(text: str) -> list[str]:
    """Commands that a shell would stand before, which keeps signals to itself."""
    found = [*arguments(text, "ENTRYPOINT"), *arguments(text, "CMD")]
    found += [rest.partition("CMD ")[2] for rest in arguments(text, "HEALTHCHECK")]
    return [rest for rest in found if not rest.startswith("[") or not isinstance(json.loads(rest), list)]


def privileged(text: str) -> list[str]:
    """The last user, where it is not a number above 0."""
    users = arguments(text, "USER") or ["(nobody named)"]
    return [] if re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]) else [users[-1]]


def secrets(text: str) -> list[str]:
    """Variables of the build or the image that look like secrets."""
    named = [*arguments(text, "ARG"), *arguments(text, "ENV")]
    return [rest for rest in named if re.search(r"(?i)(password|secret|token|[^A-Z]key)\w*=", rest)]


def downloads(text: str) -> list[str]:
    """Steps that fetch what nothing vouches for, and syntax that must be fetched to be read."""
    fetched = [rest for rest in arguments(text, "RUN") if re.search(r"\b(curl|wget|git clone)\b", rest)]
    added = arguments(text, "ADD")
    return fetched + added + re.findall(r"(?m)^#\s*syntax\s*=.*$", text)


def bound_to_a_machine(text: str) -> list[str]:
    """Package indexes, proxies and certificates: they belong to the machine that builds."""
    return re.findall(
        r"(?i)https?://(?!127\.0\.0\.1)\S+|--(?:extra-)?index-url|trusted-host|PIP_CERT|ca-certificates", text
    )


RULES = {
    unpinned: "FROM python:slim AS base",
    shell_form: "CMD gunicorn site",
    privileged: "USER 10001:10001\nUSER root",
    secrets: "ENV DJANGO_SECRET_KEY=abc",
    downloads: "ADD https://example.com/x /x",
    bound_to_a_machine: "RUN pip install --index-url https://example.com/ x",
}


@EACH
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule__holds(rule, recipe):
    assert rule(recipe.read_text()) == []


@pytest.mark.parametrize(("rule", "guilty"), RULES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_rule__can_fail(rule, guilty):
    assert rule(guilty)


def shared(recipe: Path) -> str:
    found = re.search(r"(?s)# === the same.*# === to here ===", recipe.read_text())
    assert found is not None
    return found[0]


def test_first_lines__are_the_same_in_both():
    assert shared(APP) == shared(NGINX)


def test_dependencies__are_pinned_by_hash():
    text = APP.read_text()
    assert "--no-deps --require-hashes --only-binary=:all: -r /tmp/stack.txt" in text
    # what is missing is found by the step itself
    assert "pip --python /opt/venv/bin/python check" in text[text.index("-r /tmp/stack.txt") :].partition("ARG ")[0]


@EACH
def test_dependencies__pip_looks_for_none_where_all_are_pinned_by_hash(recipe):
    """Pip before 23.3 does not apply a pin to the same package with an extra."""
    steps = [step for step in arguments(recipe.read_text(), "RUN") if "--require-hashes" in step]
    assert [step for step in steps if "--no-deps" not in step.split("--require-hashes")[0]] == []


def test_dependencies__are_a_layer_before_the_code():
    text = APP.read_text()
    assert text.index("pip --python") < text.index("COPY django_ops")


def test_checks__are_run_by_the_build():
    text = (FOLDER / "app/prepare.py").read_text()
    assert 'call_command("check", deploy=True, fail_level="WARNING")' in text
    assert any("prepare.py site" in rest for rest in arguments(APP.read_text(), "RUN"))


def test_static_files__reach_nginx_by_image():
    assert "--from=www /srv/www /srv/www" in NGINX.read_text()
    assert "VOLUME" not in APP.read_text() + NGINX.read_text()


@EACH
def test_copied__is_in_the_repository(recipe):
    sources = [rest.split()[-2] for rest in arguments(recipe.read_text(), "COPY") if "--from" not in rest]
    assert [source for source in sources if "$" not in source and not (TOP / source).exists()] == []


# .dockerignore -------------------------------------------------------------------------------------------------------


def ignored(path: str) -> bool:
    """Say whether .dockerignore leaves `path` out: the last pattern that fits it, or a folder above it, decides."""
    parts = path.split("/")
    ancestors = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    out = False
    for line in (TOP / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        for ancestor in ancestors:
            name = ancestor.rpartition("/")[2] if pattern.startswith("**/") else ancestor
            fits = fnmatch.fnmatchcase(name, pattern.removeprefix("**/").removeprefix("/"))
            if fits and ("/" in pattern.strip("/*") or "/" not in name):
                out = not line.startswith("!")
    return out


@pytest.mark.parametrize(
    "path",
    [".git/config", ".env", ".venv/bin/python", "var/secret-key", "shop/.env", "shop/db.sqlite3", "shop/tls/key.pem",
     "django_ops/__pycache__/conf.cpython-313.pyc", "tests/settings.py", "shop/node_modules/x/index.js"],
)  # fmt: skip
def test_secret_or_waste__is_not_sent_to_the_builder(path):
    assert ignored(path)


@pytest.mark.parametrize(
    "path",
    ["manage.py", "django_ops/conf.py", "stack/config/settings.py", "requirements/stack.txt",
     "dockerfiles/app/prepare.py", "dockerfiles/nginx/nginx.conf", "shop/manage.py", "shop/shop/settings.py",
     "shop/tests/test_shop.py"],
)  # fmt: skip
def test_what_is_copied__is_sent_to_the_builder(path):
    assert not ignored(path)


# the entrypoint ------------------------------------------------------------------------------------------------------


def part(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the entrypoint in the repository, as the container does in the project's folder."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(TOP), **variables}
    command = [sys.executable, str(FOLDER / "app/entrypoint.py"), *arguments]
    return subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("arguments", [[], ["wbe"]])
def test_entrypoint__names_its_parts(arguments):
    ended = part(*arguments)
    assert ended.returncode == 64
    assert "asgi, beat, flower, manage, migrate, web, worker" in ended.stderr


@pytest.mark.parametrize("name", ["web", "asgi", "worker", "beat", "migrate"])
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "DJANGO_SETTINGS_MODULE is not set"),
        ({"DJANGO_SETTINGS_MODULE": "shop.nowhere"}, "ModuleNotFoundError: No module named 'shop'"),
        (
            {"DJANGO_SETTINGS_MODULE": "stack.config.settings", "DJANGO_SECRET_KEY_FILE": "/no/such/file"},
            "/no/such/file, which cannot be read",
        ),
    ],
    ids=["no settings", "wrong settings", "missing secret"],
)
def test_entrypoint__refuses_in_one_line(name, variables, said):
    ended = part(name, **variables)
    assert (ended.returncode, ended.stdout) == (78, "")
    assert ended.stderr.startswith(f"{name} does not start: ")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_entrypoint__passes_arguments_on_to_manage():
    assert part("manage", "diffsettings", "--all", DJANGO_SECRET_KEY="x" * 50).returncode == 0


# the build's own steps -----------------------------------------------------------------------------------------------


def prepare(expression: str) -> str:
    """Return what an expression about prepare.py prints."""
    imports = f"import sys; sys.path.insert(0, {str(FOLDER / 'app')!r}); import prepare; from pathlib import Path"
    script = f"{imports}; {expression}"
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("static_url", "prefix"),
    [("/static/", "/static/"), ("static/", "/static/"), ("/a/b/", "/a/b/"), ("https://cdn.example/x/", "/x/"),
     ("https://cdn.example/", "/static/"), (None, "/static/")],
)  # fmt: skip
def test_static_prefix__is_the_path_of_static_url(static_url, prefix):
    assert prepare(f"print(prepare.static_prefix({static_url!r}))") == prefix


@pytest.mark.parametrize(
    ("login_url", "paths"),
    [
        ("login", ["/account/login/", "/admin/login/"]),
        ("/sign-in/?by=mail", ["/admin/login/", "/sign-in/"]),
        ("https://sso.example/in/", ["/admin/login/"]),
        ("/entr%C3%A9e/", ["/admin/login/"]),
    ],
)
def test_sign_in_paths__are_those_of_the_project_and_the_admin(login_url, paths):
    settings = "import os; os.environ.update(DJANGO_SETTINGS_MODULE='tests.unit.stack.settings')"
    changed = f"from django.conf import settings; settings.LOGIN_URL = {login_url!r}"
    assert prepare(f"{settings}; {changed}; print(prepare.sign_in_paths())") == str(paths)


def test_compress__skips_what_does_not_gain(tmp_path):
    for name, content in {"a.css": b"a{}" * 1000, "small.css": b"a{}", "b.png": b"x" * 9000}.items():
        (tmp_path / name).write_bytes(content)
    prepare(f"[prepare.compress(file) for file in Path({str(tmp_path)!r}).iterdir()]")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.css", "a.css.gz", "b.png", "small.css"]


def test_make_readable__mends_a_strict_umask(tmp_path):
    (tmp_path / "folder").mkdir(mode=0o700)
    (tmp_path / "folder/file.py").touch(mode=0o600)
    (tmp_path / "folder/program").touch(mode=0o777)
    prepare(f"prepare.make_readable(Path({str(tmp_path)!r}))")
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*")}
    assert modes == {"folder": "0o755", "file.py": "0o644", "program": "0o755"}


@pytest.mark.parametrize("script", sorted(FOLDER.rglob("*.sh")), ids=lambda path: path.name)
def test_script__is_posix_and_short(script):
    assert len(script.read_text().splitlines()) < 60
    subprocess.run(["sh", "-n", script], check=True)


def test_scripts__please_shellcheck():
    subprocess.run([require("shellcheck"), *FOLDER.rglob("*.sh")], check=True)
