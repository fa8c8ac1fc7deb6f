"""Reads files that others are writing."""

from __future__ import annotations


def whole_lines(text: str) -> list[str]:
    """Return the lines of a file, but for a last one without its end: it may be half there."""
    return text.split("\n")[:-1]
