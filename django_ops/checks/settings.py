"""Mistakes in the settings themselves: names, types, secrets."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings

from django_ops.checks.table import mistake
from django_ops.conf import Configuration, Secret, Setting, conf

PREFIX = "OPS_"


def known_names() -> list[str]:
    """Return every name that a setting may have, those of files with secrets included."""
    return [name for setting in conf for name in _names_of(setting)]


def is_usable(*names: str) -> bool:
    """Tell whether the settings have values of the right type: what else is wrong with them is for E002 to say."""
    for name in names:
        setting: Setting[Any] = getattr(Configuration, name)
        if hasattr(settings, name) and setting.problem(getattr(settings, name)) is not None:
            return False
    return True


def _names_of(setting: Setting[Any]) -> tuple[str, ...]:
    return (setting.name, f"{setting.name}_FILE") if isinstance(setting, Secret) else (setting.name,)


def _secret_files() -> Iterator[tuple[str, Any]]:
    for setting in conf:
        name = f"{setting.name}_FILE"
        path: Any = getattr(settings, name, None)
        if isinstance(setting, Secret) and path:
            yield name, path


@mistake("E001", "Unknown setting", remedy="Correct the name, or remove the setting.")
def unknown_settings() -> Iterator[str]:
    """A misspelt setting would silently have its default. All names that begin with `OPS_` are django-ops's."""
    known = known_names()
    for name in sorted(dir(settings)):
        if name.startswith(PREFIX) and name not in known:
            (nearest,) = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            yield f"{name} is not a setting of django-ops; the nearest one is {nearest}."


@mistake("E002", "Setting of a wrong type or value", remedy="The reference of the settings says what each one takes.")
def wrong_values() -> Iterator[str]:
    """A value of a wrong type would fail where it is used: in the middle of a request, or never in a test."""
    for setting in conf:
        if hasattr(settings, setting.name):
            problem = setting.problem(getattr(settings, setting.name))
            if problem is not None:
                yield f"{setting.name} {problem}."
    for name, path in _secret_files():
        if not isinstance(path, (str, Path)):
            yield f"{name} must be a path, not {type(path).__name__}."


@mistake(
    "E003",
    "File with a secret that cannot be read",
    remedy="Make the file readable for this user, or correct the path.",
)
def unreadable_secrets() -> Iterator[str]:
    """Without its token `/metrics` stays shut."""
    for name, path in _secret_files():
        if not isinstance(path, (str, Path)):
            continue
        try:
            content = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            yield f"{name} names {path}, which cannot be read: {error}."
        else:
            if not content:
                yield f"{name} names {path}, which is empty."


@mistake("W001", "Secret given twice", remedy="Keep one of the two.")
def secrets_given_twice() -> Iterator[str]:
    """The value wins over the file, so changing the file changes nothing."""
    for name, _ in _secret_files():
        value_name = name.removesuffix("_FILE")
        if getattr(settings, value_name, ""):
            yield f"{value_name} and {name} are both set; the file is not read."


@mistake("E004", "Unknown model", remedy='Name models as "app_label.ModelName", or use "*" for all.')
def unknown_models() -> Iterator[str]:
    """A model that does not exist would not be counted, and nothing would say so."""
    if not is_usable("OPS_METRICS_MODELS"):
        return
    for name in conf.OPS_METRICS_MODELS:
        if name == "*":
            continue
        try:
            apps.get_model(name)
        except (LookupError, ValueError) as error:
            yield f"OPS_METRICS_MODELS has {name!r}, which is no model: {error}"


@mistake(
    "I001",
    "Service without a name or version",
    remedy="Set OPS_SERVICE_NAME, and OPS_SERVICE_VERSION to the tag or commit that is deployed.",
    deploy=True,
)
def nameless_service() -> Iterator[str]:
    """Lines of several services meet in one place, and the first question after a deploy is which version erred."""
    for setting in (Configuration.OPS_SERVICE_NAME, Configuration.OPS_SERVICE_VERSION):
        if getattr(settings, setting.name, setting.default) == setting.default:
            yield f"{setting.name} has its default, {setting.default!r}."


@mistake(
    "W002",
    "Setting of django-prometheus that is not read",
    remedy="Set OPS_METRICS_LATENCY_BUCKETS or OPS_METRICS_MIGRATIONS instead, and remove it.",
)
def settings_of_django_prometheus() -> Iterator[str]:
    """Who comes from django-prometheus keeps the names of the metrics, but not its settings."""
    if "django_prometheus" in settings.INSTALLED_APPS:
        return  # its database, cache and model classes may be in use, and read them
    for name in sorted(dir(settings)):
        if name.startswith("PROMETHEUS_"):
            yield f"{name} is a setting of django-prometheus, which django-ops does not read."
