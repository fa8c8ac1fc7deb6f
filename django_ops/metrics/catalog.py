"""Every metric, in one table. The first part has the names, labels and types of django-prometheus."""

from __future__ import annotations

from django_ops.metrics import store as stores
from django_ops.metrics.families import Counter, Family, Gauge, Histogram, registry

#: What django-prometheus calls a view without a name, and dashboards filter by.
UNNAMED_VIEW = "<unnamed view>"
#: What it calls a verb that it does not know.
INVALID_METHOD = "<invalid method>"

#: Upper bounds in bytes: 0 and the powers of 2 up to half a gibibyte, as in django-prometheus.
BODY_BOUNDS_BYTES = (0.0, *(float(2**exponent) for exponent in range(30)))

# Requests ------------------------------------------------------------------------------------------------------

REQUESTS_BEFORE = Counter(
    "django_http_requests_before_middlewares_total", "Requests that reached the outermost middleware."
)
RESPONSES_BEFORE = Counter(
    "django_http_responses_before_middlewares_total", "Responses that left the outermost middleware."
)
LATENCY_ALL = Histogram(
    "django_http_requests_latency_including_middlewares_seconds",
    "Time until the response was ready, or its first byte where it is a stream.",
)
UNKNOWN_LATENCY_ALL = Counter(
    "django_http_requests_unknown_latency_including_middlewares_total",
    "Requests of unknown latency; always 0, as the outermost middleware sees each request begin.",
)
LATENCY_BY_VIEW = Histogram(
    "django_http_requests_latency_seconds_by_view_method",
    "Time until the response was ready, or its first byte where it is a stream, by view.",
    ("view", "method"),
)
UNKNOWN_LATENCY = Counter("django_http_requests_unknown_latency_total", "Requests of unknown latency; always 0.")
AJAX = Counter("django_http_ajax_requests_total", "Requests with X-Requested-With: XMLHttpRequest.")
REQUESTS_BY_METHOD = Counter("django_http_requests_total_by_method_total", "Requests by method.", ("method",))
REQUESTS_BY_TRANSPORT = Counter(
    "django_http_requests_total_by_transport_total", "Requests by transport, http or https.", ("transport",)
)
REQUESTS_BY_VIEW = Counter(
    "django_http_requests_total_by_view_transport_method_total",
    "Requests that found a view, by view, transport and method.",
    ("view", "transport", "method"),
)
REQUEST_BYTES = Histogram("django_http_requests_body_total_bytes", "Size of request bodies.", bounds=BODY_BOUNDS_BYTES)
RESPONSES_BY_TEMPLATE = Counter(
    "django_http_responses_total_by_templatename_total", "Template responses by template name.", ("templatename",)
)
RESPONSES_BY_STATUS = Counter(
    "django_http_responses_total_by_status_total", "Responses by status; 499: the client left.", ("status",)
)
RESPONSES_BY_VIEW = Counter(
    "django_http_responses_total_by_status_view_method_total",
    "Responses by status, view and method.",
    ("status", "view", "method"),
)
RESPONSE_BYTES = Histogram(
    "django_http_responses_body_total_bytes", "Size of response bodies, streams included.", bounds=BODY_BOUNDS_BYTES
)
RESPONSES_BY_CHARSET = Counter("django_http_responses_total_by_charset_total", "Responses by charset.", ("charset",))
RESPONSES_STREAMING = Counter("django_http_responses_streaming_total", "Streaming responses.")
EXCEPTIONS_BY_TYPE = Counter("django_http_exceptions_total_by_type_total", "Unhandled exceptions by type.", ("type",))
EXCEPTIONS_BY_VIEW = Counter("django_http_exceptions_total_by_view_total", "Unhandled exceptions by view.", ("view",))

# Databases, caches, models, migrations -------------------------------------------------------------------------

DB_CONNECTIONS = Counter("django_db_new_connections_total", "Connections opened.", ("alias", "vendor"))
DB_CONNECTION_ERRORS = Counter(
    "django_db_new_connection_errors_total", "Connections that could not be opened.", ("alias", "vendor")
)
DB_EXECUTE = Counter(
    "django_db_execute_total", "Statements executed; one per row of an executemany.", ("alias", "vendor")
)
DB_EXECUTE_MANY = Counter(
    "django_db_execute_many_total", "Rows of statements executed by executemany.", ("alias", "vendor")
)
DB_ERRORS = Counter("django_db_errors_total", "Statements that failed, by exception.", ("alias", "vendor", "type"))
DB_DURATION = Histogram("django_db_query_duration_seconds", "Duration of statements.", ("alias", "vendor"))

CACHE_GET = Counter("django_cache_get_total", "Keys looked up, by cache alias.", ("backend",))
CACHE_HITS = Counter("django_cache_get_hits_total", "Keys that were found.", ("backend",))
CACHE_MISSES = Counter("django_cache_get_misses_total", "Keys that were not found.", ("backend",))
CACHE_FAILURES = Counter("django_cache_get_fail_total", "Look-ups that raised.", ("backend",))

MODEL_INSERTS = Counter("django_model_inserts_total", "Rows inserted through the ORM's save.", ("model",))
MODEL_UPDATES = Counter("django_model_updates_total", "Rows updated through the ORM's save.", ("model",))
MODEL_DELETES = Counter("django_model_deletes_total", "Rows deleted through the ORM's delete.", ("model",))

MIGRATIONS_APPLIED = Gauge(
    "django_migrations_applied_total",
    "Migrations recorded as applied.",
    ("connection",),
    merge="max",
    expires_seconds=600.0,
)
MIGRATIONS_UNAPPLIED = Gauge(
    "django_migrations_unapplied_total",
    "Migrations that wait to be applied.",
    ("connection",),
    merge="max",
    expires_seconds=600.0,
)

# Ours ----------------------------------------------------------------------------------------------------------

IN_PROGRESS = Gauge("django_ops_http_requests_in_progress", "Requests whose body has not been closed yet.")
REQUESTS = Counter(
    "django_ops_http_requests_total",
    "Requests by outcome: ok, redirect, unrouted, exception, stream, disconnect or cancelled.",
    ("outcome",),
)
QUEUE_SECONDS = Histogram(
    "django_ops_http_request_queue_seconds",
    "Time between X-Request-Start of a trusted proxy and the outermost middleware.",
)
STREAM_SECONDS = Histogram(
    "django_ops_http_stream_duration_seconds", "Time until the body of a stream was closed, by view.", ("view",)
)
STREAM_FIRST_BYTE_SECONDS = Histogram(
    "django_ops_http_stream_first_byte_seconds", "Time until the first byte of a stream, by view.", ("view",)
)
STREAM_BYTES = Counter(
    "django_ops_http_stream_bytes_total", "Bytes of streams that were handed to the server, by view.", ("view",)
)
QUERIES_BY_VIEW = Counter(
    "django_ops_http_db_queries_total", "Database statements within requests, by view.", ("view",)
)

CACHE_SECONDS = Histogram(
    "django_ops_cache_operation_duration_seconds", "Duration of cache operations.", ("alias", "operation")
)
CACHE_ERRORS = Counter(
    "django_ops_cache_errors_total", "Cache operations that raised, by exception.", ("alias", "operation", "type")
)

TASKS = Counter(
    "django_ops_celery_tasks_total",
    "Runs of tasks by outcome: success, failure, retry, revoked or rejected.",
    ("task", "outcome"),
)
TASK_SECONDS = Histogram("django_ops_celery_task_duration_seconds", "Duration of task runs.", ("task",))
TASK_QUEUE_SECONDS = Histogram(
    "django_ops_celery_task_queue_seconds", "Time between publishing and start of tasks.", ("task",)
)
TASKS_IN_PROGRESS = Gauge("django_ops_celery_tasks_in_progress", "Tasks that are running.")

READY = Gauge("django_ops_ready", "Whether this application last answered that it is ready.", merge="max")
READINESS_FAILURES = Counter("django_ops_readiness_failures_total", "Readiness checks that failed.", ("check",))

LOG_RECORDS_DROPPED = Counter(
    "django_ops_log_records_dropped_total", "Log lines that were lost, by reason.", ("reason",)
)
RECORDS_LOST = Counter(
    "django_ops_records_lost_total", "Finished requests or tasks that a sink could not take.", ("sink",)
)
VALUES_FOLDED = Counter(
    "django_ops_metric_values_folded_total",
    "Observations whose label value was beyond OPS_METRICS_LABEL_LIMIT and counted as __other__.",
    ("metric", "label"),
)
STORAGE_ERRORS = Counter(
    stores.STORAGE_ERRORS,
    "Observations that the slot's file had no room for, and processes that count in memory as they cannot use it.",
)

SIGN_IN_FAILURES = Counter(
    "django_ops_sign_in_failures_total",
    "Sign-ins with a password that failed: wrong, or refused before it was looked at.",
    ("reason",),
)

GATE_DECISIONS = Counter(
    "ops_gate_decisions_total", "What became of requests for the internal UIs, by UI.", ("service", "decision")
)

GATE_UPSTREAM_ERRORS = Counter(
    "ops_gate_upstream_errors_total",
    "Requests that the proxy could not carry: unreachable, timeout, refused, bad-answer or broken-off, by UI.",
    ("service", "error"),
)
GATE_WEBSOCKETS = Gauge("ops_gate_websockets_open", "Websockets that the proxy holds open, by UI.", ("service",))

#: The table itself: every family by its exposed name.
FAMILIES: dict[str, Family] = registry
