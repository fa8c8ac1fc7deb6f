"""What holds for our images: what a build refuses, what is in them, how long builds and starts take."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.checkout import Checkout, checkout
from tests.e2e.commands import docker, run
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

#: After a change to code only, all images.
REBUILD_SECONDS = 5.0
#: From `docker start` to the first answer.
START_SECONDS = 2.0
#: What we put onto the base: a dependency that brings a compiler along would show.
OVER_BASE_MEGABYTES = {"app": 100, "nginx": 10}
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

Report = dict[str, list[str]]


@pytest.fixture(scope="module")
def copy(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A copy of the repository that was built once."""
    with checkout(tmp_path_factory.mktemp("build")) as copy:
        copy.build()
        yield copy


def in_image(tag: str, *command: str) -> str:
    """Return what a program prints in a container of the image."""
    return docker("run", "--rm", "--network=none", "--entrypoint", command[0], tag, *command[1:])


def test_rebuild__after_a_change_of_code_takes_seconds(copy: Checkout, report: Report) -> None:
    others = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # the bar is for a machine that does nothing else
    provision = docker("image", "inspect", "-f", "{{.Id}}", copy.image("provision"))
    took = []
    for number in range(2):
        copy.append("stack/inventory/views.py", f"# changed {copy.version} {number}\n")
        copy.append("stack/inventory/static/inventory/style.css", f"/* changed {copy.version} {number} */\n")
        began_at = time.monotonic()
        copy.build()
        took.append(time.monotonic() - began_at)
    report.setdefault("figures", []).append(
        f"rebuild of all images after a change of code: {min(took):.1f} s, where {others:.1f} shared each core"
        f" (bar: {REBUILD_SECONDS:g} s)"
    )
    assert min(took) / others < REBUILD_SECONDS
    # otherwise the next `up` would replace every store
    assert docker("image", "inspect", "-f", "{{.Id}}", copy.image("provision")) == provision
    changed = f"changed {copy.version} 1"
    assert changed in in_image(copy.image("app"), "cat", "/opt/django-ops/stack/inventory/views.py")
    styles = "cat /srv/www/static/inventory/style.*.css"
    assert changed in in_image(copy.image("nginx"), "sh", "-c", styles)


def replaced(stack: Stack, **environment: str) -> set[str]:
    """Return the services whose containers `up` would replace with other variables."""
    command = ("docker", "compose", *stack.files, "-p", stack.project, "--dry-run", "up", "-d")
    ended = run(*command, environment={**stack.environment, **environment}, timeout=120)
    return set(re.findall(rf"Container {stack.project}-([\w-]+)-1 +Recreate$", ended.stderr, re.M))


def test_new_version__replaces_no_store(stack: Stack, copy: Checkout) -> None:
    """Compose replaces all that depend on what it replaces."""
    site = {"migrate", "web", "worker", "beat", "flower"}
    assert replaced(stack, DJANGO_OPS_VERSION=copy.version) == {*site, "nginx", "nginx-exporter"}
    assert replaced(stack, OPS_ENVIRONMENT="test") == site
    assert replaced(stack) == set()


BROKEN = {
    "a check that fails": (
        "stack/config/settings.py",
        'X_FRAME_OPTIONS = "DENY"',
        'X_FRAME_OPTIONS = "SAMEORIGIN"',
        r"SystemCheckError: (?s:.)*\(security\.W019\)",
    ),
    "an import in the URLs": (
        "stack/config/urls.py",
        "urlpatterns",
        "import shop_that_is_missing\n\nurlpatterns",
        r"ModuleNotFoundError: No module named 'shop_that_is_missing'",
    ),
    "an import in the ASGI module": (
        "stack/config/asgi.py",
        "import os",
        "import os\nimport channels_that_are_missing",
        r"ModuleNotFoundError: No module named 'channels_that_are_missing'",
    ),
    "settings that raise": (
        "stack/config/settings.py",
        'LANGUAGE_CODE = "en-gb"',
        'raise ValueError("no language")',
        r"ValueError: no language",
    ),
    "a static file that is missing": (
        "stack/inventory/static/inventory/style.css",
        "",
        '@import url("gone.css");\n',
        r"The file 'inventory/gone.css' could not be found",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_build__refuses(images: None, tmp_path: Path, what: str) -> None:
    name, before, after, said = BROKEN[what]
    with checkout(tmp_path) as copy:
        if before:
            copy.change(name, before, after)
        else:
            copy.append(name, after)
        ended = copy.build("migrate", check=False)
    assert ended.returncode != 0
    output = ended.stdout + ended.stderr
    assert re.search(rf"This project cannot be put into an image: {said}", output), output[-3000:]


def test_static_files__are_hashed_in_nginx_and_lead_to_each_other(copy: Checkout) -> None:
    listed = in_image(copy.image("nginx"), "find", "/srv/www/static", "-type", "f").split()
    names = {name.removeprefix("/srv/www/static/") for name in listed}
    manifest = json.loads(in_image(copy.image("app"), "cat", "/srv/static/staticfiles.json"))["paths"]
    assert {"admin/css/base.css", "inventory/style.css"} <= manifest.keys()
    assert [hashed for hashed in manifest.values() if hashed not in names] == []
    assert manifest["admin/css/base.css"] + ".gz" in names


def test_page__leads_to_a_hashed_file_that_nginx_serves_for_ever(visitor: Visitor) -> None:
    page = visitor.request("/admin/login/").body
    path = re.search(r'href="(/static/admin/css/base\.[0-9a-f]{12}\.css)"', page)
    assert path, page[:1000]
    plain = visitor.request(path[1])
    assert plain.status == 200
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert visitor.request(path[1], headers={"Accept-Encoding": "gzip"}).headers["content-encoding"] == "gzip"


def test_compressed_file__has_the_same_content(copy: Checkout) -> None:
    script = "cd /srv/www/static/inventory && base64 style.css && echo . && base64 style.css.gz"
    plain, _, compressed = in_image(copy.image("nginx"), "sh", "-c", script).partition("\n.\n")
    assert gzip.decompress(base64.b64decode(compressed)) == base64.b64decode(plain)


@pytest.mark.parametrize(("name", "base"), [("app", "PYTHON_IMAGE"), ("nginx", "NGINX_IMAGE")])
def test_size__over_the_base_is_reported(copy: Checkout, report: Report, name: str, base: str) -> None:
    recipe = (copy.folder / f"dockerfiles/{name}.Dockerfile").read_text(encoding="utf-8")
    tag = re.search(rf"^ARG {base}=(\S+)$", recipe, re.M)
    assert tag
    sizes = [int(docker("image", "inspect", "-f", "{{.Size}}", image)) / 1e6 for image in (copy.image(name), tag[1])]
    over = sizes[0] - sizes[1]
    report.setdefault("figures", []).append(f"django-ops/{name}: {sizes[0]:.0f} MB, {over:.0f} MB over {tag[1]}")
    assert 0 < over < OVER_BASE_MEGABYTES[name]


def test_start__to_the_first_answer(stack: Stack, report: Report) -> None:
    """The bar is for an idle machine, so it is held against what the start costs: its one core's seconds."""
    web = stack.id("web")
    waited, cost = [], []
    for _ in range(3):
        docker("stop", web, timeout=90)
        began_at = time.monotonic()
        docker("start", web)
        wait_for_livez(stack.container("web"), stack.project)
        waited.append(time.monotonic() - began_at)
        cost.append(processor_seconds(web))
    stack.wait_healthy(60)
    report.setdefault("figures", []).append(
        f"start of web to its first 200: {min(waited):.1f} s, of which {min(cost):.1f} s on its core"
        f" (bar: {START_SECONDS:g} s)"
    )
    assert min(cost) < START_SECONDS


def wait_for_livez(container: dict, project: str) -> None:
    """Ask the container by its address until it answers. Raises AssertionError after 30 s."""
    address = container["NetworkSettings"]["Networks"][f"{project}_web"]["IPAddress"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with opener.open(f"http://{address}:8000/livez", timeout=1) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise AssertionError("waited 30 s in vain for web to answer")


def processor_seconds(container: str) -> float:
    """Return the processor time of all processes of a container, ended children included."""
    ticks = 0
    for pid in docker("top", container, "-eo", "pid").split()[1:]:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS_PER_SECOND
