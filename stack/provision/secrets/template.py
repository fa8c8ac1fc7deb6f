"""Templates of secret files: filled with values, and values read back from files."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from types import ModuleType

from stack.provision.secrets.errors import SecretsError
from stack.provision.secrets.table import VALUES

#: A secret that was generated here or by others: nothing that a URL, YAML or a password file would take for itself.
SECRET = r"[A-Za-z0-9_.~-]{16,256}"  # noqa: S105 - a pattern
_PATTERNS = {"key": SECRET, "phrase": SECRET, "none": r"[^\n]*", "old": rf"(?:{SECRET}\n)*"}
_HASHES = {"sha256": r"[0-9a-f]{64}", "bcrypt": r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}"}
_PLACEHOLDER = re.compile(r"<([a-z_]+)(?::(sha256|bcrypt))?>")
#: 2^10 rounds are some 50 ms: 160 bits of randomness need no slow hash, and each request costs it.
_BCRYPT_ROUNDS = 10


@functools.cache
def values_shown(template: str) -> tuple[str, ...]:
    """Return the names of the values that can be read back from `template`, in order."""
    return tuple(dict.fromkeys(name for name, form in _PLACEHOLDER.findall(template) if not form))


def read_back(template: str, content: str) -> dict[str, str] | None:
    """Return the values that `content` shows, or None where it is not what `template` makes."""
    match = _expression(template).fullmatch(content)
    return match and match.groupdict()


def fill(template: str, values: Mapping[str, str], before: str | None) -> str:
    """Return `template` with its values; `before`, the file's present content, where its salted hashes still hold."""
    if before is not None and ":bcrypt>" in template and _hashes_hold(template, values, before):
        return before
    return _PLACEHOLDER.sub(lambda found: _form(values[found[1]], found[2]), template)


@functools.cache
def _expression(template: str) -> re.Pattern[str]:
    parts, end, seen = [], 0, set()
    for found in _PLACEHOLDER.finditer(template):
        parts.append(re.escape(template[end : found.start()]))
        name, form = found.groups()
        if form:
            parts.append(_HASHES[form])
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            parts.append(f"(?P<{name}>{_PATTERNS[VALUES[name].kind]})")
            seen.add(name)
        end = found.end()
    return re.compile("".join([*parts, re.escape(template[end:])]))


def _form(value: str, form: str | None) -> str:
    if form == "sha256":
        return hashlib.sha256(value.encode()).hexdigest()
    if form == "bcrypt":
        bcrypt = _bcrypt()
        hashed: bytes = bcrypt.hashpw(value.encode(), bcrypt.gensalt(_BCRYPT_ROUNDS))
        return hashed.decode()
    return value


def _hashes_hold(template: str, values: Mapping[str, str], before: str) -> bool:
    if read_back(template, before) is None:
        return False
    names = [name for name, form in _PLACEHOLDER.findall(template) if form == "bcrypt"]
    hashes = re.findall(_HASHES["bcrypt"], before)
    return all(
        _bcrypt().checkpw(values[name].encode(), found.encode()) for name, found in zip(names, hashes, strict=True)
    )


def _bcrypt() -> ModuleType:
    try:
        import bcrypt
    except ImportError as error:
        raise SecretsError("The image lacks the package bcrypt, which Prometheus' passwords need") from error
    return bcrypt
