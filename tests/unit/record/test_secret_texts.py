"""The corpus of planted secrets, through every place of a line that takes text."""

import pytest

from django_ops.logs.encode import encode
from django_ops.logs.formatter import LineFormatter
from django_ops.logs.line import request_line
from django_ops.record.redaction import is_hidden, mask_text
from tests.attack.secret_texts import INNOCENT, LANGUAGES, missed
from tests.each import each
from tests.unit.logs.examples import ORIGIN, REQUEST, STARTED_AT, log_record


def _request(**changes):
    return encode(request_line(REQUEST._replace(**changes), ORIGIN, STARTED_AT, "info", "django_ops.request")).decode()


def _log(*arguments, **options):
    return LineFormatter().line(log_record(*arguments, **options)).decode()


PLACES = {
    "message": _log,
    "argument": lambda text: _log("got %s", text),
    "extra": lambda text: _log("got", extra={"body": text}),
    "exception": lambda text: _log("failed", exc_info=(lambda error: (type(error), error, None))(ValueError(text))),
    "path": lambda text: _request(path=text),
    "user agent": lambda text: _request(user_agent=text),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("held_out", [False, True])
def test_mask_text__each_secret_of_the_corpus(place, held_out):
    names, planted = missed(PLACES[place], held_out=held_out)
    assert planted > 2000
    assert names == []


@each("text", INNOCENT)
def test_mask_text__innocent_text_stays(text):
    assert mask_text(text) == text


@each("key", [key for keys in LANGUAGES.values() for key in keys])
def test_is_hidden__in_other_languages(key):
    assert all(map(is_hidden, (key, key.upper(), f"db_{key}", f"user.{key}")))
