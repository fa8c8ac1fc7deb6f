import asyncio
import gzip

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import path, reverse
from django_prometheus.exports import ExportToDjangoView
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from django_ops.metrics import catalog, endpoint, migrations
from django_ops.testing import capture_lines
from tests.unit.metrics.observed import value

TOKEN = "a-long-enough-token"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"

urlpatterns = [
    path("metrics", endpoint.metrics, name="prometheus-django-metrics"),
    path("ok", lambda request: HttpResponse("ok"), name="ok"),
]


@pytest.fixture(autouse=True)
def closed(settings, monkeypatch):
    """Nobody may read, and the database is not asked."""
    settings.OPS_METRICS_MIGRATIONS = False
    settings.OPS_METRICS_TOKEN = ""
    settings.OPS_METRICS_NETWORKS = []
    settings.OPS_METRICS_PERMISSION = ""
    settings.ROOT_URLCONF = "tests.unit.metrics.test_endpoint"


@pytest.fixture
def token(settings):
    """Whoever has the token may."""
    settings.OPS_METRICS_TOKEN = TOKEN
    return {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def scraper(settings):
    """A client on a network that may."""
    settings.OPS_METRICS_NETWORKS = ["192.0.2.0/24"]
    return Client(REMOTE_ADDR="192.0.2.7")


def test_scraper__gets_the_text_format(scraper):
    answer = scraper.get("/metrics")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "django_ops_ready" in {family.name for family in parse_text(answer.text)}


def test_scraper__gets_open_metrics_where_it_accepts_them(scraper):
    answer = scraper.get("/metrics", headers={"Accept": OPEN_METRICS})
    assert "django_ops_ready" in {family.name for family in parse_open_metrics(answer.text)}


def test_scraper__gets_gzip_where_it_accepts_it(scraper):
    answer = scraper.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert b"django_ops_ready" in gzip.decompress(answer.content)


def test_scraper__gets_the_names_that_it_asks_for(scraper):
    answer = scraper.get("/metrics?name[]=django_ops_ready&name[]=django_http_ajax_requests_total")
    names = {family.name for family in parse_text(answer.text)}
    assert names == {"django_ops_ready", "django_http_ajax_requests"}


@pytest.mark.parametrize("query", ["name[]=", "name[]=%ff", "name[]=a%00b", "name%5B%5D=x&name[]=" + "y" * 5000, "a=b"])
def test_query__of_any_kind_is_answered(scraper, query):
    assert scraper.get(f"/metrics?{query}").status_code == 200


def test_head__has_no_body(scraper):
    answer = scraper.head("/metrics")
    assert (answer.status_code, answer.content) == (200, b"")


def test_head__collects_nothing(scraper, monkeypatch):
    monkeypatch.setattr(endpoint.exposition, "expose", pytest.fail)
    scraper.head("/metrics")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
def test_other_method__is_refused(scraper, method):
    answer = getattr(scraper, method)("/metrics")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_other_method__is_answered_by_django_prometheus():
    """Any method, no authorisation, text only, no gzip: django_prometheus/exports.py."""
    request = RequestFactory().post("/metrics", headers={"Accept": OPEN_METRICS, "Accept-Encoding": "gzip"})
    request.user = AnonymousUser()
    answer = ExportToDjangoView(request)
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
    assert not answer.text.endswith("# EOF\n")


def test_nobody__may_by_default(client):
    answer = client.get("/metrics")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (403, "no-store")
    assert "Set OPS_METRICS_TOKEN, OPS_METRICS_NETWORKS or OPS_METRICS_PERMISSION" in answer.text


def test_token__in_a_file_that_cannot_be_read_opens_nothing(client, settings, tmp_path):
    settings.OPS_METRICS_TOKEN_FILE = str(tmp_path / "missing")
    assert client.get("/metrics", headers={"Authorization": "Bearer x"}).status_code == 401


def test_token__opens(client, token):
    assert client.get("/metrics", headers=token).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN])
def test_wrong_token__is_asked_for_the_right_one(client, token, header):
    answer = client.get("/metrics", headers={"Authorization": header})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert TOKEN not in answer.text


def test_refusal__tells_no_number(client, token):
    assert "django_" not in client.get("/metrics").text


@pytest.fixture
def permitted(settings, db):
    """A user with the permission, and one without."""
    settings.OPS_METRICS_PERMISSION = "auth.view_user"
    settings.MIDDLEWARE = [
        "django_ops.middleware.OpsMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    reader = User.objects.create_user("reader")
    reader.user_permissions.add(Permission.objects.get(codename="view_user"))
    return reader, User.objects.create_user("other")


def test_permission__opens_for_a_user_who_has_it(client, permitted):
    client.force_login(permitted[0])
    assert client.get("/metrics").status_code == 200


def test_permission__keeps_others_out(client, permitted):
    client.force_login(permitted[1])
    assert client.get("/metrics").status_code == 403


def test_permission__keeps_visitors_out(client, permitted):
    assert client.get("/metrics").status_code == 403


def test_permission__is_not_looked_up_for_a_scraper(client, permitted, token, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/metrics", headers=token).status_code == 200


def test_permission__is_not_looked_up_for_a_wrong_token(client, permitted, token, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_permission__lets_a_user_read_by_head(client, permitted):
    client.force_login(permitted[0])
    assert client.head("/metrics").status_code == 200


def test_permission__does_not_let_a_user_post(client, permitted):
    client.force_login(permitted[0])
    assert client.post("/metrics").status_code == 405


def test_view__refuses_other_methods():
    request = RequestFactory().post("/metrics")
    assert endpoint.metrics(request).status_code == 405


#: What turns other pages away before they are reached.
OBSTACLES = [
    {"SECURE_SSL_REDIRECT": True, "MIDDLEWARE": ["django.middleware.security.SecurityMiddleware"]},
    {"ALLOWED_HOSTS": ["shop.example"], "MIDDLEWARE": ["django.middleware.common.CommonMiddleware"]},
    {"APPEND_SLASH": True, "MIDDLEWARE": ["django.middleware.common.CommonMiddleware"]},
    {"PREPEND_WWW": True, "ALLOWED_HOSTS": ["*"], "MIDDLEWARE": ["django.middleware.common.CommonMiddleware"]},
    {
        "MIDDLEWARE": [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
        ]
    },
]


@pytest.mark.parametrize("obstacle", OBSTACLES, ids=lambda obstacle: ", ".join(obstacle)[:40])
def test_scraper__is_never_turned_away(scraper, settings, obstacle):
    for name, setting in obstacle.items():
        setattr(settings, name, setting)
    settings.MIDDLEWARE = ["django_ops.middleware.OpsMiddleware", *settings.MIDDLEWARE]
    assert scraper.get("/metrics", headers={"Host": "10.0.0.5:8000"}).status_code == 200


@pytest.mark.parametrize("obstacle", OBSTACLES[:1] + OBSTACLES[-1:], ids=["redirect to https", "login required"])
def test_obstacle__turns_other_pages_away(scraper, settings, obstacle):
    for name, setting in obstacle.items():
        setattr(settings, name, setting)
    settings.MIDDLEWARE = ["django_ops.middleware.OpsMiddleware", *settings.MIDDLEWARE]
    assert scraper.get("/ok").status_code in (301, 302)


def test_view__is_exempt_from_login():
    """The peer's is not (django-prometheus#480)."""
    assert endpoint.metrics.login_required is False


def test_scrape__is_not_logged(scraper):
    with capture_lines() as lines:
        scraper.get("/metrics")
    assert lines == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
@pytest.mark.parametrize("method", ["get", "post"])
def test_refusal__is_not_logged(client, token, method, headers):
    """Not by Django either, which warns of each 4xx."""
    with capture_lines() as lines:
        getattr(client, method)("/metrics", headers=headers)
    assert lines == []


def test_refusal_of_a_user__is_not_logged(client, permitted):
    client.force_login(permitted[1])
    with capture_lines() as lines:
        client.get("/metrics")
    assert lines == []


def test_scrape__is_not_counted(scraper):
    scraper.get("/ok")
    scraper.get("/metrics")
    scraper.get("/metrics")
    assert value("django_http_requests_before_middlewares_total") == 1.0
    assert value("django_ops_http_requests_in_progress") == 0.0


def test_name_of_the_url__is_what_dashboards_leave_out():
    assert reverse("prometheus-django-metrics") == "/metrics"


def test_path__can_be_another(settings, scraper):
    settings.OPS_METRICS_PATH = "/internal/numbers"
    assert (scraper.get("/internal/numbers").status_code, scraper.get("/metrics").status_code) == (200, 200)


def test_path__can_be_none(settings, scraper):
    settings.OPS_METRICS_PATH = ""
    settings.ROOT_URLCONF = "tests.urls"
    assert scraper.get("/metrics").status_code == 404


def test_asgi__answers_as_well(settings):
    settings.OPS_METRICS_NETWORKS = ["127.0.0.1"]

    async def scrape():
        return await AsyncClient().get("/metrics")

    answer = asyncio.run(scrape())
    assert answer.status_code == 200
    assert "django_ops_ready" in {family.name for family in parse_text(answer.text)}


def test_migrations__are_looked_up_at_a_scrape(scraper, settings, monkeypatch):
    settings.OPS_METRICS_MIGRATIONS = True
    looked_up = []
    monkeypatch.setattr(migrations, "_looked_up_at", float("-inf"))
    monkeypatch.setattr(migrations, "look_up", lambda: looked_up.append(1))
    scraper.get("/metrics")
    assert looked_up == [1]


def test_exception__in_what_others_register_is_no_500(scraper, monkeypatch, caplog):
    class Broken:
        def collect(self):
            raise RuntimeError("broken")

    monkeypatch.setattr(endpoint.exposition.merge, "REGISTRY", Broken())
    catalog.AJAX.inc()
    answer = scraper.get("/metrics")
    assert answer.status_code == 200
    assert "django_http_ajax_requests_total 1.0" in answer.text
