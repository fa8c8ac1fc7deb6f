"""Secret files of the tests: all belong to whoever runs them."""

from __future__ import annotations

import os
from pathlib import Path

from stack.provision.secrets.table import GROUPS, Group

OURS = {name: Group(os.getuid(), os.getgid()) for name in GROUPS}


def contents(root: Path) -> dict[str, str]:
    """Return what is in each file."""
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def replace(path: Path, content: str) -> None:
    """Put another file at the place of one."""
    path.unlink(missing_ok=True)
    path.write_text(content)
