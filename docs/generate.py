"""Writes the pages and files that come from tables in the code: `python docs/generate.py`, or `--check` in CI.

A module in `docs/generators/` that defines `ARTEFACTS`, a dict from a path in the repository to a function that
returns the text, is found by itself.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = "python docs/generate.py"

#: What each generated Markdown page begins with.
NOTICE = "<!-- Generated from the code by `python docs/generate.py`; change the table there, not this page. -->\n\n"

_LINES_OF_HINT = 20


def artefacts() -> dict[str, Callable[[], str]]:
    """Return every generated file: its path from the root of the repository, and the function that makes its text."""
    found: dict[str, Callable[[], str]] = {}
    for module_info in sorted(pkgutil.iter_modules([str(ROOT / "docs" / "generators")]), key=lambda each: each.name):
        module = importlib.import_module(f"docs.generators.{module_info.name}")
        for path, make in module.ARTEFACTS.items():
            if path in found:
                raise ValueError(f"two generators make {path}")
            found[path] = make
    return found


def write(made: Mapping[str, Callable[[], str]], root: Path = ROOT) -> list[str]:
    """Write the files whose text has changed, and return their paths."""
    changed = []
    for path, make in made.items():
        text = make()
        target = root / path
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def stale(made: Mapping[str, Callable[[], str]], root: Path = ROOT) -> Iterator[str]:
    """Yield, for each file that is not what the code says, the beginning of the difference."""
    for path, make in made.items():
        target = root / path
        there = target.read_text(encoding="utf-8").splitlines() if target.is_file() else []
        made_now = make().splitlines()
        difference = list(difflib.unified_diff(there, made_now, path, f"{path} (from the code)", lineterm=""))
        if difference or not target.is_file():
            more = len(difference) - _LINES_OF_HINT
            yield "\n".join(difference[:_LINES_OF_HINT] + ([f"... {more} more lines"] if more > 0 else []))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail when a file is stale")
    options = parser.parse_args(arguments)
    if not options.check:
        for path in write(artefacts()):
            print(f"wrote {path}")
        return 0
    hints = list(stale(artefacts()))
    for hint in hints:
        print(hint, file=sys.stderr)
    if hints:
        print(f"{len(hints)} generated files are stale. Run: {COMMAND}", file=sys.stderr)
    return 1 if hints else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    raise SystemExit(main())
