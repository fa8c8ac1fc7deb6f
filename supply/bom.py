"""Writes lists of parts in CycloneDX 1.6: the same bytes for the same parts, whenever and wherever they are written."""

from __future__ import annotations

import email.parser
import hashlib
import os
import re
import uuid
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType, Pedigree
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from supply.image import Image, Part
from supply.pins import Pin

#: Labels of an image that say what it is: its title and version, and whether it stands in for another one.
_LABELS = ("org.opencontainers.image.", "org.django-ops.")


def of_wheel(wheel: Path, pins: Iterable[Pin]) -> Bom:
    """Return the list of a wheel: itself by its hash, and what it asks for, in the versions that were tested.

    The wheel itself asks for ranges. Where one version is for some Pythons only, `marker` says for which.
    """
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        headers = email.parser.HeaderParser().parsestr(archive.read(metadata).decode())
    root = Component(
        name=headers["Name"],
        version=headers["Version"],
        type=ComponentType.LIBRARY,
        bom_ref=wheel.name,
        # not pkg:pypi: under this name the index has another project, whose holes would be told as ours
        purl=PackageURL("generic", None, headers["Name"], headers["Version"]),
        hashes=[_sha256(hashlib.sha256(wheel.read_bytes()).hexdigest())],
    )
    return _bom(root, [_pinned(pin) for pin in pins])


def of_image(image: Image, bases: Iterable[str] = ()) -> Bom:
    """Return the list of an image: itself by its id and digests, the images that it began with, and its packages."""
    name, _, tag = image.tag.rpartition(":")
    told = {"django-ops:image:id": image.id}
    told |= {f"django-ops:image:digest:{number}": digest for number, digest in enumerate(image.digests)}
    told |= {f"django-ops:image:label:{key}": value for key, value in image.labels.items() if key.startswith(_LABELS)}
    root = Component(
        name=name,
        version=tag,
        type=ComponentType.CONTAINER,
        bom_ref=image.tag,
        properties=[Property(name=key, value=value) for key, value in told.items()],
        pedigree=Pedigree(ancestors=[_base(base) for base in bases]) if bases else None,
    )
    return _bom(root, [_part(part, *image.system) for part in image.parts])


def write(bom: Bom, path: Path) -> None:
    """Write a list, with the time in SOURCE_DATE_EPOCH, and a serial number that is a digest of all else in it."""
    bom.metadata.timestamp = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    bom.serial_number = uuid.UUID(int=0)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, JsonV1Dot6(bom).output_as_string())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(JsonV1Dot6(bom).output_as_string(indent=2) + "\n", encoding="utf-8")


def _bom(root: Component, components: list[Component]) -> Bom:
    bom = Bom(components=components)
    bom.metadata.component = root
    bom.metadata.tools.components.add(this_component())
    bom.register_dependency(root, components)
    return bom


def _pinned(pin: Pin) -> Component:
    url = PackageURL("pypi", None, pin.name, pin.version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(url)),
        comment="any one of these files",
        hashes=[_sha256(digest) for digest in pin.hashes],
    )
    marker = [Property(name="django-ops:marker", value=pin.marker)] if pin.marker else []
    reference = f"{url};{pin.marker}" if pin.marker else str(url)
    return Component(
        name=pin.name,
        version=pin.version,
        bom_ref=reference,
        purl=url,
        external_references=[files],
        properties=marker,
    )


def _part(part: Part, system: str, release: str) -> Component:
    qualifiers = {}
    if part.kind in ("deb", "apk"):
        qualifiers = {"arch": part.architecture, "distro": f"{system}-{release}" if release else system}
    url = PackageURL(part.kind, system if qualifiers else None, part.name, part.version, qualifiers)
    return Component(name=part.name, version=part.version, bom_ref=str(url), purl=url)


def _base(tag: str) -> Component:
    name, _, version = re.sub(r"@.*", "", tag).rpartition(":")
    return Component(name=name, version=version, type=ComponentType.CONTAINER)


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)
