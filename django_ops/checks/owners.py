"""Files of another user: what `sudo manage.py ...` leaves where the site's user must write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from django_ops.checks.logs import loggers
from django_ops.checks.table import mistake
from django_ops.logs.files import SlotFileHandler
from django_ops.logs.rotation import ENDING
from django_ops.metrics.slots import client_files
from django_ops.record import slot
from django_ops.record.owner import name_of

_MOST_NAMED = 3


@mistake(
    "W038",
    "Files of another user",
    remedy="Give them to the user who runs the site (`chown`), or delete them; run manage.py as that user.",
)
def files_of_another_user() -> Iterator[str]:
    """The site takes the next name instead, so nothing is lost; but nobody rotates them or uses their slots again."""
    for directory, files in _written():
        foreign = {file: owner for file in sorted(files) if (owner := _foreign_owner(file, directory)) is not None}
        if foreign:
            owners = sorted(set(map(name_of, foreign.values())))
            names = ", ".join(file.name for file in list(foreign)[:_MOST_NAMED])
            more = ", ..." if len(foreign) > _MOST_NAMED else ""
            yield f"{directory} has files of {', '.join(owners)} that the site's user cannot write: {names}{more}."


def _written() -> Iterator[tuple[Path, set[Path]]]:
    """Yield each directory in which processes hold files, and these."""
    found: dict[Path, set[Path]] = {}
    for logger in loggers():
        for handler in logger.handlers:
            if isinstance(handler, SlotFileHandler):
                current = handler.directory.glob(f"{handler.family}.*{ENDING}")
                # not what was rotated away, which has the time in its name: whoever owns the directory can delete it
                found.setdefault(handler.directory, set()).update(
                    file for file in current if file.name.count(".") == handler.family.count(".") + 2
                )
    where = slot.directory()
    if where is not None:
        found[where] = {*where.glob("slot-*.lock"), *where.glob("metrics-*.cells"), *client_files(where)}
    yield from found.items()


def _foreign_owner(file: Path, directory: Path) -> int | None:
    """Return the user number of a file that the site's user cannot write, and None of another."""
    try:
        owner = file.stat().st_uid
        if os.geteuid() == 0:  # who may open all
            return owner if owner == 0 != directory.stat().st_uid else None
        return owner if not os.access(file, os.R_OK | os.W_OK, effective_ids=True) and file.exists() else None
    except OSError:  # rotated away meanwhile, or not to be seen by this user
        return None
