import sys
import types

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from django_ops.record.telemetry import current_span


class SmallIds(IdGenerator):
    """Ids that begin with zeros, as one in sixteen does."""

    def generate_trace_id(self) -> int:
        return 0xABC

    def generate_span_id(self) -> int:
        return 0x1


def span(sampler=ALWAYS_ON):
    provider = TracerProvider(sampler=sampler, id_generator=SmallIds(), shutdown_on_exit=False)
    return provider.get_tracer("tests").start_as_current_span("request")


def test_current_span__outside_of_any_is_none():
    assert current_span() is None


def test_current_span__has_ids_of_full_width():
    """django-o11y writes f"{trace_id:x}": one trace id in sixteen comes out short, and matches nothing."""
    with span():
        assert current_span() == ("0" * 29 + "abc", "0" * 15 + "1")


def test_unpadded_id__is_short_as_the_rival_writes_it():
    with span() as current:
        assert len(f"{current.get_span_context().trace_id:x}") == 3


def test_current_span__that_is_not_recorded_has_ids_as_well():
    """django-o11y writes none then: 99 % of the lines at its default sample rate."""
    with span(ALWAYS_OFF) as current:
        assert not current.is_recording()
        assert current_span() == ("0" * 29 + "abc", "0" * 15 + "1")


def test_current_span__that_came_from_a_caller_has_its_ids():
    context = SpanContext(2**128 - 1, 2**64 - 1, is_remote=True, trace_flags=TraceFlags(0))
    with trace.use_span(NonRecordingSpan(context)):
        assert current_span() == ("f" * 32, "f" * 16)


def test_current_span__that_is_invalid_is_none():
    with trace.use_span(trace.INVALID_SPAN):
        assert current_span() is None


def test_current_span__without_opentelemetry_is_none(monkeypatch):
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    with span():
        assert current_span() is None


def test_current_span__imports_nothing(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    current_span()
    assert not any(name.startswith("opentelemetry") for name in sys.modules)


def test_current_span__while_opentelemetry_is_being_imported_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", types.ModuleType("opentelemetry.trace"))
    assert current_span() is None


@pytest.mark.parametrize(("trace_id", "span_id"), [(1, 1), (16**31, 16**15), (2**128 - 1, 2**64 - 1)])
def test_ids__are_32_and_16_digits(trace_id, span_id):
    with trace.use_span(NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=False))):
        assert [len(each) for each in current_span()] == [32, 16]
