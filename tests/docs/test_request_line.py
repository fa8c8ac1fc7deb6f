"""The filters of docs/how-to/request-line.md, as they stand there."""

import logging
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from django.test import Client, override_settings
from django.urls import path as route

from django_ops.testing import capture_lines
from tests.views import ok

PAGE = (Path(__file__).parents[2] / "docs/how-to/request-line.md").read_text(encoding="utf-8")


@pytest.fixture
def shop(monkeypatch):
    """The module of the page, and its filters on the logger as its settings put them there."""
    code = "\n".join(re.findall(r"```python\n# shop/request_line.py\n(.*?)```", PAGE, re.S))
    module = ModuleType("shop.request_line")
    exec(compile(code, "docs/how-to/request-line.md", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "shop", ModuleType("shop"))
    monkeypatch.setitem(sys.modules, "shop.request_line", module)
    settings = {}
    exec(re.search(r"```python\n# settings.py\n(.*?)```", PAGE, re.S)[1], settings)
    config = settings["LOGGING"]
    logger = logging.getLogger("django_ops.request")
    filters = [
        getattr(module, config["filters"][name]["()"].rpartition(".")[2])()
        for name in config["loggers"]["django_ops.request"]["filters"]
    ]
    for each in filters:
        logger.addFilter(each)
    yield module
    for each in filters:
        logger.removeFilter(each)


@pytest.fixture
def line(shop):
    def get(path, **headers):
        middleware = ["django_ops.middleware.OpsMiddleware", "shop.request_line.tenant_middleware"]
        with override_settings(MIDDLEWARE=middleware, ALLOWED_HOSTS=["*"]), capture_lines() as lines:
            Client().get(path, **headers)
        return lines[0] if lines else None

    return get


def test_field__of_ones_own(line):
    assert line("/ok", HTTP_HOST="acme.example.com")["labels"] == {"tenant": "acme"}
    assert line("/ok", HTTP_HOST="other.example.com")["labels"] == {"tenant": "other"}


def test_paths__are_left_out(line, settings):

    settings.ROOT_URLCONF = (route("ping", ok), route("ok", ok))
    assert line("/ping") is None
    assert line("/ok")


@pytest.mark.parametrize(("client", "shown"), [("203.0.113.9", "203.0.113.0"), ("2001:db8:1:2::3", "2001:db8:1::")])
def test_addresses__are_shortened(line, client, shown):
    assert line("/ok", REMOTE_ADDR=client)["client"]["address"] == shown
