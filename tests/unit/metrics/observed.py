"""Records as the middleware makes them, and the exposition as a scraper reads it."""

from prometheus_client.parser import text_string_to_metric_families

from django_ops.metrics import exposition, observe
from django_ops.record.identity import new_identity
from django_ops.record.outcome import Outcome
from django_ops.record.request import RequestRecord
from django_ops.record.task import TaskOutcome, TaskRecord

_REQUEST = {
    "started_at": 1_700_000_000.0,
    "duration_ns": 20_000_000,
    "first_byte_ns": 20_000_000,
    "queue_ns": None,
    "outcome": Outcome.OK,
    "method": "GET",
    "scheme": "http",
    "path": "/items/1/",
    "query": "",
    "route": "items/<int:pk>/",
    "view": "item",
    "status": 200,
    "request_bytes": 0,
    "response_bytes": 100,
    "streaming": False,
    "charset": "utf-8",
    "template": None,
    "ajax": False,
    "client_address": "192.0.2.1",
    "user_agent": "",
    "user_id": None,
    "db_count": 0,
    "db_duration_ns": 0,
    "error": None,
}

_TASK = {
    "started_at": 1_700_000_000.0,
    "task_id": "1",
    "name": "shop.send",
    "queue": "celery",
    "attempt": 0,
    "queue_ns": None,
    "duration_ns": 20_000_000,
    "outcome": TaskOutcome.SUCCESS,
    "db_count": 0,
    "db_duration_ns": 0,
    "error": None,
}


def request(**changes) -> RequestRecord:
    return RequestRecord(identity=new_identity(), **{**_REQUEST, **changes})


def task(**changes) -> TaskRecord:
    return TaskRecord(identity=new_identity(), **{**_TASK, **changes})


def serve(**changes) -> None:
    """Count one request from its beginning to its end."""
    observe.request_began()
    observe.observe_request(request(**changes))


def exposed() -> str:
    """Return the exposition in the text format."""
    return exposition.expose("", "", [])[0].decode()


def series(text: str | None = None) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every sample of an exposition, ours of now by default, by its name and labels."""
    families = text_string_to_metric_families(exposed() if text is None else text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(sample: str, **labels: str) -> float | None:
    """Return the value of one sample of the exposition; None when it is not there."""
    return series().get((sample, tuple(sorted(labels.items()))))


def labels_of(sample: str, label: str) -> set[str]:
    """Return the values that `label` has in the samples of this name."""
    return {dict(labels)[label] for name, labels in series() if name == sample}


def look_ups(alias: str) -> tuple[float, ...]:
    """Return keys looked up, found, not found, and look-ups that raised."""
    return tuple(
        value(f"django_cache_get{what}_total", backend=alias) or 0.0 for what in ("", "_hits", "_misses", "_fail")
    )


def timed(alias: str) -> set[tuple[str, float]]:
    """Return each operation that was timed, and how often."""
    name = "django_ops_cache_operation_duration_seconds_count"
    return {(operation, value(name, alias=alias, operation=operation)) for operation in labels_of(name, "operation")
            if value(name, alias=alias, operation=operation)}  # fmt: skip
