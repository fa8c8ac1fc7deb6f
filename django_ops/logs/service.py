"""Which service the lines of this process come from: asked once, at the first line."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from django_ops.conf import conf
from django_ops.logs.line import Origin
from django_ops.record import redaction, slot

#: Setting, and the key of `service` that it fills.
SERVICE = {"OPS_SERVICE_NAME": "name", "OPS_SERVICE_VERSION": "version", "OPS_ENVIRONMENT": "environment"}

_origin: Origin | None = None
_unconfigured: object = None


def origin() -> Origin:
    """Return where the lines of this process come from; raises nothing.

    Before the settings are configured it is what `take_from` was told, else what the environment variables of
    the same names say, else the defaults; and it is asked again at the next line.
    """
    global _origin
    if _origin is not None:
        return _origin
    configured = settings.configured
    place = _slot()
    values = _values(conf if configured else _unconfigured)
    found = Origin({key: values[name] for name, key in SERVICE.items()}, {"pid": os.getpid()}, {"slot": place})
    if configured:
        _hide_further_keys()
        _origin = found
    return found


def take_from(source: object) -> None:
    """Let `source`, a settings module, say which service it is until the settings are configured.

    For a server's master, which reads the settings to log as the site does, and must not keep them.
    """
    global _unconfigured, _origin
    _unconfigured = SimpleNamespace(**_values(source))
    _origin = None


def forget() -> None:
    """Ask again at the next line: the process has forked, or a setting has changed."""
    global _origin
    _origin = None


def _slot() -> str:
    try:
        return slot.label()
    except Exception:  # a line that says so little is better than none
        return "unknown"


def _values(source: object) -> dict[str, str]:
    values = {}
    for name in SERVICE:
        value: Any = getattr(source, name, None)
        values[name] = value if isinstance(value, str) and value else _default(name)
    return values


def _default(name: str) -> str:
    default: str = getattr(type(conf), name).default
    return os.environ.get(name) or default


def _hide_further_keys() -> None:
    words = conf.OPS_LOG_HIDDEN_KEYS
    if isinstance(words, (list, tuple, set, frozenset)):  # a wrong type is told by a system check
        redaction.configure(str(word) for word in words)


def _on_setting_changed(*, setting: str, **_: object) -> None:
    if setting in SERVICE:
        forget()
    elif setting == "OPS_LOG_HIDDEN_KEYS":
        _hide_further_keys()


slot.on_change(forget)
setting_changed.connect(_on_setting_changed)
