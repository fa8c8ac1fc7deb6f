"""The verbs of `make audit`, `make sbom` and `make digests`, and the notes of a release."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib

from supply import audit, compose, digests, notes
from supply.pins import REQUIREMENTS, ROOT, read_pins

DIST = ROOT / "dist"


def main(arguments: list[str]) -> int:
    """Run a verb; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m supply", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    asked = verbs.add_parser("audit", help="ask the index for known holes in what is pinned")
    asked.add_argument("--where-it-answers", action="store_true", help="an index without an answer is no failure")
    listed = verbs.add_parser("sbom", help="write lists of parts")
    listed.add_argument("images", nargs="*", help="these images; by default the wheel, and those in compose.yml")
    verbs.add_parser("digests", help="write compose.digests.yml")
    noted = verbs.add_parser("notes", help="write the notes of a release, and the hashes of its files, into dist/")
    noted.add_argument("tag")
    chosen = parser.parse_args(arguments)
    if chosen.verb == "audit":
        return audit.main(where_it_answers=chosen.where_it_answers)
    if chosen.verb == "sbom":
        return write_lists(chosen.images)
    return write_digests() if chosen.verb == "digests" else write_notes(chosen.tag)


def write_lists(tags: list[str]) -> int:
    """Write the list of each image that is here, and where none is named, of the wheel too; name what is not here."""
    from supply import bom, image  # here, as the other verbs need nothing but Python

    begun_with: dict[str, dict[str, str]] = {}
    if not tags:
        version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
        wheel = DIST / f"django_ops-{version}-py3-none-any.whl"
        bom.write(bom.of_wheel(wheel, read_pins(REQUIREMENTS / "wheel.txt")), DIST / f"{wheel.name}.cdx.json")
        if shutil.which("docker"):
            begun_with = {service.image: service.bases for service in compose.services(compose.rendered())}
    absent = []
    for tag in tags or begun_with:
        try:
            found = image.read_image(tag)
        except image.ImageNotHereError:
            absent.append(tag)
            continue
        name = re.sub(r"[/:@]", "_", tag)
        bom.write(bom.of_image(found, begun_with.get(tag, {}).values()), DIST / f"{name}.cdx.json")
        print(f"{tag}: {len(found.parts)} parts")
    print(f"The lists are in {DIST.relative_to(ROOT)}")
    if absent:
        print("Not here, so not listed: " + " ".join(absent), file=sys.stderr)
    return 1 if absent and tags else 0


def write_digests() -> int:
    """Pull what compose.yml names of others and write their digests; keep the file where one is not to be had."""
    try:
        digests.LOCK.write_text(digests.render(compose.services(compose.rendered()), digests.pull), encoding="utf-8")
    except digests.DigestError as error:
        print(f"{error}\n{digests.LOCK.name} stays as it was.", file=sys.stderr)
        return 1
    print(f"{digests.LOCK.name} is written; COMPOSE_FILE=compose.yml:{digests.LOCK.name} in .env has it read.")
    return 0


def write_notes(tag: str) -> int:
    """Write dist/notes.md and dist/SHA256SUMS for a release; a changelog that does not have it yet is an error."""
    try:
        sums = notes.sums(DIST)
        text = notes.notes(tag, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), sums)
    except notes.NotesError as error:
        print(error, file=sys.stderr)
        return 1
    (DIST / "SHA256SUMS").write_text(sums, encoding="utf-8")
    (DIST / "notes.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit((error.stderr or str(error)).strip())
