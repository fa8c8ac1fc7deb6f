"""All secret files together: what is there, what is missing, what is broken, and what follows from another."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from stack.provision.secrets import files, template
from stack.provision.secrets.errors import SecretsError
from stack.provision.secrets.table import FILES, GROUPS, VALUES, File, Group

#: 32 bytes, as 64 hexadecimal digits: enough for all, and no character that a format would take for its own.
KEY_BYTES = 32
#: 26 of these are 128 bits; none looks like another.
PHRASE_CHARACTERS = "abcdefghjkmnpqrstuvwxyz23456789"
PHRASE_LENGTH = 26


class Store:
    """The directory with one directory for each group.

    Raises SecretsError where a directory is missing or a file that nothing else can restore is broken: before anything
    is changed.
    """

    def __init__(self, root: Path, groups: Mapping[str, Group] = GROUPS) -> None:
        self.root = root
        self.groups = groups
        if missing := [name for name in groups if not (root / name).is_dir()]:
            raise SecretsError(f"{root} has no directory {', '.join(missing)}: each needs its volume")
        self.contents = {file: files.read(root / file.path) for file in FILES}
        self.values = self._values()

    def _values(self) -> dict[str, str]:
        values: dict[str, str] = {}
        broken = []
        for file, content in self.contents.items():
            shown = None if content is None else template.read_back(file.template, content)
            if shown is None and content is not None and self._restores_nothing(file):
                broken.append(f"{self.root / file.path} ({_defect(content)})")
            values = (shown or {}) | values
        if broken:
            raise SecretsError(
                f"Broken: {'; '.join(broken)}. Nothing was changed. Restore the file from your backup; or remove it to"
                " have a new one generated, which every store that remembers the old one must be told."
            )
        return {name: generate(value.kind) for name, value in VALUES.items()} | values

    def _restores_nothing(self, file: File) -> bool:
        """Say whether a secret lives in this file, and in no other that comes first."""
        earlier = FILES[: FILES.index(file)]
        before = {name for other in earlier for name in template.values_shown(other.template)}
        return not before.issuperset(template.values_shown(file.template))

    def write(self) -> list[File]:
        """Write what is not as the values say, and return it; give all to their readers."""
        changed = []
        for name, group in self.groups.items():
            files.prepare(self.root / name, group)
            for path in filter(Path.is_file, (self.root / name).iterdir()):
                files.give(path, group)
        for file, before in self.contents.items():
            content = template.fill(file.template, self.values, before)
            if content != before:
                files.write(self.root / file.path, content, self.groups[file.group])
                self.contents[file] = content
                changed.append(file)
        return changed


def generate(kind: str) -> str:
    """Return a new secret."""
    if kind == "key":
        return secrets.token_hex(KEY_BYTES)
    if kind == "phrase":
        return "".join(secrets.choice(PHRASE_CHARACTERS) for _ in range(PHRASE_LENGTH))
    return ""  # nobody has given one yet


def _defect(content: str) -> str:
    if not content.strip():
        return "empty"
    return "not as it was written" if content.endswith("\n") else "half-written: it does not end with a newline"
