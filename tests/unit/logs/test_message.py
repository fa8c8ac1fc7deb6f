"""The text of a record, whatever was passed as message and arguments."""

import pytest
from django.test import RequestFactory

from django_ops.logs.labels import LabelMaker
from django_ops.logs.message import message_of
from django_ops.record.redaction import MASK
from tests.unit.logs.examples import log_record
from tests.unit.logs.hostile import Bomb


def told(message, *args):
    maker = LabelMaker()
    record = log_record(message)
    # logging itself would ask a lone argument what it is; a dict stands for itself
    record.args = args[0] if len(args) == 1 and type(args[0]) is dict else args
    text = message_of(record, maker)
    return text, maker.finish()


@pytest.mark.parametrize(
    ("message", "args", "text"),
    [
        ("hello", (), "hello"),
        ("100 %", (), "100 %"),
        ("user %s did %d", ("jane", 17), "user jane did 17"),
        ("%(user)s", ({"user": "jane"},), "jane"),
        (ValueError("wrong"), (), "wrong"),
        (17, (), "17"),
        (None, (), "None"),
        ("password=%s", ("abc",), f"password={MASK}"),
        ("%r", ({"password": "abc"},), f"{{'password': '{MASK}'}}"),
    ],
)
def test_message_of__fine(message, args, text):
    assert told(message, *args) == (text, {})


@pytest.mark.parametrize(
    ("message", "args", "text", "error"),
    [
        ("%s %s", ("a",), "%s %s a", "TypeError"),
        ("%d", ("a",), "%d a", "TypeError"),
        ("no place", ("a", 1), "no place a 1", "TypeError"),
        ("%(a)s", ({"b": 1},), '%(a)s {"b":1}', "KeyError"),
        ("%s", (Bomb(RecursionError()),), "%s <tests.unit.logs.hostile.Bomb>", "RecursionError"),
        ("%s %s", ("token=abc",), f"%s %s token={MASK}", "TypeError"),
        ("%q", ("a",), "%q a", "ValueError"),
        (Bomb(ValueError()), (), "<tests.unit.logs.hostile.Bomb>", "ValueError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_message_of__wrong(message, args, text, error):
    assert told(message, *args) == (text, {"format_error": f"message: {error}"})


class OddError(Exception):
    def __init__(self, error):
        self.error = error

    def __str__(self):
        raise self.error


def test_message_of__nothing_can_be_shown():
    assert told("%d", OddError(ValueError()))[0] == "%d (not shown)"


def test_message_of__interrupt_while_helping_oneself():
    with pytest.raises(KeyboardInterrupt):
        told("%d", OddError(KeyboardInterrupt()))


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_message_of__interrupt_goes_through(interrupt):
    with pytest.raises(interrupt):
        told("%s", Bomb(interrupt()))


def test_message_of__request_shows_no_query_string():
    request = RequestFactory().get("/reset?code=abc")
    assert told("failed: %s", request)[0] == "failed: <WSGIRequest GET /reset>"


def test_message_of__request_by_name():
    request = RequestFactory().get("/reset?code=abc")
    assert told("%(request)s", {"request": request})[0] == "<WSGIRequest GET /reset>"


def test_message_of__dict():
    assert told({"event": "paid", "order": 17}) == ("paid", {"order": "17"})


def test_message_of__dict_without_a_text():
    assert told({"order": 17}) == ("", {"order": "17"})


def test_message_of__ten_megabytes():
    text, _ = told("x" * 10_000_000)
    assert text.endswith(" [... 9991808 characters cut ...]")
