"""A request's line from fragments is, byte for byte, the line that is encoded whole."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ops.logs import fragments
from django_ops.logs.encode import encode
from django_ops.logs.formatter import line_of_request
from django_ops.logs.line import LEVELS, request_line
from django_ops.logs.records import REQUEST_LOGGER
from django_ops.logs.service import origin
from django_ops.record.identity import Identity, new_identity
from django_ops.record.outcome import Outcome
from django_ops.record.request import RequestRecord
from tests.unit.logs.examples import ORIGIN, REQUEST, STARTED_AT
from tests.unit.logs.secrets import ALL

texts = st.one_of(
    st.text(st.characters(max_codepoint=0x7E), max_size=40),
    st.text(max_size=40),  # surrogates too
    st.sampled_from(["", "/", '"', "\\", "{}", "%s", "\x00", "\x1f", "\x7f", "é", "\u2028", "\ud800", "x" * 20_000]),
    st.sampled_from(ALL).map(str),
)
numbers = st.integers(0, 2**53)

requests = st.builds(
    RequestRecord,
    identity=st.builds(new_identity),
    started_at=st.floats(0, 2**32, allow_nan=False),
    duration_ns=numbers,
    first_byte_ns=numbers,
    queue_ns=st.none() | numbers,
    outcome=st.sampled_from(list(Outcome)),
    method=st.sampled_from(["GET", "POST", "_OTHER"]),
    scheme=st.sampled_from(["http", "https"]),
    path=texts,
    query=texts,
    route=st.none() | texts,
    view=texts,
    status=st.integers(0, 9999),
    request_bytes=numbers,
    response_bytes=numbers,
    streaming=st.booleans(),
    charset=st.just("utf-8"),
    template=st.none(),
    ajax=st.booleans(),
    client_address=texts,
    user_agent=texts,
    user_id=st.none() | texts,
    db_count=numbers,
    db_duration_ns=numbers,
    error=st.none(),
)


def whole(record, level=logging.INFO, where=ORIGIN):
    when = record.started_at + record.duration_ns * 1e-9
    return encode(request_line(record, where, when, LEVELS[level], REQUEST_LOGGER))


def from_fragments(record, level=logging.INFO, where=ORIGIN):
    return fragments.plain_line(record, where, level)


@given(requests, st.sampled_from(list(LEVELS)))
def test_line__is_the_line_that_is_encoded_whole(record, level):
    when = record.started_at + record.duration_ns * 1e-9
    assert line_of_request(record, level) == encode(request_line(record, origin(), when, LEVELS[level], REQUEST_LOGGER))


@given(requests)
def test_fragments__are_the_same_or_nothing(record):
    when = record.started_at + record.duration_ns * 1e-9
    line = from_fragments(record)
    assert line is None or line == encode(request_line(record, ORIGIN, when, "info", REQUEST_LOGGER), 10**9)


FULL = REQUEST._replace(query="page=2", queue_ns=3_000, streaming=True, user_id="17", db_count=0)
EMPTY = REQUEST._replace(route=None, view="", client_address="", user_agent="", path="/")


@pytest.mark.parametrize("record", [REQUEST, FULL, EMPTY, REQUEST._replace(route="")])
@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING, logging.ERROR])
def test_fragments__are_used_for_plain_requests(record, level):
    assert from_fragments(record, level) == whole(record, level)


@pytest.mark.parametrize("field", ["path", "query", "user_agent", "client_address", "user_id", "route", "view"])
@pytest.mark.parametrize("text", ['say "hi"', "back\\slash", "a\ttab\nand\x01", "Bearer abcdefghij0123456789"])
def test_fragments__escape_and_mask(field, text):
    record = REQUEST._replace(**{field: text})
    assert from_fragments(record) == whole(record)


@pytest.mark.parametrize("text", ["é", "\x7f", "\u2028", "\u202e", "日本", "\ud800"])
def test_fragments__leave_characters_to_the_encoder(text):
    assert from_fragments(REQUEST._replace(path=text)) is None


def test_line__of_a_lone_surrogate_is_told():
    assert b'"format_error":"lone surrogate"' in line_of_request(REQUEST._replace(path="\ud800"), 20)


def test_line__that_is_too_long_is_shortened():
    assert len(line_of_request(REQUEST._replace(path="/" + "x" * 30_000), 20, 4096)) <= 4096


def test_head__is_that_of_the_process():
    other = ORIGIN._replace(process={"pid": 4712})
    from_fragments(REQUEST)
    assert from_fragments(REQUEST, where=other) == whole(REQUEST, where=other)
    assert from_fragments(REQUEST) == whole(REQUEST)


def test_memory__is_bounded():
    for number in range(5000):
        from_fragments(REQUEST._replace(route=f"r{number}", user_agent=f"u{number}"))
    assert len(fragments._known[1]) <= 2048
    assert len(fragments._parts_of_user_agents) <= 1024


def test_identity__is_in_the_line():
    record = REQUEST._replace(identity=Identity("a-b_c.d", "1" * 32, "2" * 16), started_at=STARTED_AT)
    assert b'"http":{"request":{"method":"GET","id":"a-b_c.d"' in from_fragments(record)
