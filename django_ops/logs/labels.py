"""What users pass in `extra=`, as `labels`: flat, strings only, bounded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django_ops.logs.plain import LONGEST_KEY, LONGEST_VALUE, MOST_ITEMS, Walk, first_items, key_text
from django_ops.record.redaction import MASK, is_hidden

MOST_LABELS = 64

#: Labels that we write ourselves; a user's label of that name gets an underscore.
_OURS = frozenset(("format_error", "format_cut", "format_labels", "stack_info"))

#: What Django and others pass as `request`: an object, which is not shown.
_PLAIN_TYPES = (str, int, float, bytes, list, tuple, dict, type(None))


class LabelMaker:
    """Collects the labels of one line, and what could not be shown."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self._problems: list[str] = []
        self._left_out = 0
        self._has_dots = False
        self._walk = Walk()

    def add_all(self, items: Iterable[tuple[Any, Any]]) -> None:
        """Add a label for each name and value; what cannot be shown becomes a problem."""
        for key, value in items:
            self._walk.values_left = Walk().values_left
            self._add(key, value, "")

    def add_ours(self, name: str, value: str) -> None:
        """Add a label under a name that users cannot take."""
        self.labels[name] = value

    def problem(self, where: str, what: str | BaseException) -> None:
        """Note that something could not be shown; of an exception only the type, as its text may hold anything."""
        self._problems.append(f"{where}: {what if isinstance(what, str) else type(what).__name__}")

    def finish(self) -> dict[str, str]:
        """Return the labels, with `format_error` where something could not be shown."""
        if self._left_out:
            self.problem("labels", f"{self._left_out} left out")
        if self._has_dots:
            self._untangle()
        if self._problems:
            self.labels["format_error"] = "; ".join(dict.fromkeys(self._problems))[:LONGEST_VALUE]
        return self.labels

    def _add(self, key: Any, value: Any, prefix: str) -> None:
        name = f"{prefix}?"
        try:
            name = prefix + key_text(key)
            if len(self.labels) >= MOST_LABELS:
                self._left_out += 1
            elif is_hidden(name):
                self._put(name, MASK)
            elif issubclass(type(value), dict) and dict.__len__(value):
                self._add_dict(name, value)
            elif not (name == "request" and not issubclass(type(value), _PLAIN_TYPES)):
                self._put(name, self._walk.text(value))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self.problem(f"labels.{name}", error)
            self._put(name, "(not shown)")

    def _add_dict(self, name: str, value: dict[Any, Any]) -> None:
        refused = self._walk.enter(value)
        if refused:
            self.problem(f"labels.{name}", refused)
            self._put(name, f"({refused})")
            return
        try:
            for key, item in first_items(value):
                self._walk.values_left -= 1
                self._add(key, item, f"{name}.")
        finally:
            self._walk.leave()
        self._left_out += max(0, dict.__len__(value) - MOST_ITEMS)

    def _put(self, name: str, value: str) -> None:
        name = name[:LONGEST_KEY]
        while name in self.labels or name in _OURS:
            name += "_"
        self.labels[name] = value
        self._has_dots = self._has_dots or "." in name

    def _untangle(self) -> None:
        """Rename `a.b` to `a_b` where `a` is a label as well: a reader that expands dots could not hold both."""
        for name in [name for name in self.labels if "." in name]:
            parts = name.split(".")
            if any(".".join(parts[:count]) in self.labels for count in range(1, len(parts))):
                self._put(name.replace(".", "_"), self.labels.pop(name))
