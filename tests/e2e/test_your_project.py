"""A project that is not ours, made by `django-admin startproject`, in the stack: the steps of your-project.md."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.checkout import Checkout, checkout
from tests.e2e.commands import ROOT, run, wait_for
from tests.e2e.lines import lines_below
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

PAGE = (ROOT / "docs/how-to/your-project.md").read_text(encoding="utf-8")
WITHOUT, _, WITH_CELERY = PAGE.partition("## With Celery")


def follow(page: str, copy: Checkout) -> None:
    """Append each block of the page that begins with a file's name to that file."""
    blocks = re.findall(r"(?ms)^```(?:text|python|ini|yaml)\n# ([^\n]+)\n(.*?)^```", page)
    assert blocks
    for name, content in blocks:
        copy.append(name, content)


def start(stack: Stack, page: str) -> None:
    """Run the first commands of the page in the project's folder."""
    commands = re.findall(r"(?m)^\$ docker compose (build|up --wait)$", page)
    assert commands == ["build", "up --wait"]
    stack.compose("build", timeout=600)
    stack.patiently("up", "--wait")


@pytest.fixture(scope="module")
def copy(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A copy of the repository with `shop` in it, where Django's startproject has just made it."""
    with checkout(tmp_path_factory.mktemp("repository")) as copy:
        (copy.folder / "shop").mkdir()
        run(sys.executable, "-m", "django", "startproject", "shop", str(copy.folder / "shop"))
        follow(WITHOUT, copy)
        yield copy


@pytest.fixture(scope="module")
def shop(copy: Checkout, pytestconfig: pytest.Config) -> Iterator[Stack]:
    """The project's own stack, without Celery."""
    stack = copy.stack(pytestconfig.getoption("--project") + "-shop")
    with stack.of_its_own("start"):
        start(stack, WITHOUT)
        yield stack


def password(stack: Stack) -> str:
    """Return the administrator's password, had by the page's command."""
    command = re.search(r"(?m)^\$ docker compose (exec web cat \S+)$", PAGE)
    assert command
    exec_, *rest = command[1].split()
    return stack.compose(exec_, "-T", *rest).stdout.strip()


def test_shop__answers_through_nginx(shop: Stack) -> None:
    answer = Visitor(shop.port).request("/admin/login/")
    assert (answer.status, "Django administration" in answer.body) == (200, True)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.request_id)


def test_shop__has_its_static_files(shop: Stack) -> None:
    visitor = Visitor(shop.port)
    paths = re.findall(r'(?:href|src)="(/static/[^"]+)"', visitor.request("/admin/login/").body)
    assert paths
    assert {path: visitor.request(path).status for path in paths} == dict.fromkeys(paths, 200)
    assert all(re.search(r"\.[0-9a-f]{12}\.\w+$", path) for path in paths)


def test_administrator__signs_in_and_the_page_works(shop: Stack) -> None:
    visitor = Visitor(shop.port).sign_in(password(shop))
    assert visitor.request("/admin/auth/user/").status == 200


def test_settings__are_the_project_s_own(shop: Stack) -> None:
    script = "from django.conf import settings as s; print(s.SETTINGS_MODULE, s.DATABASES['default']['ENGINE'])"
    printed = shop.exec("web", "python", "-c", script)
    assert printed.split() == ["shop.production", "django.db.backends.postgresql"]


def test_requirements__are_installed(shop: Stack) -> None:
    shop.exec("web", "python", "-c", "import environ")


def test_lines__are_in_a_directory_of_the_container(shop: Stack) -> None:
    Visitor(shop.port).request("/no-such-page")
    written = f"cat /var/log/django/web-{shop.id('web')[:12]}/*.jsonl"
    wait_for("the request's line", lambda: "/no-such-page" in shop.exec("web", "sh", "-c", written), 10)


def test_upload__is_kept_in_a_volume(shop: Stack) -> None:
    imports = "import django; django.setup(); from django.core.files.storage import default_storage as files"
    content = "from django.core.files.base import ContentFile"
    shop.exec("web", "python", "-c", f"{imports}; {content}; files.save('kept.txt', ContentFile(b'kept'))")
    shop.patiently("up", "-d", "--wait", "--force-recreate", "--no-deps", "web")
    printed = shop.exec("web", "python", "-c", f"{imports}; print(files.open('kept.txt').read())")
    assert printed.strip() == "b'kept'"
    assert Visitor(shop.port).request("/media/kept.txt").status == 404


def test_celery__is_not_started(shop: Stack) -> None:
    assert shop.containers().keys() & {"worker", "beat", "flower", "celery-exporter"} == set()


def test_reference_project__is_not_served(shop: Stack) -> None:
    assert Visitor(shop.port).request("/servers.json").status == 404


def test_django_key__is_rotated_without_celery(shop: Stack, copy: Checkout) -> None:
    visitor = Visitor(shop.port).sign_in(password(shop))
    before = shop.exec("web", "cat", "/run/secrets/django/secret-key")
    environment = {**shop.environment, "COMPOSE_PROJECT_NAME": shop.project}
    run("make", "secrets-rotate", "NAME=django-secret-key", folder=copy.folder, environment=environment, timeout=180)
    shop.wait_healthy()
    assert shop.exec("web", "cat", "/run/secrets/django/secret-key") != before
    assert visitor.request("/admin/").status == 200


def test_project__without_livez_is_refused_by_the_build(images: None, copy: Checkout) -> None:
    settings = copy.folder / "shop/shop/production.py"
    text = settings.read_text(encoding="utf-8")
    try:
        copy.change("shop/shop/production.py", '["django_ops.middleware.OpsMiddleware", *MIDDLEWARE]', "MIDDLEWARE")
        copy.change("shop/shop/production.py", '[*INSTALLED_APPS, "django_ops"]', "INSTALLED_APPS")
        ended = copy.build("migrate", check=False)
    finally:
        settings.write_text(text, encoding="utf-8")
    assert ended.returncode != 0
    assert "GET /livez is answered by 301, so no container would be healthy" in ended.stdout + ended.stderr


def test_folder__that_is_not_there_is_refused_by_the_build(copy: Checkout) -> None:
    stack = copy.stack("build")
    stack.environment["SITE_PROJECT"] = "shoppp"
    ended = stack.compose("build", "migrate", check=False, timeout=120)
    assert ended.returncode != 0
    assert re.search(r'"/shoppp"?:? not found', ended.stdout + ended.stderr), ended.stderr[-2000:]


def test_celery__of_the_project_works(shop: Stack, copy: Checkout) -> None:
    """The last one: it changes the project by the page's last part, and brings the whole core up."""
    follow(WITH_CELERY, copy)
    copy.append("shop/shop/tasks.py", "from shop.celery import app\n\n\n@app.task\ndef add(a, b):\n    return a + b\n")
    copy.change(".env", ":compose.no-celery.yml", "")
    copy.append("shop/shop/celery.py", 'app.conf.include = ["shop.tasks"]\n')
    start(shop, WITHOUT)
    assert {"worker", "beat", "flower"} <= shop.containers().keys()
    shop.wait_healthy(by_the_engine=True)
    shop.exec("web", "python", "-c", "from shop.tasks import add; add.delay(1, 2)")

    def lines() -> list[dict]:
        found = lines_below(shop.id("worker"), "/var/log/django", "-path", "*/worker-*")
        return [line for line in found if line.get("django", {}).get("task", {}).get("name") == "shop.tasks.add"]

    [line] = wait_for("the task's line", lines, 20)
    assert line["django"]["task"]["outcome"] == "success"
    asked = ("python", "-m", "stack.provision.health", "url", "http://127.0.0.1:5555/ops/flower/healthcheck")
    flower = shop.id("flower")
    wait_for("Flower", lambda: run("docker", "exec", flower, *asked, check=False).returncode == 0, 30)


def test_internal_pages__are_behind_the_project_s_users(shop: Stack, copy: Checkout) -> None:
    """After the one before, as the page's last part comes with it."""
    page = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
    answer = Visitor(shop.port).request("/ops/flower/", headers=page)
    assert (answer.status, answer.headers["location"]) == (302, "/admin/login/?next=/ops/flower/")
    answer = Visitor(shop.port).sign_in(password(shop)).request("/ops/flower/")
    assert (answer.status, "Flower" in answer.body) == (200, True)
