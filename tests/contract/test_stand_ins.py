"""The folders of tests/images are whole, agree with compose.yml, and are built again when they change."""

import dataclasses
import os
import queue
import re
import threading
from pathlib import Path

import pytest

from tests.images import builder, engine, report
from tests.images.catalog import Image, ImageError, content_hash, in_order, read_catalog, read_image
from tests.images.machine import machine_files

pytestmark = pytest.mark.one_python

CATALOG = read_catalog()
MINIMAL = 'tag = "some/program:v1.2.3"\ncomponent = "fake"\nmade-of = "words"\nversion = "none"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the least that makes up an image."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "image.toml").write_text(MINIMAL)
    return folder


def hash_of(folder: Path, **others: Image) -> str:
    """Return the content hash of an image whose folder has just been changed."""
    return content_hash(read_image(folder), others, [])


def test_tags__are_each_built_by_one_folder() -> None:
    tags = [image.tag for image in CATALOG.values()]
    assert sorted(set(tags)) == sorted(tags)


@pytest.mark.parametrize("image", CATALOG.values(), ids=lambda image: image.name)
def test_dockerfile__starts_from_what_is_needed(image: Image) -> None:
    text = (image.folder / "Dockerfile").read_text(encoding="utf-8")
    stages = set(re.findall(r"^FROM .* AS (\S+)$", text, re.M | re.I)) | {"scratch"}
    bases = set(re.findall(r"^FROM (\S+)", text, re.M)) - stages
    assert bases == {CATALOG[need].tag for need in image.needs}


def test_read__refuses_an_unknown_key(folder: Path) -> None:
    (folder / "image.toml").write_text(f'{MINIMAL}made_off = "typing error"\n')
    with pytest.raises(ImageError, match="unknown made_off"):
        read_image(folder)


def test_read__refuses_an_unknown_component(folder: Path) -> None:
    (folder / "image.toml").write_text(MINIMAL.replace("fake", "real"))
    with pytest.raises(ImageError, match="must be one of"):
        read_image(folder)


def test_read__refuses_a_folder_without_a_version(folder: Path) -> None:
    (folder / "image.toml").write_text(MINIMAL.replace("version =", "made-of-too ="))
    with pytest.raises(ImageError):
        read_image(folder)


def test_order__has_first_what_is_needed() -> None:
    names = [image.name for image in in_order(CATALOG, ["celery-exporter"])]
    assert names == ["debian", "python", "celery-exporter"]


def test_order__refuses_a_circle(folder: Path) -> None:
    image = dataclasses.replace(read_image(folder), needs=("program",))
    with pytest.raises(ImageError, match="program -> program goes round"):
        in_order({"program": image}, ["program"])


def test_content__changes_with_a_file(folder: Path) -> None:
    before = hash_of(folder)
    (folder / "program.py").write_text("1")
    assert hash_of(folder) != before


def test_content__changes_with_the_executable_bit(folder: Path) -> None:
    before = hash_of(folder)
    (folder / "Dockerfile").chmod(0o755)
    assert hash_of(folder) != before


def test_content__is_that_of_the_files_wherever_they_are(folder: Path, tmp_path: Path) -> None:
    moved = folder.rename(tmp_path / "elsewhere")
    moved.rename(folder)
    assert hash_of(folder) == hash_of(folder)


def test_content__changes_with_what_is_needed(folder: Path, tmp_path: Path) -> None:
    (folder / "image.toml").write_text(f'{MINIMAL}needs = ["base"]\n')
    (tmp_path / "base").mkdir()
    for name in ("Dockerfile", "image.toml"):
        (tmp_path / "base" / name).write_text((folder / name).read_text().replace("needs", "#"))
    before = hash_of(folder, base=read_image(tmp_path / "base"))
    (tmp_path / "base" / "more").write_text("1")
    assert hash_of(folder, base=read_image(tmp_path / "base")) != before


def test_content__of_the_base_changes_with_the_machine(tmp_path: Path) -> None:
    certificate = tmp_path / "own.crt"
    certificate.write_text("one")
    before = content_hash(CATALOG["debian"], CATALOG, [("machine/own.crt", certificate)])
    certificate.write_text("another")
    assert content_hash(CATALOG["debian"], CATALOG, [("machine/own.crt", certificate)]) != before


def test_machine__is_no_part_of_the_repository() -> None:
    with machine_files() as files:
        own = [path.read_text(encoding="utf-8").strip() for name, path in files if name.endswith((".crt", "pip.conf"))]
    committed = [path.read_text("utf-8", "replace") for image in CATALOG.values() for _, path in image.files()]
    assert not [text for text in own for other in committed if text and text in other]


@pytest.mark.parametrize(
    ("tag", "host"),
    [("redis:8-alpine", ""), ("prom/prometheus:v3", ""), ("docker.elastic.co/beats/filebeat:8", "docker.elastic.co")],
)
def test_registry__is_the_host_of_the_tag(tag: str, host: str) -> None:
    assert engine.registry(tag) == host


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ({}, "real"),
        ({"org.django-ops.component": "fake", "org.django-ops.stand-in-for": "some/program:v1.2.3"}, "fake"),
        ({"org.django-ops.component": "stand-in", "org.django-ops.stand-in-for": "python:3"}, "ours"),
    ],
)
def test_kind__is_told_by_the_labels(labels: dict[str, str], kind: str) -> None:
    assert builder.kind_of("some/program:v1.2.3", labels) == kind


def test_banner__names_stand_ins_and_fakes(folder: Path) -> None:
    said = report.banner([builder.Built(read_image(folder), "built", "fake", 1.0)])
    assert "NOT UPSTREAM'S IMAGES" in said
    assert "fakes (small programs of ours): program" in said


def test_banner__is_silent_about_real_images(folder: Path) -> None:
    assert report.banner([builder.Built(read_image(folder), "pulled", "real", 1.0)]) == ""


class Engine:
    """Stands for docker: has some images with labels, and a registry that has others."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, here: dict[str, dict[str, str]], pullable: bool) -> None:
        self.here, self.pullable, self.asked, self.built = here, pullable, [], []
        monkeypatch.setattr(builder.engine, "labels", self.here.get)
        monkeypatch.setattr(builder.engine, "pull", self.pull)
        monkeypatch.setattr(builder, "build_image", lambda image, *_: self.built.append(image.name))

    def pull(self, tag: str, _seconds: float) -> str:
        self.asked.append(tag)
        return "" if self.pullable else "no such host"


def have(name: str, **more: bool) -> builder.Built:
    """Let a builder see to one image."""
    return builder.Builder(CATALOG, [], lambda _: None, 1, **more).have(CATALOG[name])


def labels_of(name: str, content: str = "") -> dict[str, str]:
    """Return the labels that a stand-in of this content has."""
    image = CATALOG[name]
    content = content or content_hash(image, CATALOG, [])
    return {builder.LABEL_KIND: image.component, builder.LABEL_FOR: image.tag, builder.LABEL_CONTENT: content}


def test_have__leaves_upstreams_image_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, {CATALOG["redis"].tag: {}}, pullable=False)
    assert (have("redis").kind, engine.built) == ("real", [])


def test_have__pulls_before_it_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, {}, pullable=True)
    assert (have("redis").how, engine.built) == ("pulled", [])


def test_have__builds_what_cannot_be_pulled(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, {}, pullable=False)
    assert (have("redis").kind, engine.built) == ("stand-in", ["redis"])


def test_have__keeps_a_stand_in_of_this_content(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, {CATALOG["redis"].tag: labels_of("redis")}, pullable=True)
    assert (have("redis").how, engine.asked, engine.built) == ("cached", [], [])


def test_have__builds_a_stand_in_of_another_content_again(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, {CATALOG["redis"].tag: labels_of("redis", "other")}, pullable=False)
    assert (have("redis").how, engine.built) == ("built", ["redis"])


def test_have__never_asks_for_a_base(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, {}, pullable=True)
    assert (have("debian").how, engine.asked) == ("built", [])


def test_have__asks_a_registry_out_of_reach_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, {}, pullable=False)
    one = builder.Builder(CATALOG, [], lambda _: None, 1)
    for name in ("redis", "postgres", "memcached"):
        one.have(CATALOG[name])
    assert engine.asked == [CATALOG["redis"].tag]


def test_have_all__begins_each_after_what_it_needs_and_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now: set[str] = set()
    together: list[set[str]] = []
    ended: list[str] = []
    changed = threading.Condition()
    images = in_order(CATALOG, CATALOG)

    def build(image: Image, *_: object) -> None:
        with changed:
            assert set(image.needs) <= set(ended), image.name
            now.add(image.name)
            together.append(set(now))
            changed.notify_all()
            others = {name: other for name, other in CATALOG.items() if name not in {*ended, image.name}}
            if builder.following(others, [image], images):  # another one may begin: it must
                assert changed.wait_for(lambda: any(len(one) > 1 for one in together), 60)
            now.remove(image.name)
            ended.append(image.name)

    Engine(monkeypatch, {}, pullable=False)
    monkeypatch.setattr(builder, "build_image", build)
    built = builder.Builder(CATALOG, [], lambda _: None, 1).have_all(images)
    assert [one.image.name for one in built] == [image.name for image in images]
    assert sorted(ended) == sorted(CATALOG)
    assert max(map(len, together)) == builder.AT_A_TIME


def test_have_all__has_what_takes_longest_beside_what_waits_for_the_network() -> None:
    bases = {"debian", "busybox", "go", "python"}
    waiting = {name: image for name, image in CATALOG.items() if name not in bases}
    first = builder.following(waiting, [], list(CATALOG.values()))
    assert first is CATALOG["prometheus"]
    second = builder.following(waiting, [first], list(CATALOG.values()))
    assert "go" not in second.needs


def test_have_all__ends_with_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(image: Image, *_: object) -> None:
        if image.name == "busybox":
            raise ImageError("no busybox")

    Engine(monkeypatch, {}, pullable=False)
    monkeypatch.setattr(builder, "build_image", fail)
    with pytest.raises(ImageError, match="no busybox"):
        builder.Builder(CATALOG, [], lambda _: None, 1).have_all(in_order(CATALOG, CATALOG))


def test_second_builder__waits_for_the_first_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    said: queue.Queue[str] = queue.Queue()
    order: list[str] = []

    def second() -> None:
        with builder.OneAtATime("build", said.put):
            order.append("second")

    with builder.OneAtATime("build", said.put):
        waiting = threading.Thread(target=second)
        waiting.start()
        assert f"process {os.getpid()} is at it (build)" in said.get(timeout=60)
        order.append("first")
    waiting.join(60)
    assert order == ["first", "second"]
    assert said.empty()
