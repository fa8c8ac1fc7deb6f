"""What the tests of the checks share."""

import logging

import pytest

from django_ops.checks import mistakes
from django_ops.checks.table import TABLE


@pytest.fixture
def found():
    """Return the sentences of one check by the number of its mistake."""
    mistakes()
    return lambda number: [message.msg for message in TABLE[f"django_ops.{number}"].messages()]


@pytest.fixture
def root(monkeypatch):
    """The root logger without the handlers of the test run."""
    logger = logging.getLogger()
    monkeypatch.setattr(logger, "handlers", [])
    return logger
