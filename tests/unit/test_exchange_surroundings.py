"""What a request is to those around it: the context of what it runs, and the sinks that may fail."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from django_ops import logs
from django_ops.exchange import Exchange
from django_ops.facts import Rules
from django_ops.metrics import catalog, lost, observe
from django_ops.metrics import store as stores
from django_ops.record.context import Context, current
from django_ops.record.identity import new_identity
from django_ops.record.outcome import Outcome
from tests.unit.handlers import outcomes

pytestmark = pytest.mark.usefixtures("connections_are_kept")


@pytest.fixture(autouse=True)
def _no_request_before_or_after():
    assert current.get() is None
    yield
    current.set(None)


def begin(path="/ok", method="GET", **headers):
    return Exchange(RequestFactory().generic(method, path, **headers), Rules())


def test_context__is_that_of_the_request_until_its_end(records):
    exchange = begin()
    response = exchange.respond(HttpResponse())
    assert current.get() is exchange.context
    response.close()
    assert current.get() is None


def test_context__of_an_outer_request_comes_back(records):
    outer = begin()
    begin().respond(HttpResponse()).close()
    assert current.get() is outer.context
    outer.respond(HttpResponse()).close()
    assert current.get() is None


def test_context__of_a_task_comes_back(records):
    task = Context(new_identity())
    current.set(task)
    begin().respond(HttpResponse()).close()
    assert current.get() is task


def test_context__that_was_ended_elsewhere_does_not_come_back(records):
    outer = begin()
    inner = begin()
    outer.abandon()
    inner.abandon()
    assert current.get() is None


def test_context__of_the_next_request_is_not_touched_by_a_late_end(records):
    first = begin()
    second = begin()
    first.abandon()
    assert current.get() is second.context
    second.abandon()


def test_context__is_not_set_when_an_object_is_destroyed(records):
    # the garbage collector may be within ContextVar.set, which must not be entered twice
    exchange = begin()
    context = exchange.context
    del exchange
    assert len(records) == 1
    assert current.get() is context
    assert not context.is_open


def test_record__that_cannot_be_made_is_counted_as_lost(records, monkeypatch, capsys):
    monkeypatch.setattr(lost, "_complained_at", float("-inf"))
    monkeypatch.setattr(Exchange, "_record", lambda self, outcome: 1 / 0)
    before = value_of("record")
    begin().respond(HttpResponse()).close()
    assert value_of("record") == before + 1
    assert "a record was lost in record: ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "name", "sink"), [(observe, "observe_request", "metrics"), (logs, "emit_request", "logs")]
)
def test_sink__that_raises_does_not_hurt_the_request(monkeypatch, module, name, sink):
    monkeypatch.setattr(module, name, lambda record: 1 / 0)
    before = value_of(sink)
    begin().respond(HttpResponse()).close()
    assert value_of(sink) == before + 1


def test_sink__that_raises_does_not_keep_the_other_from_its_record(monkeypatch, records):
    monkeypatch.setattr(observe, "observe_request", lambda record: 1 / 0)
    begin().respond(HttpResponse()).close()
    assert len(records) == 1


def test_metrics__that_cannot_begin_do_not_hurt_the_request(monkeypatch, records):
    monkeypatch.setattr(observe, "request_began", lambda: 1 / 0)
    begin().respond(HttpResponse()).close()
    assert outcomes(records) == [(Outcome.OK, 200)]


def test_complaint__is_made_once_a_minute(monkeypatch, capsys):
    monkeypatch.setattr(lost, "_complained_at", float("-inf"))
    for _ in range(5):
        lost.record_lost("logs", ValueError("no"))
    assert capsys.readouterr().err.count("\n") == 1


def test_complaint__raises_nothing(monkeypatch):
    monkeypatch.setattr(lost, "_complained_at", float("-inf"))
    monkeypatch.setattr(catalog.RECORDS_LOST, "inc", lambda sink: 1 / 0)
    monkeypatch.setattr("sys.stderr", None)
    lost.record_lost("logs", ValueError("no"))


def value_of(sink):
    store = stores.active()
    return store.buffer[catalog.RECORDS_LOST.offset(store, sink)]
