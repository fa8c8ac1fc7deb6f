"""What an image holds, read from its files: nothing in it is run, so it may be a stranger's, without a shell."""

from __future__ import annotations

import email.parser
import json
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

#: The versions that Docker's official images name in their environment, of what no package manager knows.
_VERSION = re.compile(r"^([A-Z][A-Z0-9]*)_VERSION=v?(\d[\w.+~-]*)$")
_PYTHON = re.compile(r"(?:\.dist-info/METADATA|\.egg-info/PKG-INFO|\.egg-info)$")
_DEBIAN = re.compile(r"^var/lib/dpkg/(?:status|status\.d/[^/]+(?<!\.md5sums))$")
_ALPINE = re.compile(r"^(?:lib|usr/lib)/apk/db/installed$")
_RELEASE = re.compile(r"^(?:etc|usr/lib)/os-release$")


class ImageNotHereError(Exception):
    """The engine does not have the image."""


@dataclass(frozen=True, order=True)
class Part:
    """A package in an image; `kind` is deb, apk, pypi or generic, as in package URLs."""

    kind: str
    name: str
    version: str
    architecture: str = ""


@dataclass(frozen=True)
class Image:
    """An image and its parts, sorted; `system` is the name and version in its os-release, such as ("debian", "13")."""

    tag: str
    id: str
    digests: tuple[str, ...]
    labels: dict[str, str]
    system: tuple[str, str]
    parts: tuple[Part, ...]


def read_image(tag: str) -> Image:
    """Return what an image that is here holds. Raises ImageNotHereError."""
    told = subprocess.run(["docker", "image", "inspect", tag], capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise ImageNotHereError(tag)
    (found,) = json.loads(told.stdout)
    create = ["docker", "create", "--pull=never", "--network=none", tag, "never-started"]
    container = subprocess.run(create, capture_output=True, text=True, check=True).stdout.strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            system, parts = read_files(cast(IO[bytes], export.stdout))
        if export.returncode != 0:
            raise RuntimeError(f"docker export of {tag} ended with {export.returncode}")
    finally:
        subprocess.run(["docker", "rm", "-f", "-v", container], capture_output=True, check=True)
    configured: dict[str, Any] = found["Config"]
    versions = [_VERSION.match(line) for line in configured.get("Env") or []]
    parts |= {Part("generic", match[1].lower(), match[2]) for match in versions if match}
    labels = configured.get("Labels") or {}
    return Image(tag, found["Id"], tuple(sorted(found["RepoDigests"])), labels, system, tuple(sorted(parts)))


def read_files(stream: IO[bytes]) -> tuple[tuple[str, str], set[Part]]:
    """Return the system's name and version, and the packages, of a file system given as a tar archive."""
    system, parts = ("", ""), set[Part]()
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            readers = [read for pattern, read in _READERS.items() if pattern.search(name)]
            if not member.isfile() or not (readers or _RELEASE.match(name)):
                continue
            text = cast(IO[bytes], archive.extractfile(member)).read().decode("utf-8", "replace")
            if _RELEASE.match(name):
                values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
                system = (values.get("ID", "").strip('"'), values.get("VERSION_ID", "").strip('"'))
            for read in readers:
                parts.update(read(text))
    return system, parts


def _debian(text: str) -> Iterator[Part]:
    for fields in _paragraphs(text, ": "):
        # what was removed and left its configuration behind is still in the list
        if fields.get("Status", "installed").split()[-1] == "installed" and "Package" in fields:
            yield Part("deb", fields["Package"], fields["Version"], fields["Architecture"])


def _alpine(text: str) -> Iterator[Part]:
    for fields in _paragraphs(text, ":"):
        if "P" in fields:
            yield Part("apk", fields["P"], fields["V"], fields.get("A", ""))


def _python(text: str) -> Iterator[Part]:
    headers = email.parser.HeaderParser().parsestr(text)
    if headers["Name"] and headers["Version"]:
        yield Part("pypi", re.sub(r"[-_.]+", "-", headers["Name"]).lower(), headers["Version"])


def _paragraphs(text: str, separator: str) -> Iterable[dict[str, str]]:
    for paragraph in text.split("\n\n"):
        lines = [line for line in paragraph.splitlines() if separator in line and not line.startswith((" ", "\t"))]
        yield {key: value.strip() for key, _, value in (line.partition(separator) for line in lines)}


_READERS = {_DEBIAN: _debian, _ALPINE: _alpine, _PYTHON: _python}
