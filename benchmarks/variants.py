"""What is compared: the settings of the same site with each way of watching its requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NOTHING = "nothing"
PROMETHEUS = "django-prometheus"
STRUCTLOG = "django-structlog"
BOTH = "both peers"
OURS = "django-ops"
FLOOR = "floor"

ALL = (NOTHING, PROMETHEUS, STRUCTLOG, BOTH, OURS, FLOOR)

#: How many log lines a variant writes for a request. django-structlog writes one at each end.
LINES_PER_REQUEST = {NOTHING: 0, PROMETHEUS: 0, STRUCTLOG: 2, BOTH: 2, OURS: 1, FLOOR: 1}

PROXY = "10.0.0.2"  # nginx in front: everything that it forwards has passed it


def settings_for(variant: str, scratch: Path, *, pipe: bool = False) -> dict[str, Any]:
    """Return the settings of the site under `variant`, which logs below `scratch`, or to standard output."""
    settings: dict[str, Any] = {
        "SECRET_KEY": "for the benchmarks only",
        "ALLOWED_HOSTS": ["shop.example"],
        "ROOT_URLCONF": "benchmarks.site",
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        "USE_TZ": True,
        "INSTALLED_APPS": [],
        "MIDDLEWARE": [],
    }
    return settings | _CHANGES[variant](None if pipe else scratch)


def _nothing(scratch: Path | None) -> dict[str, Any]:
    return {}


def _prometheus(scratch: Path | None) -> dict[str, Any]:
    """As its README has it, with its database engine."""
    return {
        "INSTALLED_APPS": ["django_prometheus"],
        "DATABASES": {"default": {"ENGINE": "django_prometheus.db.backends.sqlite3", "NAME": ":memory:"}},
        "MIDDLEWARE": [
            "django_prometheus.middleware.PrometheusBeforeMiddleware",
            "django_prometheus.middleware.PrometheusAfterMiddleware",
        ],
    }


def _structlog(scratch: Path | None) -> dict[str, Any]:
    """As its getting-started page has it, with the JSON file only: no console, no second file."""
    import structlog

    file = {"class": "logging.handlers.WatchedFileHandler", "filename": f"{scratch}/json.log"}
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.processors.UnicodeDecoder(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "INSTALLED_APPS": ["django_structlog"],
        "MIDDLEWARE": ["django_structlog.middlewares.RequestMiddleware"],
        "LOGGING": {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json_formatter": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processor": structlog.processors.JSONRenderer(),
                },
            },
            "handlers": {
                "json_file": {
                    **({"class": "logging.StreamHandler", "stream": "ext://sys.stdout"} if scratch is None else file),
                    "formatter": "json_formatter",
                },
            },
            "loggers": {"django_structlog": {"handlers": ["json_file"], "level": "INFO"}},
        },
    }


def _both(scratch: Path | None) -> dict[str, Any]:
    before, after = _prometheus(scratch)["MIDDLEWARE"]
    structlog = _structlog(scratch)
    return {
        **_prometheus(scratch),
        **structlog,
        "INSTALLED_APPS": ["django_prometheus", "django_structlog"],
        "MIDDLEWARE": [before, *structlog["MIDDLEWARE"], after],
    }


def _ours(scratch: Path | None) -> dict[str, Any]:
    from django_ops.logs import logging_config

    return {
        "INSTALLED_APPS": ["django_ops"],
        "MIDDLEWARE": ["django_ops.middleware.OpsMiddleware"],
        "OPS_TRUSTED_PROXIES": [f"{PROXY}/32"],
        "LOGGING": logging_config(directory=scratch and str(scratch)),
    }


def _floor(scratch: Path | None) -> dict[str, Any]:
    return {
        "MIDDLEWARE": ["benchmarks.floor.FloorMiddleware"],
        "FLOOR_LOG": "/proc/self/fd/1" if scratch is None else str(scratch / "floor.log"),
    }


_CHANGES = {
    NOTHING: _nothing,
    PROMETHEUS: _prometheus,
    STRUCTLOG: _structlog,
    BOTH: _both,
    OURS: _ours,
    FLOOR: _floor,
}
