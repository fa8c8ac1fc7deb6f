"""What the recycled workers serve, and how the exposition is counted."""

from benchmarks import scrape, scrape_child
from benchmarks.scrape_site import SECTIONS


def test_routed__is_how_many_requests_of_a_worker_find_a_view():
    environs = scrape_child.requests_of_a_worker(scrape.REQUESTS)
    routed = [environ for environ in environs if environ["PATH_INFO"].split("/")[1] != SECTIONS[-1]]
    assert len(routed) == scrape.ROUTED


def test_requests_counted__sums_the_views_without_the_scrapes():
    name = "django_http_requests_total_by_view_transport_method_total"
    exposition = (
        f"# TYPE {name} counter\n"
        f'{name}{{method="GET",transport="http",view="order"}} 12.0\n'
        f'{name}{{method="GET",transport="http",view="prometheus-django-metrics"}} 7.0\n'
        f'{name}{{method="POST",transport="http",view="stock"}} 3.0\n'
        'django_http_requests_total_by_method_total{method="GET"} 99.0\n'
    )
    assert scrape_child.requests_counted(exposition.encode()) == 15.0
