"""capture_lines(): what a project's tests see of the log."""

import logging

import pytest
from django.test import Client

from django_ops.logs import emit_request
from django_ops.testing import capture_lines
from tests.unit.logs.examples import REQUEST


def test_capture_lines__request():
    with capture_lines() as lines:
        emit_request(REQUEST)
    assert lines[-1]["http"]["response"]["status_code"] == 200


def test_capture_lines__while_the_block_runs():
    with capture_lines() as lines:
        assert lines == []
        logging.getLogger("shop").info("hello")
        assert lines[0]["message"] == "hello"


def test_capture_lines__nothing_after_the_block():
    with capture_lines() as lines:
        pass
    logging.getLogger("shop").warning("hello")
    assert lines == []


def test_capture_lines__level():
    with capture_lines(level=logging.DEBUG) as lines:
        logging.getLogger("shop").debug("hello")
    assert len(lines) == 1


def test_capture_lines__below_the_level():
    with capture_lines(level="ERROR") as lines:
        logging.getLogger("shop").warning("hello")
    assert lines == []


def test_capture_lines__of_one_logger():
    with capture_lines("shop") as lines:
        logging.getLogger("shop.orders").info("hello")
        logging.getLogger("other").warning("hello")
    assert [line["log.logger"] for line in lines] == ["shop.orders"]


def test_capture_lines__restores_levels():
    before = [logging.getLogger(name).level for name in ("", "django_ops")]
    with pytest.raises(ZeroDivisionError), capture_lines(level=logging.DEBUG):
        raise ZeroDivisionError
    assert [logging.getLogger(name).level for name in ("", "django_ops")] == before


def test_capture_lines__django_does_not_tell_again():
    with capture_lines() as lines:
        Client().get("/nowhere")
    assert [line["log.logger"] for line in lines] == ["django_ops.request"]
