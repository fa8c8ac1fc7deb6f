"""What uWSGI tells. It has no wheel, so `make test-uwsgi` compiles it for this test, and `make test` leaves it out."""

import sys
from pathlib import Path

import pytest

from tests.integration.site.servers import COMMANDS, eventually, running
from tests.integration.test_servers import assert_drained, assert_summed, assert_told_as_the_page_says
from tests.programs import MissingError


@pytest.fixture(autouse=True)
def _is_compiled():
    if not Path(sys.executable).with_name("uwsgi").exists():
        raise MissingError("uWSGI is not compiled: make test-uwsgi")


def test_outcomes__are_told_as_the_page_says(tmp_path):
    assert_told_as_the_page_says("uwsgi", tmp_path)


def test_drain__of_the_master_turns_readiness(tmp_path):
    assert_drained("uwsgi", tmp_path)


def test_own_messages__are_text_on_standard_error(tmp_path):
    with running("uwsgi", tmp_path) as server:
        server.line_of(server.get("/ok").request_id)  # which has no text before it
    said = server.errors.read_text()
    assert "spawned uWSGI worker 1" in said
    assert "GET /ok" not in said


def test_access_log__is_text_on_standard_error_unless_it_is_disabled(tmp_path, monkeypatch):
    enabled = tuple(word for word in COMMANDS["uwsgi"] if word != "--disable-logging")
    monkeypatch.setitem(COMMANDS, "uwsgi", enabled)
    with running("uwsgi", tmp_path) as server:
        server.get("/ok")
        eventually(lambda: "GET /ok" in server.errors.read_text(), "the access log's text")


def test_metrics__of_two_processes_are_one_sum(tmp_path):
    assert_summed("uwsgi", tmp_path, "--processes", "2")
