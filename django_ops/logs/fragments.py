"""The same bytes as `encode(request_line(...))`, at half the cost: requests of one kind share most of their line."""

from __future__ import annotations

from functools import lru_cache
from json import encoder

import orjson

from django_ops.logs.fields import ECS_VERSION, REQUEST_DATASET
from django_ops.logs.line import Origin, mask_user_agent, timestamp
from django_ops.logs.records import REQUEST_LOGGER
from django_ops.record.outcome import Outcome, event_outcome
from django_ops.record.redaction import mask_text
from django_ops.record.request import RequestRecord

# as orjson writes a string: both escape what RFC 8259 (7) asks for, in the same way
_quoted = encoder.c_encode_basestring or encoder.py_encode_basestring  # type: ignore[attr-defined]

_DELETE = "\x7f"

_Head = tuple[str, str, str]

#: An origin, and the heads of its lines by level: a forked process, or another setting, has others.
_known: tuple[Origin | None, dict[str, _Head]] = (None, {})


def plain_line(record: RequestRecord, origin: Origin, when: float, level: str) -> bytes | None:
    """Return the line of a request that raised nothing; None where some of its characters must not be shown as is.

    Raises ValueError or OverflowError when there is no such time, as `timestamp` does.
    """
    (
        (request_id, trace_id, span_id), _, duration_ns, first_byte_ns, queue_ns, outcome, method, scheme, path,
        query, route, view, status, request_bytes, response_bytes, streaming, _, _, _, client_address, user_agent,
        user_id, db_count, db_duration_ns, _,
    ) = record  # fmt: skip
    known_origin, heads = _known
    head = heads.get(level) if known_origin is origin else None
    after_time, before_duration, process = head or _head(origin, level)
    event, response, after_bytes, after_path, before_db, after_db = _kind(route, view, method, scheme, status, outcome)
    url_path = _quoted(mask_text(path))
    url_query = f',"query":{_quoted(mask_text(query))}' if query else ""
    rest = f',"queue_duration":{queue_ns}' if queue_ns is not None else ""
    if streaming:
        rest = f'{rest},"first_byte_duration":{first_byte_ns}'
    rest += "}"
    if client_address:
        rest = f'{rest},"client":{{"address":{_quoted(client_address)}}}'
    if user_agent:
        rest += _user_agent(user_agent)
    if user_id is not None:
        rest = f'{rest},"user":{{"id":{_quoted(user_id)}}}'
    text = (
        f'{{"@timestamp":"{timestamp(when)}{after_time}{method} {url_path[1:-1]} {status} {duration_ns // 1_000_000}ms'
        f'{before_duration}{duration_ns}{event}{request_id}","body":{{"bytes":{request_bytes}{response}{response_bytes}'
        f'{after_bytes}{url_path}{after_path}{url_query}}},"trace":{{"id":"{trace_id}"}},"span":{{"id":"{span_id}"}}'
        f'{process}{before_db}{db_count},"duration":{db_duration_ns}{after_db}{rest}}}\n'
    )
    return text.encode() if text.isascii() and _DELETE not in text else None


def _head(origin: Origin, level: str) -> _Head:
    """Return what the lines of one process and level share."""
    global _known
    known_origin, heads = _known
    if known_origin is not origin:
        heads = {}
        _known = (origin, heads)
    service, process, place = (orjson.dumps(part).decode() for part in origin)
    head = heads[level] = (
        f'","log.level":"{level}","message":"',
        f'","ecs.version":"{ECS_VERSION}","log.logger":"{REQUEST_LOGGER}","service":{service},'
        f'"event":{{"dataset":"{REQUEST_DATASET}","duration":',
        f',"process":{process},"django":{{"process":{place}',
    )
    return head


@lru_cache(maxsize=2048)  # routes, methods and statuses are few; bounded, as an application may invent statuses
def _kind(
    route: str | None, view: str, method: str, scheme: str, status: int, outcome: Outcome
) -> tuple[str, str, str, str, str, str]:
    """Return what the lines of requests of one kind share."""
    return (
        f',"outcome":"{event_outcome(outcome, status)}"}},"http":{{"request":{{"method":{_quoted(method)},"id":"',
        f'}}}},"response":{{"status_code":{status},"body":{{"bytes":',
        f'}}}}{f""","route":{_quoted(route)}""" if route is not None else ""}}},"url":{{"path":',
        f',"scheme":{_quoted(scheme)}',
        f',"outcome":"{outcome._value_}","db":{{"count":',
        f'}}{f""","view":{_quoted(view)}""" if view else ""}',
    )


@lru_cache(maxsize=1024)  # clients are few kinds of browsers, or hostile: then the bound matters
def _user_agent(text: str) -> str:
    return f',"user_agent":{{"original":{_quoted(mask_user_agent(text))}}}'
