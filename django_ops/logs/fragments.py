"""The same bytes as `encode(request_line(...))`, at half the cost: requests of one kind share most of their line."""

from __future__ import annotations

from json import encoder

import orjson

from django_ops.logs.fields import ECS_VERSION, REQUEST_DATASET
from django_ops.logs.line import LEVELS, Origin, masked_user_agents, timestamp
from django_ops.logs.records import REQUEST_LOGGER
from django_ops.record.outcome import Outcome, event_outcome
from django_ops.record.redaction import mask_text, until_configured
from django_ops.record.request import RequestRecord
from django_ops.remembered import Remembered

# as orjson writes a string: both escape what RFC 8259 (7) asks for, in the same way
_quoted = encoder.c_encode_basestring or encoder.py_encode_basestring  # type: ignore[attr-defined]

_DELETE = "\x7f"

#: What the lines of requests of one kind share: the texts between what differs.
_Texts = tuple[str, ...]

#: Routes, methods and statuses are few; bounded, as an application may invent statuses.
_MOST_KINDS = 2048

#: An origin, and the texts of its kinds: a forked process, or another setting, has others.
_known: tuple[Origin | None, dict[tuple[object, ...], _Texts]] = (None, {})


def plain_line(record: RequestRecord, origin: Origin, level: int) -> bytes | None:
    """Return the line of a request that raised nothing; None where some of its characters must not be shown as is.

    Raises ValueError or OverflowError when there is no such time, as `timestamp` does.
    """
    (
        (request_id, trace_id, span_id), started_at, duration_ns, first_byte_ns, queue_ns, outcome, method, scheme,
        path, query, route, view, status, request_bytes, response_bytes, streaming, _, _, _, client_address,
        user_agent, user_id, db_count, db_duration_ns, _,
    ) = record  # fmt: skip
    key = (level, route, view, method, scheme, status, outcome)
    known_origin, kinds = _known
    texts = (kinds.get(key) if known_origin is origin else None) or _make_texts(origin, *key)
    to_path, to_milliseconds, to_duration, to_id, to_response_bytes, to_url, to_trace, to_db, to_rest = texts
    shown_path, url_path = _quoted_paths[path]
    rest = f',"queue_duration":{queue_ns}' if queue_ns is not None else ""
    if streaming:
        rest = f'{rest},"first_byte_duration":{first_byte_ns}'
    rest += "}"
    if client_address:
        rest = f'{rest},"client":{{"address":{_quoted(client_address)}}}'
    if user_agent:
        rest += _parts_of_user_agents[user_agent]
    if user_id is not None:
        rest = f'{rest},"user":{{"id":{_quoted(user_id)}}}'
    if query:
        to_trace = f'{to_trace},"query":{_quoted(mask_text(query))}'
    when = timestamp(started_at + duration_ns * 1e-9)
    text = (
        f'{{"@timestamp":"{when}{to_path}{shown_path}{to_milliseconds}{duration_ns // 1_000_000}'
        f'{to_duration}{duration_ns}{to_id}{request_id}","body":{{"bytes":{request_bytes}{to_response_bytes}'
        f'{response_bytes}{to_url}{url_path}{to_trace}}},"trace":{{"id":"{trace_id}"}},"span":{{"id":"{span_id}'
        f'{to_db}{db_count},"duration":{db_duration_ns}{to_rest}{rest}}}\n'
    )
    return text.encode() if text.isascii() and _DELETE not in text else None


def _make_texts(
    origin: Origin, level: int, route: str | None, view: str, method: str, scheme: str, status: int, outcome: Outcome
) -> _Texts:
    """Return what the lines of requests of one kind share, and remember it."""
    global _known
    known_origin, kinds = _known
    if known_origin is not origin or len(kinds) >= _MOST_KINDS:
        kinds = {}
        _known = (origin, kinds)
    service, process, place = (orjson.dumps(part).decode() for part in origin)
    texts = kinds[level, route, view, method, scheme, status, outcome] = (
        f'","log.level":"{LEVELS[level]}","message":"{method} ',
        f" {status} ",
        f'ms","ecs.version":"{ECS_VERSION}","log.logger":"{REQUEST_LOGGER}","service":{service},'
        f'"event":{{"dataset":"{REQUEST_DATASET}","duration":',
        f',"outcome":"{event_outcome(outcome, status)}"}},"http":{{"request":{{"method":{_quoted(method)},"id":"',
        f'}}}},"response":{{"status_code":{status},"body":{{"bytes":',
        f'}}}}{f""","route":{_quoted(route)}""" if route is not None else ""}}},"url":{{"path":',
        f',"scheme":{_quoted(scheme)}',
        f'"}},"process":{process},"django":{{"process":{place},"outcome":"{outcome._value_}","db":{{"count":',
        f'}}{f""","view":{_quoted(view)}""" if view else ""}',
    )
    return texts


def _quote_path(path: str) -> tuple[str, str]:
    """Return a path as it stands within a text, and as a text of its own, with secrets masked."""
    quoted = _quoted(mask_text(path))
    return quoted[1:-1], quoted


def _part_of_user_agent(text: str) -> str:
    return f',"user_agent":{{"original":{_quoted(masked_user_agents[text])}}}'


_quoted_paths = until_configured(Remembered(_quote_path, longest=255))
_parts_of_user_agents = until_configured(Remembered(_part_of_user_agent))
