import ctypes
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ops.record import identity
from django_ops.record.identity import Identity, accept_identity, new_identity, parse_traceparent
from tests.each import each

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"

#: From the specification and its validation suite, https://github.com/w3c/trace-context/tree/main/test
VALID = [
    TRACEPARENT,
    f"00-{TRACE_ID}-{SPAN_ID}-00",
    f"00-{TRACE_ID}-{SPAN_ID}-ff",
    f" \t{TRACEPARENT} \t",
    f"cc-{TRACE_ID}-{SPAN_ID}-01",
    f"cc-{TRACE_ID}-{SPAN_ID}-01-what-the-future-will-be-like",
    f"cc-{TRACE_ID}-{SPAN_ID}-01-",
]
INVALID = [
    "",
    "-",
    TRACEPARENT.upper(),
    f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
    f"00-{TRACE_ID}-{SPAN_ID.upper()}-01",
    f"ff-{TRACE_ID}-{SPAN_ID}-01",
    f"FF-{TRACE_ID}-{SPAN_ID}-01",
    f"0-{TRACE_ID}-{SPAN_ID}-01",
    f"000-{TRACE_ID}-{SPAN_ID}-01",
    f".0-{TRACE_ID}-{SPAN_ID}-01",
    f"00-{'0' * 32}-{SPAN_ID}-01",
    f"00-{TRACE_ID}-{'0' * 16}-01",
    f"00-{TRACE_ID[:-1]}-{SPAN_ID}-01",
    f"00-{TRACE_ID}0-{SPAN_ID}-01",
    f"00-{TRACE_ID[:-1]}.-{SPAN_ID}-01",
    f"00-{TRACE_ID}-{SPAN_ID[:-1]}-01",
    f"00-{TRACE_ID}-{SPAN_ID}0-01",
    f"00-{TRACE_ID}-{SPAN_ID}-1",
    f"00-{TRACE_ID}-{SPAN_ID}-.1",
    f"00-{TRACE_ID}-{SPAN_ID}",
    f"00-{TRACE_ID}-{SPAN_ID}-",
    f"00-{TRACE_ID}-{SPAN_ID}-01-",
    f"00-{TRACE_ID}-{SPAN_ID}-01-more",
    f"00-{TRACE_ID}-{SPAN_ID}-01.",
    f"cc-{TRACE_ID}-{SPAN_ID}-01.what-the-future-will-be-like",
    f"00_{TRACE_ID}_{SPAN_ID}_01",
    f"00-{TRACE_ID} {SPAN_ID}-01",
    f"{TRACEPARENT},{TRACEPARENT}",
    f"{TRACEPARENT}\n",
    f"\u00a0{TRACEPARENT}",
    "00-" + "1" * 32 + "-" + "\uff12" * 16 + "-01",
    f"cc-{TRACE_ID}-{SPAN_ID}-01-" + "x" * 1000,
]


def is_well_formed(identity: Identity) -> bool:
    return (
        re.fullmatch(r"[A-Za-z0-9._-]{1,64}", identity.request_id) is not None
        and re.fullmatch(r"(?!0{32})[0-9a-f]{32}", identity.trace_id) is not None
        and re.fullmatch(r"(?!0{16})[0-9a-f]{16}", identity.span_id) is not None
    )


def test_new_identity__is_well_formed():
    assert is_well_formed(new_identity())


def test_new_identity__is_another_each_time():
    assert len({new_identity() for _ in range(1000)}) == 1000


def test_new_identity__has_one_id_for_request_and_trace():
    identity = new_identity()
    assert identity.request_id == identity.trace_id


def test_traceparent__of_an_identity_is_valid():
    identity = new_identity()
    assert parse_traceparent(identity.traceparent) == identity.trace_id


@each("header", VALID)
def test_parse_traceparent__of_a_valid_header_is_its_trace_id(header):
    assert parse_traceparent(header) == TRACE_ID


@each("header", INVALID)
def test_parse_traceparent__of_an_invalid_header_is_none(header):
    assert parse_traceparent(header) is None


@given(st.text())
def test_parse_traceparent__of_any_text_is_a_trace_id_or_none(header):
    trace_id = parse_traceparent(header)
    assert trace_id is None or re.fullmatch("[0-9a-f]{32}", trace_id)


@given(st.from_regex(r"\A[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z"))
def test_parse_traceparent__of_what_looks_like_one_follows_the_specification(header):
    version, trace_id, span_id, _ = header.split("-")
    is_valid = version != "ff" and trace_id.strip("0") != "" and span_id.strip("0") != ""
    assert parse_traceparent(header) == (trace_id if is_valid else None)


def test_accept_identity__continues_a_trace():
    assert accept_identity(TRACEPARENT, None).trace_id == TRACE_ID


def test_accept_identity__of_a_trace_has_a_request_id_of_its_own():
    request_ids = {accept_identity(TRACEPARENT, None).request_id for _ in range(2)}
    assert len(request_ids - {TRACE_ID}) == 2


def test_accept_identity__has_a_span_of_its_own():
    assert accept_identity(TRACEPARENT, None).span_id != SPAN_ID


def test_accept_identity__takes_a_request_id_beside_a_trace():
    assert accept_identity(TRACEPARENT, "mine")[:2] == ("mine", TRACE_ID)


@pytest.mark.parametrize("request_id", ["a", "A-z_0.9", "x" * 64, "7f3c2d"])
def test_accept_identity__takes_a_request_id(request_id):
    assert accept_identity(None, request_id).request_id == request_id


def test_accept_identity__takes_a_request_id_beside_a_broken_trace():
    assert accept_identity("broken", "mine").request_id == "mine"


def test_accept_identity__makes_a_trace_of_a_request_id_that_is_one():
    """nginx's $request_id is 32 hexadecimal digits: one id to look for everywhere."""
    assert accept_identity(None, TRACE_ID).trace_id == TRACE_ID


def test_accept_identity__makes_no_trace_of_zeros():
    assert is_well_formed(accept_identity(None, "0" * 32))


@pytest.mark.parametrize(
    "request_id",
    ["", " ", "x" * 65, "a b", "a\n", "a\r\nSet-Cookie: x", "a\x00", "ü", "<script>", "../etc", "a;b", "a,b",
     "${jndi}"],
)  # fmt: skip
def test_accept_identity__refuses_a_forged_request_id(request_id):
    assert accept_identity(None, request_id).request_id != request_id


@given(st.none() | st.text(), st.none() | st.text())
def test_accept_identity__of_anything_is_well_formed(traceparent, request_id):
    assert is_well_formed(accept_identity(traceparent, request_id))


@pytest.mark.parametrize("fork", [os.fork, ctypes.CDLL(None).fork], ids=["of Python", "that Python does not know of"])
def test_new_identity__differs_in_a_forked_child(fork):
    new_identity()
    reader, writer = os.pipe()
    child = fork()
    if not child:
        os.write(writer, " ".join(new_identity().trace_id for _ in range(100)).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        theirs = pipe.read().decode().split()
    assert os.waitpid(child, 0)[1] == 0
    ours = [new_identity().trace_id for _ in range(100)]
    assert len({*ours, *theirs}) == 200


def test_new_identity__where_forks_cannot_be_noticed_is_made_one_by_one(monkeypatch):
    monkeypatch.setattr(identity, "_page", b"\0")
    monkeypatch.setattr(identity, "_stock", [])
    assert len({new_identity() for _ in range(100)}) == 100
    assert not identity._stock


def test_new_identity__differs_in_threads():
    with ThreadPoolExecutor(8) as pool:
        made = [one for many in pool.map(lambda _: [new_identity() for _ in range(2000)], range(8)) for one in many]
    assert len(set(made)) == 16_000
