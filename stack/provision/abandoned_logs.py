"""Removes the log directories of containers that are gone: a new container has a new name, and a new directory.

Each container does so at its start, in its own service's volume: no other service may write there.
"""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

logger = logging.getLogger(__name__)

#: Rotated files are kept for 14 days by those who write them, and so are those of whoever writes no more.
DAYS = 14
_SECONDS_PER_DAY = 86_400


def remove_abandoned(parent: Path, days: float = DAYS) -> list[Path]:
    """Remove each directory of `parent` in which nothing was written for `days`; return what was removed.

    Raises nothing: what cannot be removed is tried again the next time.
    """
    oldest = time.time() - days * _SECONDS_PER_DAY
    removed = []
    try:
        for directory in sorted(path for path in parent.iterdir() if path.is_dir() and not path.is_symlink()):
            if max(path.stat().st_mtime for path in (directory, *directory.iterdir())) < oldest:
                shutil.rmtree(directory)
                removed.append(directory)
    except OSError as error:
        logger.warning("abandoned logs cannot be removed: %s", error)
    return removed
