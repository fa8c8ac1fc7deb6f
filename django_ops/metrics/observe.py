"""A finished record becomes numbers: one observation in each metric, under one lock."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from django_ops.metrics import catalog
from django_ops.metrics import store as stores
from django_ops.metrics.families import OTHER, Family, on_fold, together
from django_ops.metrics.store import Store
from django_ops.record.outcome import Outcome
from django_ops.record.request import OTHER_METHOD, RequestRecord
from django_ops.record.task import TaskRecord

_SECONDS = 1e-9
_IN_PROGRESS = (catalog.IN_PROGRESS.name,)
_SIZES = catalog.BODY_BOUNDS_BYTES
_SIZES_SUM = len(_SIZES) + 1  # where the sum of a histogram of sizes lies


class _Cell(NamedTuple):
    """Where the numbers of requests of one kind lie in the store."""

    counters: int
    in_progress: int
    latency_bounds: tuple[float, ...]
    latencies: int
    request_bytes: int
    response_bytes: int
    queue: int
    queries: int
    more: tuple[tuple[int, ...], tuple[int, ...]] | None  # counters and latencies that had no room together


def request_began() -> None:
    """Count a request as in progress, until `observe_request` gets its record."""
    store = stores.active()
    offset = store.offsets.get(_IN_PROGRESS)
    if offset is None:
        offset = catalog.IN_PROGRESS.offset(store)
    with store.lock:
        store.buffer[offset] += 1.0


def observe_request(record: RequestRecord) -> None:
    """Count a finished request."""
    store = stores.active()
    cells = store.caches.get("requests")
    if cells is None:
        cells = store.cache("requests")
    (
        _, _, _, first_byte_ns, queue_ns, outcome, method, scheme, _, _, _, view, status, request_bytes,
        response_bytes, streaming, charset, template, ajax, _, _, _, db_count, _, error,
    ) = record  # fmt: skip
    key = (view, method, scheme, status, charset, template, outcome, ajax, streaming)
    cell = cells.get(key) or _request_cell(store, record, key)
    counters, in_progress, bounds, latencies, request_sizes, response_sizes, queue, queries, more = cell
    first_byte_seconds = first_byte_ns * _SECONDS
    latency_bucket = bisect_left(bounds, first_byte_seconds)
    latency_sum = len(bounds) + 1
    with store.lock:
        buffer = store.buffer
        buffer[counters] += 1.0
        # it began in another process when the view forked, and there it is still counted
        running = buffer[in_progress] - 1.0
        buffer[in_progress] = running if running > 0.0 else 0.0
        buffer[latencies + latency_bucket] += 1.0
        buffer[latencies + latency_sum] += first_byte_seconds
        buffer[request_sizes + (bisect_left(_SIZES, request_bytes) if request_bytes else 0)] += 1.0
        buffer[response_sizes + bisect_left(_SIZES, response_bytes)] += 1.0
        buffer[response_sizes + _SIZES_SUM] += response_bytes
        if request_bytes:
            buffer[request_sizes + _SIZES_SUM] += request_bytes
        if more is not None:
            for offset in more[0]:
                buffer[offset] += 1.0
            for offset in more[1]:
                buffer[offset + latency_bucket] += 1.0
                buffer[offset + latency_sum] += first_byte_seconds
        if db_count:
            buffer[queries] += db_count
        if queue_ns is not None:
            queue_seconds = queue_ns * _SECONDS
            buffer[queue + bisect_left(bounds, queue_seconds)] += 1.0
            buffer[queue + latency_sum] += queue_seconds
    if streaming or error is not None:
        _observe_rare(record)


def _request_cell(store: Store, record: RequestRecord, key: tuple[object, ...]) -> _Cell:
    """Find the numbers of requests like `record`, and remember them unless a label value was folded."""
    view = record.view or catalog.UNNAMED_VIEW
    method = catalog.INVALID_METHOD if record.method == OTHER_METHOD else record.method
    is_status = 100 <= record.status <= 599  # Django lets an application assign any other number
    status = str(record.status) if is_status else OTHER
    counted: list[tuple[Family, tuple[str, ...]]] = [
        (catalog.REQUESTS_BEFORE, ()),
        (catalog.RESPONSES_BEFORE, ()),
        (catalog.REQUESTS, (record.outcome,)),
        (catalog.REQUESTS_BY_METHOD, (method,)),
        (catalog.REQUESTS_BY_TRANSPORT, (record.scheme,)),
        (catalog.RESPONSES_BY_STATUS, (status,)),
        (catalog.RESPONSES_BY_VIEW, (status, view, method)),
    ]
    if record.view:
        counted.append((catalog.REQUESTS_BY_VIEW, (view, record.scheme, method)))
    if record.charset:
        counted.append((catalog.RESPONSES_BY_CHARSET, (record.charset,)))
    if record.template is not None:
        counted.append((catalog.RESPONSES_BY_TEMPLATE, (record.template,)))
    if record.ajax:
        counted.append((catalog.AJAX, ()))
    if record.streaming:
        counted.append((catalog.RESPONSES_STREAMING, ()))
    counters, *more_counters = together(store, *counted)
    latencies, *more_latencies = together(store, (catalog.LATENCY_ALL, ()), (catalog.LATENCY_BY_VIEW, (view, method)))
    cell = _Cell(
        counters=counters,
        in_progress=catalog.IN_PROGRESS.offset(store),
        latency_bounds=catalog.LATENCY_ALL.bounds,
        latencies=latencies,
        request_bytes=catalog.REQUEST_BYTES.offset(store),
        response_bytes=catalog.RESPONSE_BYTES.offset(store),
        queue=catalog.QUEUE_SECONDS.offset(store),
        queries=catalog.QUERIES_BY_VIEW.offset(store, view),
        more=(tuple(more_counters), tuple(more_latencies)) if more_counters or more_latencies else None,
    )
    # a folded value must be counted as folded each time, and invented ones must not fill the memory
    counted += [(catalog.LATENCY_BY_VIEW, (view, method)), (catalog.QUERIES_BY_VIEW, (view,))]
    if not is_status:
        on_fold(catalog.RESPONSES_BY_STATUS.name, "status")
    elif all(family.is_known(store, *values) for family, values in counted):
        store.cache("requests")[key] = cell
    return cell


def _observe_rare(record: RequestRecord) -> None:
    view = record.view or catalog.UNNAMED_VIEW
    if record.streaming:
        catalog.STREAM_SECONDS.observe(record.duration_ns * _SECONDS, view)
        catalog.STREAM_FIRST_BYTE_SECONDS.observe(record.first_byte_ns * _SECONDS, view)
        catalog.STREAM_BYTES.inc(view, amount=record.response_bytes)
    if record.outcome is Outcome.EXCEPTION:
        catalog.EXCEPTIONS_BY_TYPE.inc(type(record.error).__name__)
        catalog.EXCEPTIONS_BY_VIEW.inc(view)


def count_running_tasks(change: int) -> None:
    """Count tasks that begin, or with a negative number those that end."""
    catalog.TASKS_IN_PROGRESS.inc(amount=change)


def observe_task(record: TaskRecord) -> None:
    """Count a finished run of a task."""
    catalog.TASKS.inc(record.name, record.outcome)
    if record.duration_ns:  # else it was revoked or rejected before it began
        catalog.TASK_SECONDS.observe(record.duration_ns * _SECONDS, record.name)
    if record.queue_ns is not None:
        catalog.TASK_QUEUE_SECONDS.observe(record.queue_ns * _SECONDS, record.name)
