"""Whatever is logged: one valid line, under the cap, without any of the planted secrets."""

import datetime
import logging
from operator import attrgetter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_ops.logs.formatter import LineFormatter
from django_ops.record.outcome import Outcome
from tests.each import each
from tests.unit.logs import hostile
from tests.unit.logs.examples import REQUEST, TASK, log_record, raised, validated
from tests.unit.logs.secrets import WORD

FORMATTER = LineFormatter()
FEW = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=400)
FEW_PER_EXAMPLE, MANY_PER_EXAMPLE = 10, 50  # records made of what one example has drawn: 500, and 20,000 in all

frames = st.tuples(hostile.texts, hostile.texts).map(lambda two: (f"{two[0][:40]} ", f" {two[1][:40]}"))
long_frames = st.sampled_from(
    [("x" * 8180 + " ", ""), ("x" * 4090 + " ", ""), ("x\x00" * 4090 + " ", " " + "y" * 9000)]
)


def strings_of(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings_of(item)
    elif isinstance(value, str):
        yield value


def hold(record, *secrets):
    line = FORMATTER.line(record)
    document = validated(line)
    for text in strings_of(document):
        for secret in secrets:
            assert secret not in text, (secret, text)
    return document


def hostile_records(data, number):
    """Draw a few of each ingredient, and yield records of their combinations."""
    draw = data.draw
    several = {
        name: draw(st.lists(getattr(hostile, name), min_size=2, max_size=3))
        for name in ("messages", "arguments", "extras", "attributes", "exceptions")
    }
    random = draw(st.randoms(use_true_random=False))
    for _ in range(number):
        error = random.choice([None, *several["exceptions"]])
        record = log_record(
            random.choice(several["messages"]), exc_info=error and (type(error), error, error.__traceback__)
        )
        record.args = random.choice(several["arguments"])
        record.__dict__.update(random.choice(several["extras"]))
        if random.random() < 0.5:
            record.__dict__.update(random.choice(several["attributes"]))
        yield record


def check_hostile_records(data, number):
    for record in hostile_records(data, number):
        hold(record, f"{WORD}-local")


@FEW
@given(st.data())
def test_line__hostile_record(data):
    check_hostile_records(data, FEW_PER_EXAMPLE)


@pytest.mark.slow
@MANY
@given(st.data())
def test_line__twenty_thousand_hostile_records(data):
    check_hostile_records(data, MANY_PER_EXAMPLE)


def positions(text, word):
    """Yield a record for each place in which the text may be told to a logger."""
    yield log_record(text)
    yield log_record("said: %s", text)
    yield log_record("said: %r", text)
    yield log_record("said: %s", [text])
    yield log_record("said: %(what)s", {"what": text})
    yield log_record("wrong %s %s", text)
    yield log_record({"message": text, "said": text, "within": {"it": [text]}})
    yield log_record(ValueError(text))
    for value in (
        text,
        [text],
        {"deep": {"deeper": [{"deepest": text}]}},
        (1, text),
        {text: text},
        text.encode("utf-8", "replace"),
        ValueError(text),
    ):
        yield log_record(extra={"said": value})
    yield log_record(extra={text: 1, "nested": {text: {text: 1}}})
    yield log_record(extra={"password": text, "user": {"api_key": text}, "list": [{"token": text, "pin": [text]}]})
    yield log_record("password=%s token=%r", word, word, extra={"headers": {"Authorization": word, "Cookie": word}})
    yield log_record(extra={"when": datetime.datetime.now(), "pin": 123, "session_key": word})
    for error in errors_saying(text):
        yield log_record("failed", exc_info=(type(error), error, error.__traceback__), level=logging.ERROR)
        yield ours(REQUEST._replace(error=error, outcome=Outcome.EXCEPTION, status=500))
        yield ours(TASK._replace(error=error))
    record = log_record("stack")
    record.stack_info = f"Stack (most recent call last):\n  {text}"
    yield record
    record = log_record("queued")
    record.exc_text = text
    yield record
    yield log_record("named", name=text)
    yield ours(REQUEST._replace(path=f"/{text}/x", user_agent=text, query=text))
    touched = ours(REQUEST)
    touched.tenant = text
    touched.msg = text
    yield touched


def errors_saying(text):
    yield raised(ValueError(text))
    yield raised(KeyError(text))
    outer = raised(RuntimeError("outer"))
    outer.__cause__ = raised(ValueError(text))
    yield outer
    noted = raised(ValueError("noted"))
    noted.add_note(text)
    yield noted
    yield raised(ExceptionGroup(text, [raised(ValueError(text))]))


def ours(record):
    log_line = log_record("%s %s %d %dms")
    log_line.ops_record = record
    return log_line


def check_planted(planted, frame):
    before, after = frame
    for record in positions(f"{before}{planted.text}{after}", WORD):
        hold(record, planted.secret, WORD)


@settings(FEW, max_examples=100)
@given(hostile.planted, st.one_of(frames, long_frames, st.just(("", ""))))
def test_line__planted_secret(planted, frame):
    check_planted(planted, frame)


@each("planted", hostile.ALL, name=attrgetter("name"))
def test_line__each_planted_secret(planted):
    check_planted(planted, ("", ""))
