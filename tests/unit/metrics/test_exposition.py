import gzip

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Counter as ClientCounter
from prometheus_client import Gauge as ClientGauge
from prometheus_client import Histogram as ClientHistogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from django_ops.metrics import catalog, exposition, merge
from django_ops.metrics import store as stores
from django_ops.record.outcome import Outcome
from tests.unit.metrics.observed import exposed, series, serve, value

OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
#: What Prometheus 3 sends.
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
ACCEPTS = [
    "",
    "*/*",
    "text/plain",
    "text/plain;version=0.0.4",
    "text/plain;version=1.0.0;escaping=allow-utf-8",
    "text/plain;version=1.0.0;escaping=underscores",
    "text/plain;version=1.0.0;escaping=dots",
    "text/plain;version=1.0.0;escaping=values",
    OPEN_METRICS,
    "application/openmetrics-text",
    "application/openmetrics-text;version=2.0.0;escaping=dots",
    PROMETHEUS,
]


@pytest.fixture
def registry(monkeypatch):
    """What others register."""
    registry = CollectorRegistry()
    monkeypatch.setattr(merge, "REGISTRY", registry)
    return registry


@pytest.fixture
def traffic(registry):
    """Numbers of every kind, also in metrics of others."""
    serve(view='hostile"\n\\view', template="ü.html", response_bytes=10**10, db_count=2, queue_ns=1)
    serve(outcome=Outcome.EXCEPTION, error=KeyError(), status=500)
    serve(streaming=True, outcome=Outcome.STREAM, first_byte_ns=10**17)
    catalog.CACHE_SECONDS.observe(0.3, "default", "get")
    catalog.READY.set(0.5)
    ClientCounter("shop_orders", 'With a "quote"\nand a line.', ["kind"], registry=registry).labels('a"b').inc()
    ClientHistogram("shop_seconds", "Another.", registry=registry).observe(0.3)
    theirs = ClientCounter("django_db_execute_total", "Theirs.", ["alias", "vendor"], registry=registry)
    theirs.labels("theirs", "sqlite").inc(3)
    catalog.DB_EXECUTE.inc("ours", "sqlite")
    ClientGauge("django_ops_ready", "Theirs, of another meaning.", ["place"], registry=registry).labels("here").set(2)


@pytest.mark.parametrize("accept", ACCEPTS)
def test_body__is_byte_by_byte_what_prometheus_client_writes(traffic, accept):
    encode, content_type = choose_encoder(accept)
    body, headers = exposition.expose(accept, "", [])
    assert (body, headers["Content-Type"]) == (encode(exposition.OpsCollector()), content_type)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.text(), st.floats(0, 1e300), st.sampled_from(["", OPEN_METRICS]))
def test_body__of_any_value_is_what_prometheus_client_writes(store, text, number, accept):
    catalog.STREAM_BYTES.inc(text, amount=number)
    catalog.STREAM_SECONDS.observe(number, text)
    encode, _ = choose_encoder(accept)
    assert exposition.expose(accept, "", [])[0] == encode(exposition.OpsCollector())


def test_text__is_valid(traffic):
    families = {family.name for family in parse_text(exposed())}
    assert "django_http_requests_latency_seconds_by_view_method" in families


def test_open_metrics__is_valid(traffic):
    body, _ = exposition.expose(OPEN_METRICS, "", [])
    families = {family.name for family in parse_open_metrics(body.decode())}
    assert "django_http_requests_latency_seconds_by_view_method" in families


def test_open_metrics__has_the_same_series_as_text(traffic):
    body, _ = exposition.expose(OPEN_METRICS, "", [])
    read = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_open_metrics(body.decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    assert read == {key: number for key, number in series().items() if not key[0].endswith("_created")}


def test_prometheus__gets_open_metrics():
    assert exposition.expose(PROMETHEUS, "", [])[1]["Content-Type"].startswith("application/openmetrics-text")


def test_browser__gets_text():
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert exposition.expose(accept, "", [])[1]["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    "accept", ["text/plain; version=x", "application/openmetrics-text; version=1.x", "text/plain;"]
)
def test_accept__with_a_version_that_is_none_gets_text(accept):
    assert exposition.expose(accept, "", [])[1]["Content-Type"].startswith("text/plain")


def test_accept__with_a_version_that_is_none__raises_in_prometheus_client():
    with pytest.raises(TypeError):
        choose_encoder("text/plain; version=x")


@given(st.text() | st.text("text/plain;version=0123., application/openmetrics-text;q=\n"), st.text())
def test_headers__of_any_text_are_answered(accept, accept_encoding):
    body, headers = exposition.expose(accept, accept_encoding, [])
    assert body
    assert headers["Content-Type"]


@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br", "deflate, GZIP;q=0.5", "gzip;q=1.0"])
def test_gzip__is_used_where_it_is_accepted(traffic, accepted):
    body, headers = exposition.expose("", accepted, [])
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body).decode() == exposed()


@pytest.mark.parametrize("accepted", ["", "identity", "deflate, br", "gzip;q=0", "gzip; q=0.0", "xgzip"])
def test_gzip__is_not_used_where_it_is_refused(accepted):
    assert "Content-Encoding" not in exposition.expose("", accepted, [])[1]


def test_gzip__makes_it_much_smaller(traffic):
    assert len(exposition.expose("", "gzip", [])[0]) * 5 < len(exposed())


def test_headers__say_that_nobody_may_keep_it():
    headers = exposition.expose("", "", [])[1]
    assert (headers["Cache-Control"], headers["Vary"]) == ("no-store", "Accept, Accept-Encoding")


def names_in(names, accept="") -> set[str]:
    body, _ = exposition.expose(accept, "", names)
    families = (parse_open_metrics if accept else parse_text)(body.decode())
    return {sample.name for family in families for sample in family.samples}


def test_names__select_metrics(traffic):
    assert names_in([catalog.AJAX.name, catalog.QUEUE_SECONDS.name]) == {
        catalog.AJAX.name,
        *(f"{catalog.QUEUE_SECONDS.name}_{suffix}" for suffix in ("bucket", "count", "sum")),
    }


def test_names__select_samples(traffic):
    assert names_in([f"{catalog.QUEUE_SECONDS.name}_sum"]) == {f"{catalog.QUEUE_SECONDS.name}_sum"}


def test_names__select_of_others(traffic):
    assert names_in(["shop_orders_total"]) == {"shop_orders_total", "shop_orders_created"}


def test_names__select_in_open_metrics(traffic):
    assert names_in([catalog.AJAX.name], OPEN_METRICS) == {catalog.AJAX.name}


def test_names__of_nothing_select_nothing(traffic):
    assert names_in(["nothing"]) == set()


def test_names__beyond_any_use_are_not_looked_at():
    assert names_in([str(number) for number in range(100_000)] + [catalog.AJAX.name]) == set()


def test_family_of_others__with_our_name_is_one_family(registry):
    """As when one database has django-prometheus's engine and the other has Django's."""
    theirs = ClientCounter("django_db_execute_total", "Theirs.", ["alias", "vendor"], registry=registry)
    theirs.labels("theirs", "sqlite").inc(3)
    catalog.DB_EXECUTE.inc("ours", "sqlite")
    assert exposed().count("# TYPE django_db_execute_total ") == 1
    assert (
        value("django_db_execute_total", alias="theirs", vendor="sqlite"),
        value("django_db_execute_total", alias="ours", vendor="sqlite"),
    ) == (3.0, 1.0)


def test_series_of_others__that_is_ours_as_well_is_not_added(registry):
    """As when both middlewares are there: the truth is one of both, not their sum."""
    theirs = ClientCounter("django_http_requests_total_by_method", "Theirs.", ["method"], registry=registry)
    theirs.labels("GET").inc(3)
    serve()
    assert value("django_http_requests_total_by_method_total", method="GET") == 1.0


def test_histogram_of_others__with_our_name_is_one_family(registry):
    theirs = ClientHistogram("django_db_query_duration_seconds", "Theirs.", ["alias", "vendor"], registry=registry)
    theirs.labels("theirs", "sqlite").observe(0.2)
    catalog.DB_DURATION.observe(0.2, "ours", "sqlite")
    assert value("django_db_query_duration_seconds_count", alias="theirs", vendor="sqlite") == 1.0
    assert exposed().count("# TYPE django_db_query_duration_seconds ") == 1


def test_family_of_others__is_shown_where_ours_has_counted_nothing(registry):
    """As on the day of the move, when their middleware is there and ours is not."""
    ClientCounter("django_http_ajax_requests_total", "Theirs.", registry=registry).inc(5)
    assert value("django_http_ajax_requests_total") == 5.0


@pytest.mark.parametrize("name", ["django_http_ajax_requests_total", "django_ops_ready"])
def test_family_of_others__of_another_type_gives_way(registry, name):
    (ClientGauge if name.endswith("total") else ClientCounter)(name, "Theirs.", registry=registry).inc(5)
    text = exposed()
    assert text.count(f"# TYPE {name} ") == 1
    list(parse_text(text))


@pytest.mark.parametrize("accept", ["", OPEN_METRICS])
def test_each_family__stands_once(traffic, accept):
    body = exposition.expose(accept, "", [])[0].decode()
    types = [line for line in body.splitlines() if line.startswith("# TYPE")]
    assert len(types) == len(set(types))


def test_merged_vectors__are_the_numbers_by_key():
    catalog.AJAX.inc()
    assert exposition.merged_vectors()[(catalog.AJAX.name,)] == [1.0]


def test_created_series__are_absent():
    assert "_created" not in exposed()


def test_every_family__without_labels_is_there_from_the_start():
    names = {family.name for family in catalog.FAMILIES.values() if not family.labels}
    types = {line.split()[2] for line in exposed().splitlines() if line.startswith("# TYPE")}
    assert types == names


def test_scrape__of_a_fresh_slot_directory_makes_it(slot_directory):
    exposed()
    assert stores.active().path == slot_directory / "metrics-0.cells"
