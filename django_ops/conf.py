"""The settings of django-ops: one typed property each, read at use where that can be, so `override_settings` works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from django.conf import settings

from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.kinds import (
    address,
    boolean,
    bounds,
    checks,
    count,
    file_path,
    gate_mode,
    gate_services,
    networks,
    seconds,
    strings,
    text,
    url_path,
    url_prefix,
)

T = TypeVar("T")

#: Upper bounds in seconds, those of django-prometheus, so that its dashboards keep their meaning.
LATENCY_BUCKETS_SECONDS = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 25.0, 50.0, 75.0,
)  # fmt: skip


class Setting(Generic[T]):
    """One setting: its kind (which says what is wrong with a value), its default and its description.

    `at_start` says that it is read when the process starts, so that a later change has no effect.
    """

    def __init__(
        self, kind: Callable[[Any], str | None], default: T, description: str, *, at_start: bool = False
    ) -> None:
        self.kind = kind
        self.default = default
        self.description = description
        self.at_start = at_start
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Setting[T] | T:
        if instance is None:
            return self
        return self._value()

    def usable(self) -> T:
        """Return the value, or the default where `manage.py check` would complain: nothing breaks on being measured."""
        value = self._value()
        return value if self.problem(value) is None else self.default

    def required(self) -> T:
        """Return the value. Raises ImproperlyConfiguredError, which names the setting, where it cannot be used."""
        value = self._value()
        problem = self.problem(value)
        if problem is not None:
            raise ImproperlyConfiguredError(f"{self.name} {problem}")
        return value

    def _value(self) -> T:
        value: T = getattr(settings, self.name, self.default)
        return value

    def problem(self, value: object) -> str | None:
        """Say what is wrong with `value` ("must be …, not …"), or return None."""
        return self.kind(value)


class Secret(Setting[str]):
    """A secret, given as a value or as a file: `NAME` or `NAME_FILE`. The file is read at each use."""

    @overload
    def __get__(self, instance: None, owner: type) -> Secret: ...
    @overload
    def __get__(self, instance: object, owner: type) -> str: ...
    def __get__(self, instance: object | None, owner: type) -> Secret | str:
        if instance is None:
            return self
        value = getattr(settings, self.name, "")
        if value:
            return str(value)
        path = getattr(settings, f"{self.name}_FILE", "")
        if not path:
            return self.default
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfiguredError(f"{self.name}_FILE names {path}, which cannot be read: {error}") from error

    def problem(self, value: object) -> str | None:
        """Say what is wrong with `value` without telling it."""
        return None if isinstance(value, str) else f"must be a string, not {type(value).__name__}"


class Configuration:
    """All settings; `conf` is the one instance."""

    OPS_SERVICE_NAME = Setting(
        text,
        "django",
        "`service.name` of every log line; of gunicorn's master only where `DJANGO_SETTINGS_MODULE` is in its "
        "environment.",
    )
    OPS_SERVICE_VERSION = Setting(text, "unknown", "`service.version` of every log line: a tag or a commit.")
    OPS_ENVIRONMENT = Setting(text, "production", "`service.environment` of every log line.")

    OPS_TRUSTED_PROXIES: Setting[list[str]] = Setting(
        networks,
        [],
        "Networks of your reverse proxies. Only a request that comes from one of them may say, in"
        " `X-Forwarded-For`, `X-Request-ID` and `X-Request-Start`, whom it is for and when it began."
        ' Add "unix" when the server listens on a Unix socket.',
    )
    OPS_REFUSE_MALFORMED = Setting(
        boolean,
        True,
        "Whether a request with a NUL in its path, query or cookies, a form in another charset than UTF-8, or a"
        " charset that cannot be read is answered 400 at once. Django and PostgreSQL would make 500 of it.",
    )
    OPS_LOG_QUERY_KEYS: Setting[list[str]] = Setting(
        strings, [], "Keys of the query string that may appear in `url.query` of the request line; others never do."
    )
    OPS_LOG_HIDDEN_KEYS: Setting[list[str]] = Setting(
        strings, [], "Further words that mark a key as secret, beside the built-in ones (password, token, ...)."
    )

    OPS_LIVEZ_PATH = Setting(url_path, "/livez", "Where liveness is answered, before anything else runs.")
    OPS_READYZ_PATH = Setting(url_path, "/readyz", "Where readiness is answered.")
    OPS_METRICS_PATH = Setting(url_path, "/metrics", "Where Prometheus scrapes.")

    OPS_METRICS_TOKEN = Secret(
        text, "", "Bearer token that opens `/metrics` and the details of `/readyz`; or a file, OPS_METRICS_TOKEN_FILE."
    )
    OPS_METRICS_NETWORKS: Setting[list[str]] = Setting(
        networks, [], "Networks whose clients may read `/metrics` and the details of `/readyz` without a token."
    )
    OPS_METRICS_PERMISSION = Setting(
        text, "", 'Permission that lets a signed-in user read `/metrics`, such as "auth.view_user"; empty for none.'
    )
    OPS_METRICS_LABEL_LIMIT = Setting(
        count, 500, "How many values one label of one metric may have; further ones count as `__other__`."
    )
    OPS_METRICS_LATENCY_BUCKETS: Setting[tuple[float, ...]] = Setting(
        bounds, LATENCY_BUCKETS_SECONDS, "Upper bounds in seconds of every latency histogram.", at_start=True
    )
    OPS_METRICS_MODELS: Setting[list[str]] = Setting(
        strings,
        [],
        'Models whose inserts, updates and deletes are counted: "app.Model", or "*" for all.',
        at_start=True,
    )
    OPS_METRICS_MIGRATIONS = Setting(
        boolean, True, "Whether a scrape reports applied and unapplied migrations (one query a minute)."
    )

    OPS_READYZ_CHECKS: Setting[list[Any]] = Setting(
        checks,
        ["database"],
        "What readiness depends on: `database`, `cache`, `migrations`, `broker`, each with an alias such as"
        " `database:replica` or without; a dotted path, or a callable that raises when it is not ready. With"
        " `optional:` before it, a failure makes the answer `degraded` and not 503.",
    )
    OPS_READYZ_TIMEOUT_SECONDS = Setting(seconds, 2.0, "The deadline of each readiness check.")
    OPS_READYZ_CACHE_SECONDS = Setting(seconds, 1.0, "For how long a readiness result is answered again.")
    OPS_DRAIN_FILE: Setting[str | Path] = Setting(
        file_path,
        "",
        "The file whose presence makes the server drain. Empty: one for this user and this project in the directory for"
        " temporary files.",
    )
    OPS_DRAIN_SECONDS = Setting(
        seconds,
        5.0,
        "How long readiness answers 503 before the listener closes: longer than your probe's period.",
        at_start=True,
    )

    OPS_CELERY_METRICS_ADDRESS = Setting(
        address,
        "",
        'Where a Celery worker serves its metrics, such as "127.0.0.1:9808"; empty for nowhere.',
        at_start=True,
    )

    OPS_GATE_SERVICES: Setting[dict[str, Any]] = Setting(
        gate_services, {}, "The internal UIs that Django's users may open, by name: see the how-to of the gate."
    )
    OPS_GATE_MODE = Setting(
        gate_mode,
        "",
        "Who carries the traffic of the UIs: `nginx`, which asks Django whom to let in, or `proxy`, Django itself"
        " under ASGI. Empty: nobody, the gate is off.",
        at_start=True,
    )
    OPS_GATE_PREFIX = Setting(
        url_prefix,
        "/ops/",
        "Where the UIs are reached, each under its name; at the prefix itself they are listed.",
        at_start=True,
    )
    OPS_GATE_AUTH_PATH = Setting(
        url_prefix, "/_ops/gate/", "Where nginx asks whom to let in; nginx must not pass it on from outside."
    )
    OPS_GATE_CACHE_SECONDS = Setting(
        seconds,
        5.0,
        "For how long it is remembered what a user may open, where no shared cache tells of a change. After so long at"
        " the latest, an open websocket ends when its user signed out, was deactivated or lost the permission.",
    )

    OPS_SIGN_IN_FAILURES_PER_ACCOUNT = Setting(
        count,
        10,
        "How many sign-ins of an account may fail in five minutes: of strangers together, and of each address that has"
        " signed in to it in the last 30 days.",
    )
    OPS_SIGN_IN_FAILURES_PER_ADDRESS = Setting(
        count, 30, "How many sign-ins of an address, of IPv6 a /64, may fail in five minutes."
    )

    def __iter__(self) -> Iterator[Setting[Any]]:
        return (value for value in vars(type(self)).values() if isinstance(value, Setting))


conf = Configuration()
