"""For the tests of a project: what it logged, as it would stand in the log file."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django_ops.logs.handler import LineHandler

_OURS = "django_ops"


class _Capture(LineHandler):
    def __init__(self, lines: list[dict[str, Any]]) -> None:
        super().__init__()
        self._lines = lines

    def write_line(self, line: bytes) -> None:
        self._lines.append(json.loads(line))


@contextmanager
def capture_lines(logger: str = "", level: int | str = logging.INFO) -> Iterator[list[dict[str, Any]]]:
    """Capture the log lines of `logger` and those below it, the root logger by default, as parsed JSON.

        with capture_lines() as lines:
            client.get("/orders/17")
        assert lines[-1]["http"]["response"]["status_code"] == 200

    The list grows while the block runs. Lines below `level` are left out; a logger that does not propagate is
    to be named.
    """
    lines: list[dict[str, Any]] = []
    handler = _Capture(lines)
    handler.setLevel(level)
    target = logging.getLogger(logger)
    ours = logging.getLogger(_OURS)
    before = [(each, each.level) for each in (target, ours)]
    target.addHandler(handler)
    for each in (target, ours):
        if each.getEffectiveLevel() > handler.level:
            each.setLevel(handler.level)
    try:
        yield lines
    finally:
        target.removeHandler(handler)
        handler.close()
        for each, its_level in before:
            each.setLevel(its_level)
