"""What can be built: a folder per image, described by its image.toml."""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
# Part of every content hash: raise it when the way of building changes what comes out.
RECIPE = "1"
KINDS = ("stand-in", "fake", "base")


class ImageError(Exception):
    """What is wrong with an image.toml, an image or the engine, and what to do about it."""


@dataclass(frozen=True)
class Image:
    """One image that can be built: `folder` with a Dockerfile, and what its image.toml says."""

    folder: Path
    tag: str
    component: str
    made_of: str
    version_command: tuple[str, ...] = ()
    version: str = ""
    needs: tuple[str, ...] = ()
    prepare: str = ""
    context_files: tuple[str, ...] = ()
    machine: bool = False
    minutes: float = 0.5

    @property
    def name(self) -> str:
        """The folder's name, by which the command line knows the image."""
        return self.folder.name

    @property
    def version_pinned(self) -> str:
        """The version in the tag, without a leading v and what follows the digits; the whole tag if it has none."""
        found = re.search(r"\d+(?:\.\d+)*", self.tag.rpartition(":")[2])
        return found.group() if found else self.tag.rpartition(":")[2]

    def files(self) -> Iterator[tuple[str, Path]]:
        """Yield path in the build context and path on the disk of each file that makes up the image."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(self.folder)), path
        for name in self.context_files:
            yield f"repository/{name}", TOP / name


def read_image(folder: Path) -> Image:
    """Return the image of `folder`; raises ImageError for a key that is missing, unknown or of the wrong kind."""
    path = folder / "image.toml"
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    known = {field.replace("_", "-") for field in Image.__dataclass_fields__} - {"folder"}
    if unknown := told.keys() - known:
        raise ImageError(f"{path}: unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
    if missing := {"tag", "component", "made-of"} - told.keys():
        raise ImageError(f"{path}: {', '.join(sorted(missing))} is missing")
    if told["component"] not in KINDS:
        raise ImageError(f"{path}: component is {told['component']!r}, but must be one of {', '.join(KINDS)}")
    if not told.get("version-command") and not told.get("version"):
        raise ImageError(f"{path}: say version-command, or version in words")
    if not (folder / "Dockerfile").exists():
        raise ImageError(f"{folder} has no Dockerfile")
    values = {key.replace("-", "_"): tuple(value) if isinstance(value, list) else value for key, value in told.items()}
    return Image(folder=folder, **values)


def read_catalog(top: Path = HERE) -> dict[str, Image]:
    """Return every image that can be built, by name."""
    images = {path.parent.name: read_image(path.parent) for path in sorted(top.glob("*/image.toml"))}
    for image in images.values():
        if unknown := set(image.needs) - images.keys():
            raise ImageError(f"{image.name} needs {', '.join(sorted(unknown))}: there is no such folder in {top}")
    return images


def in_order(images: Mapping[str, Image], names: Iterable[str]) -> list[Image]:
    """Return the images of that name and what they need, what is needed first; raises ImageError for an unknown one."""
    chosen: dict[str, Image] = {}

    def choose(name: str, dependants: tuple[str, ...]) -> None:
        if name not in images:
            raise ImageError(f"there is no image {name!r}; there are {', '.join(sorted(images))}")
        if name in dependants:
            raise ImageError(f"{' -> '.join((*dependants, name))} goes round in a circle")
        for need in images[name].needs:
            choose(need, (*dependants, name))
        chosen.setdefault(name, images[name])

    for name in names:
        choose(name, ())
    return list(chosen.values())


def digest(files: Iterable[tuple[str, Path]], *more: str) -> str:
    """Return a hash of names, contents and executable bits of `files`, and of further texts."""
    total = hashlib.sha256()
    for text in more:
        total.update(f"{len(text)} {text}\n".encode())
    for name, path in files:
        content = path.read_bytes()
        total.update(f"{name} {path.stat().st_mode & 0o111} {len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()[:16]


def content_hash(image: Image, images: Mapping[str, Image], machine_files: Iterable[tuple[str, Path]]) -> str:
    """Return the hash of everything that an image is made of, its bases included."""
    bases = [content_hash(images[need], images, machine_files) for need in image.needs]
    machine = list(machine_files) if image.machine else []
    return digest([*image.files(), *machine], RECIPE, *bases)
