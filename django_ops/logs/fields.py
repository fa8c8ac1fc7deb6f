"""The one table of what a log line may hold; the docs page, the JSON Schema and the index template come from it.

Names are those of the Elastic Common Schema where it has one, `http.route` is OpenTelemetry's, and what neither
has lies under `django`. On the line they are nested, but for `log.*` and `ecs.version`, which ecs-logging keeps
as top-level keys with a dot; Elasticsearch and Filebeat take both spellings as the same field.
Source: https://github.com/elastic/ecs-logging/blob/main/spec/spec.json
"""

from __future__ import annotations

from typing import Literal, NamedTuple

#: The version of the Elastic Common Schema that the names follow.
ECS_VERSION = "8.11"

#: The longest line in bytes, with its newline: Docker's json-file driver splits longer ones.
LONGEST_LINE_BYTES = 16_384

#: Values of `event.dataset`: what kind of line it is.
REQUEST_DATASET = "django.request"
TASK_DATASET = "django.task"
LOG_DATASET = "django.log"

Lines = Literal["every", "request", "task", "log"]
JsonType = Literal["string", "integer", "strings by name"]
Mapping = Literal["date", "keyword", "long", "text", "flattened"]


class Field(NamedTuple):
    """One field of a log line."""

    name: str
    lines: Lines  # on which lines it may be; "log" is what an application logs, within a request or not
    always: bool  # whether each of those lines has it
    json_type: JsonType
    mapping: Mapping  # its type in Elasticsearch
    example: str
    description: str
    when: str = ""  # what `always=False` depends on

    @property
    def path(self) -> tuple[str, ...]:
        """The keys that lead to it in the JSON object."""
        first, second, *rest = [*self.name.split("."), ""]
        if first in ("log", "ecs"):
            return (f"{first}.{second}", *rest[:-1])
        return tuple(self.name.split("."))


FIELDS: tuple[Field, ...] = (
    Field("@timestamp", "every", True, "string", "date", "2026-11-21T09:00:00.123Z",
          "When the line was written, UTC with milliseconds. For a request or a task that is its end: its "
          "beginning is `event.duration` earlier."),
    Field("log.level", "every", True, "string", "keyword", "info",
          "`debug`, `info`, `warning`, `error` or `critical`. Of a request: `warning` for 4xx and clients that "
          "left, `error` for 5xx and exceptions."),
    Field("message", "every", True, "string", "text", "GET /orders/17 200 18ms",
          "The text of the line, with secrets masked."),
    Field("ecs.version", "every", True, "string", "keyword", ECS_VERSION,
          "The version of the Elastic Common Schema that the names follow."),
    Field("log.logger", "every", True, "string", "keyword", "django_ops.request", "The name of the logger."),
    Field("service.name", "every", True, "string", "keyword", "shop", "OPS_SERVICE_NAME."),
    Field("service.version", "every", True, "string", "keyword", "1.4.2", "OPS_SERVICE_VERSION."),
    Field("service.environment", "every", True, "string", "keyword", "production", "OPS_ENVIRONMENT."),
    Field("event.dataset", "every", True, "string", "keyword", REQUEST_DATASET,
          f"The kind of line: `{REQUEST_DATASET}`, `{TASK_DATASET}` or `{LOG_DATASET}`."),
    Field("process.pid", "every", True, "integer", "long", "4711", "The process id."),
    Field("django.process.slot", "every", True, "string", "keyword", "0",
          "The slot of the process: `0`, `1`, ... for workers, `main` for a server's master, `command` for a "
          "management command. It stays when a worker is recycled."),
    Field("http.request.id", "every", False, "string", "keyword", "4bf92f3577b34da6a3ce929d0e0e4736",
          "The request's id, also in the response header `X-Request-ID`: made here, or by a proxy of "
          "`OPS_TRUSTED_PROXIES`. Of a task: the id of the request that published it.",
          "within a request or task"),
    Field("trace.id", "every", False, "string", "keyword", "4bf92f3577b34da6a3ce929d0e0e4736",
          "The W3C trace id: the client's where it sent a valid `traceparent`, so that it proves nothing.",
          "within a request or task"),
    Field("span.id", "every", False, "string", "keyword", "00f067aa0ba902b7",
          "The id of the request's or task's own span.",
          "within a request or task"),
    Field("http.request.method", "request", True, "string", "keyword", "GET",
          "The method; `_OTHER` for one that HTTP does not define."),
    Field("http.request.body.bytes", "request", True, "integer", "long", "0",
          "The request's Content-Length; 0 without a body."),
    Field("http.response.status_code", "request", True, "integer", "long", "200",
          "The status; 499 when the client left before the response was complete."),
    Field("http.response.body.bytes", "request", True, "integer", "long", "512",
          "Bytes of the body that were handed to the server."),
    Field("http.route", "request", False, "string", "keyword", "orders/<int:pk>/",
          "The pattern of the URLconf; empty for the root, `/`.",
          "a route matched"),
    Field("url.path", "request", True, "string", "keyword", "/orders/17",
          "The path without the query string, with secrets masked."),
    Field("url.scheme", "request", True, "string", "keyword", "https", "`http` or `https`."),
    Field("url.query", "request", False, "string", "keyword", "page=2",
          "The part of the query string whose keys OPS_LOG_QUERY_KEYS allows.",
          "an allowed key is there"),
    Field("client.address", "request", False, "string", "keyword", "203.0.113.9",
          "The client's address, as far as trusted proxies vouch for it.",
          "the server knows it"),
    Field("user.id", "request", False, "string", "keyword", "42",
          "The primary key of the signed-in user.",
          "the application has loaded the user"),
    Field("user_agent.original", "request", False, "string", "keyword", "curl/8.5.0",
          "The header User-Agent, with secrets masked.",
          "the client sent one"),
    Field("event.duration", "request", True, "integer", "long", "18230000",
          "Nanoseconds until the body was closed. Of a task: until it ended."),
    Field("event.outcome", "request", True, "string", "keyword", "success",
          "`success`, `failure` (5xx, exception), or `unknown` (the client left, cancelled, to be retried)."),
    Field("django.outcome", "request", True, "string", "keyword", "ok",
          "`redirect` (3xx), `unrouted` (404, and no route matched), `exception` (a view or middleware raised), "
          "`stream` (a streamed body that was read to its end), `disconnect` (the client left), `cancelled` (no "
          "response, or one that was never sent), and `ok` for all else: also a 403, a 404 of a view, or a 500 that a "
          "view returned. Whether that is a failure `event.outcome` says."),
    Field("django.view", "request", False, "string", "keyword", "orders:detail",
          "The URL name with its namespace, or the view's dotted path.",
          "a route matched"),
    Field("django.db.count", "request", True, "integer", "long", "4", "How many queries ran."),
    Field("django.db.duration", "request", True, "integer", "long", "6100000",
          "How many nanoseconds they took together."),
    Field("django.queue_duration", "request", False, "integer", "long", "1200000",
          "Nanoseconds in front of the application, from X-Request-Start of a trusted proxy. Of a task: from "
          "publishing to start.",
          "it is known"),
    Field("django.first_byte_duration", "request", False, "integer", "long", "2500000",
          "Nanoseconds until the first byte of the body.",
          "the response is streamed"),
    Field("django.task.id", "task", True, "string", "keyword", "b8d9d2a4-0c5c-4a52-9b6b-0e3f3f1f2a11",
          "The task's id."),
    Field("django.task.name", "task", True, "string", "keyword", "orders.tasks.send_invoice", "The task's name."),
    Field("django.task.queue", "task", False, "string", "keyword", "celery",
          "The queue that it came from.",
          "it is known"),
    Field("django.task.attempt", "task", True, "integer", "long", "0", "0 for the first run, 1 for the first retry."),
    Field("django.task.outcome", "task", True, "string", "keyword", "success",
          "`success`, `failure`, `retry`, `revoked` or `rejected`."),
    Field("log.origin.file.name", "log", True, "string", "keyword", "views.py", "The source file that logged."),
    Field("log.origin.file.line", "log", True, "integer", "long", "42", "The line in it."),
    Field("log.origin.function", "log", True, "string", "keyword", "detail", "The function."),
    Field("error.type", "every", False, "string", "keyword", "orders.errors.OutOfStock",
          "The class of the exception.",
          "there is an exception"),
    Field("error.message", "every", False, "string", "text", "no more of 17",
          "Its text, with secrets masked.",
          "there is an exception"),
    Field("error.stack_trace", "every", False, "string", "text", "Traceback (most recent call last): ...",
          "The traceback with causes, contexts and groups; both ends are kept when it is long. Never the values "
          "of variables.",
          "there is an exception"),
    Field("error.stack_hash", "every", False, "string", "keyword", "a3f1c05d9be27716",
          "The same for exceptions of the same type that came the same way, whatever the line numbers: to group "
          "by.",
          "there is an exception"),
    Field("labels", "every", False, "strings by name", "flattened", '{"order": "17"}',
          "What was passed in `extra=`, each value as a string, nested names joined by dots. `format_error` "
          "says what could not be shown, `format_cut` names what was shortened: a message of more than 8,192 "
          "characters, a label of more than 4,096, the longest texts of a line of more than 16 KiB.",
          "`extra=` was used, or something could not be shown in full"),
)  # fmt: skip

#: Fields that lines of tasks share with those of requests, beside what every line has.
ALSO_ON_TASKS = frozenset(
    ("event.duration", "event.outcome", "django.db.count", "django.db.duration", "django.queue_duration")
)
