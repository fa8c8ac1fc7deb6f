"""Records to make lines of, and the oracle that a line is held against."""

import json
import logging
import re
from pathlib import Path

from jsonschema import Draft202012Validator

from django_ops.logs.fields import LONGEST_LINE_BYTES
from django_ops.logs.line import Origin
from django_ops.record.identity import Identity
from django_ops.record.outcome import Outcome
from django_ops.record.request import RequestRecord
from django_ops.record.task import TaskOutcome, TaskRecord

#: What would begin another line or steer a terminal.
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/reference/log-line.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

IDENTITY = Identity("req-1", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
ORIGIN = Origin({"name": "shop", "version": "1.4.2", "environment": "test"}, {"pid": 4711}, {"slot": "0"})
STARTED_AT = 1_795_251_600.0  # 2026-11-21T09:00:00Z

REQUEST = RequestRecord(
    identity=IDENTITY,
    started_at=STARTED_AT,
    duration_ns=18_230_000,
    first_byte_ns=2_500_000,
    queue_ns=None,
    outcome=Outcome.OK,
    method="GET",
    scheme="https",
    path="/orders/17",
    query="",
    route="orders/<int:pk>",
    view="orders:detail",
    status=200,
    request_bytes=0,
    response_bytes=512,
    streaming=False,
    charset="utf-8",
    template=None,
    ajax=False,
    client_address="203.0.113.9",
    user_agent="curl/8.5.0",
    user_id=None,
    db_count=4,
    db_duration_ns=6_100_000,
    error=None,
)
TASK = TaskRecord(
    identity=IDENTITY,
    started_at=STARTED_AT,
    task_id="b8d9d2a4",
    name="orders.tasks.send_invoice",
    queue="celery",
    attempt=0,
    queue_ns=1_200_000,
    duration_ns=18_230_000,
    outcome=TaskOutcome.SUCCESS,
    db_count=4,
    db_duration_ns=6_100_000,
    error=None,
)


def log_record(message="hello", *args, exc_info=None, level=logging.INFO, name="shop.orders", extra=None):
    """Make a LogRecord as a logger does."""
    logger = logging.Logger("maker")
    return logger.makeRecord(name, level, "/app/orders/views.py", 42, message, args, exc_info, "detail", extra)


def raised(error):
    """Return `error` as it is after it was raised and caught."""
    try:
        raise error
    except BaseException as caught:
        return caught


def validated(line):
    """Return the parsed line, after holding it against every promise that any line keeps."""
    assert isinstance(line, bytes)
    assert line.endswith(b"\n")
    assert len(line) <= LONGEST_LINE_BYTES, len(line)
    text = line[:-1].decode("utf-8")
    assert not OBEYED.search(text), text
    document = json.loads(text, parse_constant=_refuse)
    shape = shape_of(document)
    if shape not in _valid_shapes:
        problems = [f"{list(error.absolute_path)}: {error.message}" for error in VALIDATOR.iter_errors(document)]
        assert not problems, problems
        _valid_shapes.add(shape)
    return document


_valid_shapes = set()


def shape_of(value, name=""):
    """Return all that the schema looks at, so that 20,000 lines need not be validated one by one."""
    if type(value) is dict:
        items = value.items()
        if name == ".labels":
            return all(key and type(item) is str for key, item in items), not items
        return tuple((key, shape_of(item, f"{name}.{key}")) for key, item in items)
    if name == ".@timestamp":
        return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value) is not None
    if name in (".ecs.version", ".event.dataset"):
        return value
    return type(value), type(value) is int and value >= 0


def _refuse(constant):
    raise AssertionError(f"{constant} is not JSON")
