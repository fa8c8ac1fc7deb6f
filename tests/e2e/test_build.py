"""What holds for our images: what a build refuses, what is in them, how long builds take."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.checkout import Checkout, checkout
from tests.e2e.commands import docker, patient

#: After a change to code only, all images, on a machine that does nothing else; the report has what it took.
REBUILD_SECONDS = 5.0
#: What a change of code and of a static file may make anew: the code, the project, and what the checks write.
CHANGED_LAYERS = {"app": 3, "nginx": 1, "provision": 0}
#: What we put onto the base: a dependency that brings a compiler along would show.
OVER_BASE_MEGABYTES = {"app": 100, "nginx": 10}

Report = dict[str, list[str]]


@pytest.fixture(scope="module")
def copy(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A copy of the repository that was built once."""
    with checkout(tmp_path_factory.mktemp("build")) as copy:
        copy.build()
        yield copy


def layers(tag: str) -> list[str]:
    """Return the digests of an image's layers."""
    return json.loads(docker("image", "inspect", "-f", "{{json .RootFS.Layers}}", tag))


def in_image(tag: str, *command: str) -> str:
    """Return what a program prints in a container of the image."""
    return docker("run", "--rm", "--network=none", "--entrypoint", command[0], tag, *command[1:])


def test_rebuild__after_a_change_of_code_takes_seconds(copy: Checkout, report: Report) -> None:
    others = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    provision = docker("image", "inspect", "-f", "{{.Id}}", copy.image("provision"))
    before = {name: layers(copy.image(name)) for name in CHANGED_LAYERS}
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
    assert min(took) < patient(REBUILD_SECONDS)
    new = {name: len(set(layers(copy.image(name))) - set(before[name])) for name in CHANGED_LAYERS}
    assert {name: count for name, count in new.items() if count > CHANGED_LAYERS[name]} == {}
    # otherwise the next `up` would replace every store
    assert docker("image", "inspect", "-f", "{{.Id}}", copy.image("provision")) == provision
    changed = f"changed {copy.version} 1"
    assert changed in in_image(copy.image("app"), "cat", "/opt/django-ops/stack/inventory/views.py")
    styles = "cat /srv/www/static/inventory/style.*.css"
    assert changed in in_image(copy.image("nginx"), "sh", "-c", styles)


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
