"""From the catalog of metrics: its page in the reference."""

from __future__ import annotations

from collections.abc import Iterator

from django_ops.metrics.catalog import BODY_BOUNDS_BYTES, FAMILIES
from django_ops.metrics.families import OTHER, Family, Gauge, Histogram
from docs.generate import NOTICE

_INTRODUCTION = f"""# Metrics

The names, types and labels of the first part are those of
[django-prometheus](https://github.com/django-commons/django-prometheus), so that its dashboards work unchanged; what
counts otherwise is told in [metrics explained](../explanation/metrics.md). All others begin with `django_ops_`,
but for the gate's.

Durations are in seconds. A histogram has the samples `<name>_bucket` (with the label `le`), `<name>_count` and
`<name>_sum`. The bounds of durations are those of the setting
[OPS_METRICS_LATENCY_BUCKETS](settings.md#ops_metrics_latency_buckets), those of bodies are 0 and the powers of 2 up to
{BODY_BOUNDS_BYTES[-1]:,.0f} bytes. A label takes at most
[OPS_METRICS_LABEL_LIMIT](settings.md#ops_metrics_label_limit) values in each process; further ones are counted as
`{OTHER}`.
"""

#: Prefix of the names, and the heading over them. A name belongs to the longest prefix that fits.
_PARTS = {
    "django_http_": "Requests",
    "django_db_": "Databases",
    "django_cache_": "Caches",
    "django_model_": "Models",
    "django_migrations_": "Migrations",
    "django_ops_http_": "Requests, what django-prometheus does not tell",
    "django_ops_cache_": "Caches, what django-prometheus does not tell",
    "django_ops_celery_": "Tasks",
    "django_ops_": "The application and its own watching",
    "ops_gate_": "The gate",
}

_NOTES = {
    "django_cache_": (
        "`backend` is the alias of the cache. Where a backend of django-prometheus is used, it counts for itself, and"
        " `backend` is its class."
    ),
    "django_model_": (
        "For the models that [OPS_METRICS_MODELS](settings.md#ops_metrics_models) names. Rows that are written"
        " without Django's signals (`bulk_create`, `QuerySet.update`) are not counted."
    ),
    "django_migrations_": (
        "Looked up by the process that is scraped, once a minute; of several processes the highest number is shown,"
        " and one that is older than ten minutes by none. Of a database with a router, only migrations of apps that it"
        " lets in count; without one, a second database that was never migrated is left out, unless"
        " [OPS_READYZ_CHECKS](settings.md#ops_readyz_checks) names it (`migrations:other`). Off with"
        " [OPS_METRICS_MIGRATIONS](settings.md#ops_metrics_migrations)."
    ),
    "django_ops_celery_": "From Celery workers, which are scraped by themselves: [how to](../how-to/celery.md).",
}


def metrics_markdown() -> str:
    """Return the docs page."""
    parts = [NOTICE, _INTRODUCTION]
    for prefix, heading in _PARTS.items():
        parts.append(f"\n## {heading}\n\n")
        if prefix in _NOTES:
            parts.append(f"{_NOTES[prefix]}\n\n")
        parts.append("| metric | type | labels | meaning |\n|---|---|---|---|\n")
        parts += [_row(family) for family in _of(prefix)]
    return "".join(parts)


def _of(prefix: str) -> Iterator[Family]:
    for name, family in FAMILIES.items():
        if max((each for each in _PARTS if name.startswith(each)), key=len) == prefix:
            yield family


def _row(family: Family) -> str:
    kind = family.kind
    if isinstance(family, Gauge):
        kind += ", highest of all processes" if family.merge is max else ", sum of all processes"
    elif isinstance(family, Histogram):
        kind += " of seconds" if family.has_latency_bounds else " of bytes"
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f'| <a id="{family.name}"></a>`{family.name}` | {kind} | {labels} | {family.help_text} |\n'


ARTEFACTS = {"docs/reference/metrics.md": metrics_markdown}
