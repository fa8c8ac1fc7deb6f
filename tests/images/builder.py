"""Builds what is neither here nor can be pulled, each image once per content."""

import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from . import engine
from .catalog import TOP, Image, ImageError, content_hash, digest
from .machine import cache_directory

LOGS = TOP / "var" / "images"
LABEL_KIND = f"{engine.PREFIX}component"
LABEL_CONTENT = f"{engine.PREFIX}content"
LABEL_FOR = f"{engine.PREFIX}stand-in-for"
LABEL_VERSION = f"{engine.PREFIX}version-run"
#: Images that are built at a time: one compiles while another one's packages are fetched and unpacked.
AT_A_TIME = 2


@dataclass(frozen=True)
class Built:
    """How an image was had: `how` is cached, built, pulled or real, `kind` is real or the image's own component."""

    image: Image
    how: str
    kind: str
    seconds: float


def kind_of(tag: str, found: Mapping[str, str]) -> str:
    """Return stand-in, fake, base, ours or real: an image of ours that stands upon a stand-in inherits its labels."""
    if LABEL_KIND not in found:
        return "real"
    return found[LABEL_KIND] if found.get(LABEL_FOR) == tag else "ours"


def version_run(image: Image, tag: str) -> str:
    """Return the version that an image's program tells, or its image.toml's word for it."""
    if not image.version_command:
        return image.version
    told = engine.run_once(tag, image.version_command)
    found = re.search(r"\d+\.\d+(?:\.\d+)*", told)
    if not found:
        raise ImageError(f"{' '.join(image.version_command)} in {tag} tells no version: {told.strip()!r}")
    return found.group()


def run_prepare(image: Image) -> Path:
    """Return the directory that an image's prepare step filled; it runs once per content of that step."""
    script = image.folder / image.prepare
    own = [(name, path) for name, path in image.files() if name not in {"Dockerfile", "image.toml"}]
    kept = cache_directory("images", "prepared") / f"{image.name}-{digest(own)}"
    if kept.exists():
        return kept
    making = kept.with_suffix(f".{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    # a script may install what it runs with, while somebody else installs something as well
    patient = cache_directory("images") / "apt.conf"
    patient.write_text('DPkg::Lock::Timeout "600";\n', encoding="utf-8")
    environment = {**os.environ, "APT_CONFIG": str(patient), "DOWNLOADS": str(cache_directory("images", "downloads"))}
    log = LOGS / f"{image.name}.prepare.log"
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run([script, making], cwd=image.folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=output, stderr=subprocess.STDOUT)  # fmt: skip
    if done.returncode:
        shutil.rmtree(making)
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
        raise ImageError(f"{script} exits with {done.returncode}, all of it is in {log}\n{end}")
    for older in kept.parent.glob(f"{image.name}-*"):
        if older != making and re.fullmatch(r"[0-9a-f]{16}", older.name.removeprefix(f"{image.name}-")):
            shutil.rmtree(older)
    making.rename(kept)
    return kept


def link_or_copy(source: Path, target: Path) -> None:
    """Put a file into the build context, without copying its bytes where that can be had."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def build_image(image: Image, content: str, machine: Iterable[tuple[str, Path]]) -> None:
    """Build an image, ask it for its version, and tag it with its labels."""
    prepared = run_prepare(image) if image.prepare else None
    scratch = f"django-ops-standin/unlabelled-{image.name}:{content}"
    with TemporaryDirectory(dir=cache_directory("images")) as directory:
        context = Path(directory)
        for name, path in [*image.files(), *(machine if image.machine else [])]:
            target = context / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        if prepared:
            for path in sorted(prepared.rglob("*")):
                if path.is_file():
                    link_or_copy(path, context / "prepared" / path.relative_to(prepared))
        engine.build(context, scratch, LOGS / f"{image.name}.log")
    told = {
        "component": image.component,
        "stand-in-for": image.tag,
        "made-of": image.made_of,
        "version-run": version_run(image, scratch),
        "content": content,
    }
    engine.relabel(scratch, image.tag, told)
    engine.docker("image", "rm", "--no-prune", scratch)


def following(waiting: Mapping[str, Image], begun: Iterable[Image], images: Iterable[Image]) -> Image | None:
    """Return which of the waiting images is to begin beside those that have begun; None where all need others first."""
    missing = waiting.keys() | {image.name for image in begun}
    ready = [image for image in waiting.values() if not set(image.needs) & missing]
    compiling = any("go" in image.needs for image in begun)
    return min(
        ready, key=lambda image: (compiling and "go" in image.needs, -minutes_to_go(image, images)), default=None
    )


def minutes_to_go(image: Image, images: Iterable[Image]) -> float:
    """Return how long it takes from here to the last image that needs this one."""
    after = [minutes_to_go(other, images) for other in images if image.name in other.needs]
    return image.minutes + max(after, default=0)


@dataclass
class Builder:
    """One run: what is asked for goes through `have` in order, which says how it was had."""

    images: Mapping[str, Image]
    machine: Sequence[tuple[str, Path]]
    say: Callable[[str], None]
    answer_seconds: float
    may_pull: bool = True
    out_of_reach: dict[str, str] = field(default_factory=dict)

    def have(self, image: Image) -> Built:
        """See to it that an image is here: as it is, pulled, or built."""
        start = time.monotonic()
        content = content_hash(image, self.images, self.machine)

        def built(how: str, kind: str) -> Built:
            return Built(image, how, kind, time.monotonic() - start)

        found = engine.labels(image.tag)
        if found is not None:
            kind = kind_of(image.tag, found)
            if kind == "real":
                return built("here", kind)
            if found.get(LABEL_CONTENT) == content and kind == image.component:
                return built("cached", kind)
        elif image.component != "base" and self.pulled(image):
            return built("pulled", "real")
        self.say(f"building {image.name}: {image.component} for {image.tag}, made of {image.made_of}")
        build_image(image, content, self.machine)
        return built("built", image.component)

    def have_all(self, images: Sequence[Image]) -> list[Built]:
        """See to all of these, some at a time and each after what it needs; return them in their order.

        Of those that could begin, a program that compiles comes beside one that does not, as one uses all cores and
        the other one waits for the network; then, what has the longest way to go. Raises ImageError once those that
        have begun have ended.
        """
        waiting = {image.name: image for image in images}
        built: dict[str, Built] = {}
        begun: dict[Future[Built], Image] = {}
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            while waiting or begun:
                while len(begun) < AT_A_TIME and (image := following(waiting, begun.values(), images)):
                    begun[pool.submit(self.have, waiting.pop(image.name))] = image
                for future in wait(begun, return_when=FIRST_COMPLETED).done:
                    built[begun.pop(future).name] = future.result()
        return [built[image.name] for image in images]

    def pulled(self, image: Image) -> bool:
        """Tell whether the image could be pulled; a registry that was out of reach once is not asked again."""
        host = engine.registry(image.tag)
        if not self.may_pull or host in self.out_of_reach:
            return False
        reason = engine.pull(image.tag, self.answer_seconds)
        if reason and "manifest unknown" not in reason and "not found" not in reason:
            self.out_of_reach[host] = reason
        if reason:
            self.say(f"{image.tag} cannot be pulled: {reason}")
        return not reason


class OneAtATime:
    """Lets one process on this machine do something at a time; the others say for whom they wait."""

    def __init__(self, what: str, say: Callable[[str], None]) -> None:
        self.what, self.say = what, say

    def __enter__(self) -> None:
        self.lock = (cache_directory("images") / f"{self.what}.lock").open("a+")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.lock.seek(0)
            self.say(f"process {self.lock.read().strip() or '?'} is at it ({self.what}): waiting until it has ended")
            fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.lock.truncate(0)
        self.lock.write(f"{os.getpid()}\n")
        self.lock.flush()

    def __exit__(self, *_: object) -> None:
        self.lock.close()
