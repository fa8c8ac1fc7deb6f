"""What one request must have changed in the metrics, told from its log line."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.integration.site.servers import Line, Samples, Server, growth


class Observation(NamedTuple):
    """All that a server told about one request."""

    line: Line
    growth: Samples

    @property
    def outcome(self) -> tuple[str, str, str, int]:
        """The outcome, as we and as ECS name it, the level and the status."""
        line = self.line
        return (
            line["django"]["outcome"],
            line["event"]["outcome"],
            line["log.level"],
            line["http"]["response"]["status_code"],
        )

    @property
    def body_bytes(self) -> int:
        return self.line["http"]["response"]["body"]["bytes"]

    @property
    def duration_seconds(self) -> float:
        return self.line["event"]["duration"] / 1e9


def observe(server: Server, send: Callable[[], str]) -> Observation:
    """Send one request, whose id `send` returns, and take exactly one line and one observation for it."""
    server.settle()
    before, known = server.scrape(), len(server.request_lines())
    line = server.line_of(send())
    changed = growth(before, server.scrape())
    assert server.request_lines()[known:] == [line]
    return Observation(line, changed)


def expected_growth(line: Line, *, charset: str = "utf-8", template: str | None = None) -> Samples:
    """Return what must have changed, but for sums of seconds: exactly one observation in each metric."""
    http, django = line["http"], line["django"]
    outcome, method, status = django["outcome"], http["request"]["method"], str(http["response"]["status_code"])
    view = django.get("view", "<unnamed view>")
    transport = line["url"]["scheme"]
    method = "<invalid method>" if method == "_OTHER" else method
    expected: Samples = {}

    def grew(name: str, amount: float = 1.0, **labels: str) -> None:
        if amount:
            expected[name, tuple(sorted(labels.items()))] = float(amount)

    def sized(name: str, size: int) -> None:
        grew(f"{name}_count")
        grew(f"{name}_sum", size)

    grew("django_http_requests_before_middlewares_total")
    grew("django_http_responses_before_middlewares_total")
    grew("django_http_requests_latency_including_middlewares_seconds_count")
    grew("django_http_requests_latency_seconds_by_view_method_count", view=view, method=method)
    grew("django_http_requests_total_by_method_total", method=method)
    grew("django_http_requests_total_by_transport_total", transport=transport)
    grew("django_http_responses_total_by_status_total", status=status)
    grew("django_http_responses_total_by_status_view_method_total", status=status, view=view, method=method)
    grew("django_ops_http_requests_total", outcome=outcome)
    sized("django_http_requests_body_total_bytes", http["request"]["body"]["bytes"])
    sized("django_http_responses_body_total_bytes", http["response"]["body"]["bytes"])
    if "view" in django:
        grew("django_http_requests_total_by_view_transport_method_total", view=view, transport=transport, method=method)
    if charset:
        grew("django_http_responses_total_by_charset_total", charset=charset)
    if template is not None:
        grew("django_http_responses_total_by_templatename_total", templatename=template)
    if outcome == "exception":
        grew("django_http_exceptions_total_by_type_total", type=line["error"]["type"].rpartition(".")[2])
        grew("django_http_exceptions_total_by_view_total", view=view)
    if "first_byte_duration" in django:
        grew("django_http_responses_streaming_total")
        grew("django_ops_http_stream_duration_seconds_count", view=view)
        grew("django_ops_http_stream_first_byte_seconds_count", view=view)
        grew("django_ops_http_stream_bytes_total", http["response"]["body"]["bytes"], view=view)
    if "queue_duration" in django:
        grew("django_ops_http_request_queue_seconds_count")
    grew("django_ops_http_db_queries_total", django["db"]["count"], view=view)
    return expected


def without_seconds(samples: Samples) -> Samples:
    """Leave out sums of seconds, which no test can foretell."""
    return {
        (name, labels): amount
        for (name, labels), amount in samples.items()
        if not ("_seconds" in name and name.endswith("_sum"))
    }


def assert_one_observation(observation: Observation, *, charset: str = "utf-8", template: str | None = None) -> None:
    """Assert that exactly what a request like this must change has changed, each once."""
    expected = expected_growth(observation.line, charset=charset, template=template)
    assert without_seconds(observation.growth) == expected
