import subprocess
import sys

import pytest

from django_ops.record.context import Context, current
from django_ops.record.identity import new_identity
from django_ops.record.request import METHODS, OTHER_METHOD
from django_ops.record.task import TaskOutcome
from tests.unit.metrics.observed import request, task


@pytest.mark.parametrize("record", [request(), task()])
def test_record__cannot_be_changed(record):
    with pytest.raises(AttributeError):
        record.started_at = 0.0


def test_methods__are_those_of_django_prometheus():
    assert {"GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH"} == METHODS


def test_other_method__is_not_one_that_a_client_could_send():
    assert OTHER_METHOD not in METHODS


def test_task_outcomes__are_words_of_lower_case():
    assert [outcome.value for outcome in TaskOutcome] == ["success", "failure", "retry", "revoked", "rejected"]


def test_context__outside_of_requests_is_none():
    assert current.get() is None


def test_context__begins_with_nothing():
    context = Context(new_identity())
    assert (context.db_count, context.db_duration_ns, context.error, context.is_open) == (0, 0, None, True)


def test_context__has_the_request_id_of_its_identity():
    identity = new_identity()
    assert Context(identity).request_id == identity.request_id


def test_record__imports_no_django():
    code = (
        "import pkgutil, sys, django_ops.record as record\n"
        "for module in pkgutil.iter_modules(record.__path__): __import__(f'django_ops.record.{module.name}')\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'django'])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
