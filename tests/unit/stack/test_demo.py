"""The pages that misbehave, and the traffic for them."""

import itertools

import pytest
from django.urls import clear_url_caches
from pytest_django.asserts import assertContains, assertRedirects

from stack.demo import traffic
from stack.demo.client import Answer
from stack.demo.delay import delay_seconds
from stack.demo.views import STATUSES, DemoError
from stack.demo.visitor import VISITOR, password_file, prepare_visitor


@pytest.fixture
def naps(monkeypatch):
    """How long the pages would have slept."""
    slept = []
    monkeypatch.setattr("stack.demo.views.time.sleep", slept.append)
    return slept


@pytest.mark.parametrize(
    ("text", "expected"), [("2", 2.0), ("0.5", 0.5), ("-1", 0.0), ("nan", 0.0), ("1e9", 10.0), ("soon", 1.0), ("", 1.0)]
)
def test_delay_seconds__is_bounded(text, expected):
    assert delay_seconds(text) == expected


def test_index__names_each_page(client):
    assertContains(client.get("/demo/"), "/demo/error/")


def test_error__has_a_cause(client):
    with pytest.raises(DemoError) as raised:
        client.get("/demo/error/")
    assert isinstance(raised.value.__cause__, KeyError)


def test_slow__sleeps_as_long_as_asked(client, naps):
    client.get("/demo/slow/?seconds=3")
    assert naps == [3.0]


def test_redirect__to_the_list(client, db):
    assertRedirects(client.get("/demo/redirect/"), "/servers/")


def test_stream__spreads_over_the_time(client, naps):
    body = b"".join(client.get("/demo/stream/?seconds=2"))
    assert body.count(b"line ") == 20
    assert sum(naps) == pytest.approx(2.0)


def test_broken_stream__breaks_half_way(client, naps):
    chunks = []
    with pytest.raises(DemoError):
        chunks.extend(client.get("/demo/broken-stream/"))
    assert len(chunks) == 10


def test_queries__one_for_each_server(client, make_server, django_assert_num_queries):
    make_server("web-01")
    make_server("web-02")
    with django_assert_num_queries(3):
        client.get("/demo/queries/")


@pytest.mark.parametrize("status", STATUSES)
def test_status__as_asked(client, status):
    assert client.get(f"/demo/status/{status}/").status_code == status


def test_status__any_other_is_404(client):
    assert client.get("/demo/status/200/").status_code == 404


def test_visitor__can_sign_in(client, db, var):
    prepare_visitor()
    assert client.login(username=VISITOR, password=password_file().read_text().strip())


def test_visitor__keeps_the_password(db, var):
    prepare_visitor()
    before = password_file().read_text()
    prepare_visitor()
    assert password_file().read_text() == before


def test_visitor__a_lost_file_is_made_good(client, db, var):
    prepare_visitor()
    password_file().unlink()
    prepare_visitor()
    assert client.login(username=VISITOR, password=password_file().read_text().strip())


def test_visitor__nobody_else_reads_the_password(db, var):
    prepare_visitor()
    assert password_file().stat().st_mode & 0o777 == 0o600


def test_visitor__none_without_the_demo(db, var, settings, django_user_model):
    settings.DEMO = False
    prepare_visitor()
    assert not django_user_model.objects.exists()


@pytest.fixture
def unhurried(monkeypatch):
    """Traffic that is sent nowhere, without pauses."""
    monkeypatch.setattr(traffic.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(traffic.Visitor, "send", lambda *arguments: Answer("200", 0.01, ""))
    monkeypatch.setattr(traffic.Visitor, "abort", lambda *arguments: Answer("left", 0.01, ""))


def test_traffic__has_each_kind(unhurried):
    sent = traffic.Traffic(8000, seconds=60, count=len(traffic.MIXTURE))
    sent.run(password="")
    assert set(sent.answers) == set(traffic.MIXTURE)


def test_traffic__the_count_is_a_bound(unhurried):
    sent = traffic.Traffic(8000, seconds=60, count=50)
    sent.run(password="")
    assert sum(map(len, sent.answers.values())) == 50


def test_traffic__the_time_is_a_bound(unhurried, monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(traffic.time, "monotonic", lambda: next(clock))
    sent = traffic.Traffic(8000, seconds=30, count=10**9)
    sent.run(password="")
    assert sum(map(len, sent.answers.values())) <= 31


def test_traffic__signs_in_first(unhurried):
    sent = traffic.Traffic(8000, seconds=60, count=1)
    sent.run(password="secret")
    assert len(sent.answers["sign in"]) == traffic.CLIENTS


def test_traffic__every_path_is_one_of_the_site(client, db, naps, monkeypatch):
    clear_url_caches()
    found = {}

    def ask(visitor, method, path, form=None):
        client.raise_request_exception = False
        answer = client.generic(method, path)
        found[path] = answer.status_code
        b"".join(answer)  # a stream that is never read is never closed
        return Answer("200", 0, "")

    monkeypatch.setattr(traffic.Visitor, "send", ask)
    monkeypatch.setattr(traffic.Visitor, "abort", lambda visitor, path: ask(visitor, "GET", path))
    monkeypatch.setattr("stack.inventory.views.time.sleep", lambda seconds: None)
    for kind in ("page", "search", "JSON", "CSV, streamed", "slow", "many queries", "stream", "aborted", "health"):
        for _ in range(20):
            traffic.MIXTURE[kind][1](traffic.Visitor(8000))
    assert {path: status for path, status in found.items() if status != 200} == {}


def test_table__counts_the_answers():
    line = traffic.table({"page": [Answer("200", 0.01, ""), Answer("200", 0.03, ""), Answer("500", 0.02, "")]})
    assert "page                 3      20 ms      30 ms   200 x2, 500 x1" in line


def test_main__without_a_server_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["traffic", "--port", "1"])
    assert traffic.main() == 1
    assert "Start it in another terminal with `make run`" in capsys.readouterr().out
