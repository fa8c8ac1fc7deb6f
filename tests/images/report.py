"""Says what the images are: the banner, the build log and the table of components."""

import time
from collections.abc import Iterable, Sequence

from . import engine
from .builder import LABEL_VERSION, LOGS, Built, kind_of, version_run
from .catalog import Image


def banner(built: Sequence[Built]) -> str:
    """Return a loud note about what is not upstream's image, or nothing where everything is."""
    stand_ins = [one.image.name for one in built if one.kind == "stand-in"]
    fakes = [one.image.name for one in built if one.kind == "fake"]
    if not stand_ins and not fakes:
        return ""
    lines = ["NOT UPSTREAM'S IMAGES. These were built here for tests; never deploy them."]
    if stand_ins:
        lines.append(f"stand-ins (the real programs, from package registries): {', '.join(stand_ins)}")
    if fakes:
        lines.append(f"fakes (small programs of ours): {', '.join(fakes)}")
    rule = "!" * 100
    return "\n".join([rule, *(f"!! {line}" for line in lines), rule])


def aligned(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as a Markdown table with even columns; the first row is the head."""
    table = [list(row) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    table.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in table
    )


def table(images: Iterable[Image]) -> str:
    """Return the table: component, version pinned, version run, and what each image is."""
    rows = [("component", "image", "version pinned", "version run", "is", "made of")]
    for image in images:
        found = engine.labels(image.tag)
        if found is None:
            rows.append((image.name, image.tag, image.version_pinned, "-", "not here", "-"))
            continue
        kind = kind_of(image.tag, found)
        run = found[LABEL_VERSION] if LABEL_VERSION in found else version_run(image, image.tag)
        made_of = found.get(f"{engine.PREFIX}made-of", "upstream's image")
        rows.append((image.name, image.tag, image.version_pinned, run, kind, made_of))
    return aligned(rows)


def write_build_log(built: Sequence[Built]) -> str:
    """Write var/images/build.log, and return what it says."""
    rows = [("component", "version pinned", "version run", "is", "how", "seconds", "MB", "made of")]
    for one in built:
        found = engine.labels(one.image.tag) or {}
        megabytes = f"{engine.size_bytes(one.image.tag) / 1e6:.0f}"
        run = found.get(LABEL_VERSION) or version_run(one.image, one.image.tag)
        made_of = one.image.made_of if one.kind != "real" else "upstream's image"
        pinned = one.image.version_pinned
        rows.append((one.image.name, pinned, run, one.kind, one.how, f"{one.seconds:.1f}", megabytes, made_of))
    text = aligned(rows)
    log = LOGS / "build.log"
    log.write_text(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}\n{text}\n", encoding="utf-8")
    return text
