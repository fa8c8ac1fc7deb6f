"""Logging as it was before, after each test."""

import logging
import warnings

import pytest

from django_ops.logs import loss, service


@pytest.fixture(autouse=True)
def _losses_begin_at_zero():
    loss._after_fork()
    before = list(loss._callbacks)
    yield
    loss._callbacks[:] = before
    loss._after_fork()


@pytest.fixture(autouse=True)
def _origin_is_asked_again():
    service.forget()
    yield
    service.forget()


@pytest.fixture
def logging_restored():
    """Restore loggers, handlers and the capture of warnings, for tests that configure logging."""
    root = logging.getLogger()
    loggers = [root, *(each for each in logging.Logger.manager.loggerDict.values() if isinstance(each, logging.Logger))]
    before = [(each, each.level, each.handlers[:], each.propagate, each.disabled) for each in loggers]
    show = warnings.showwarning
    yield
    logging.captureWarnings(False)
    warnings.showwarning = show
    known = {id(each) for each, *_ in before}
    for each in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(each, logging.Logger) and id(each) not in known:
            each.handlers[:] = []
            each.propagate, each.disabled = True, False
            each.setLevel(logging.NOTSET)
    for each, level, handlers, propagate, disabled in before:
        for handler in each.handlers:
            if handler not in handlers:
                handler.close()
        each.handlers[:] = handlers
        each.setLevel(level)
        each.propagate, each.disabled = propagate, disabled
