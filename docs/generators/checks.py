"""From the table of mistakes: the page of the system checks."""

from __future__ import annotations

from collections.abc import Iterable

from django_ops.checks import mistakes
from django_ops.checks.table import Mistake
from docs.generate import NOTICE

_INTRODUCTION = """# System checks

`manage.py check` looks for the mistakes of the first table, and so does each command of Django that runs checks;
`manage.py check --deploy` looks for those of the second one as well. `--tag django_ops` leaves out everybody
else's. E is an error, W a warning, I information. gunicorn and uvicorn run no checks: run
`python manage.py check --deploy --fail-level ERROR` before the server starts, with the same environment.

To silence one, name it in Django's setting `SILENCED_SYSTEM_CHECKS`, with a comment that says why.
"""

_HEAD = """
| id | mistake | why it is one | what to do |
|---|---|---|---|
"""


def checks_markdown() -> str:
    """Return the docs page."""
    found = sorted(mistakes(), key=lambda entry: ("EWI".index(entry.id[-4]), entry.id))
    return "".join(
        [
            NOTICE,
            _INTRODUCTION,
            "\n## Always\n",
            _table(entry for entry in found if not entry.deploy),
            "\n## With `--deploy`\n",
            _table(entry for entry in found if entry.deploy),
        ]
    )


def _table(entries: Iterable[Mistake]) -> str:
    return _HEAD + "".join(map(_row, entries))


def _row(entry: Mistake) -> str:
    anchor = entry.id.partition(".")[2].lower()
    cells = (entry.title, " ".join(entry.explanation.split()), entry.remedy)
    return f'| <a id="{anchor}"></a>`{entry.id}` | {" | ".join(cell.replace("|", "&#124;") for cell in cells)} |\n'


ARTEFACTS = {"docs/reference/checks.md": checks_markdown}
