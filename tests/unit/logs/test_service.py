"""Which service the lines come from: asked once, never raising, also before the settings are there."""

import os
import subprocess
import sys
import types

import pytest
from django.test import override_settings

from django_ops.exceptions import SlotError
from django_ops.logs import service
from django_ops.record import redaction


def test_origin__settings():
    with override_settings(OPS_SERVICE_NAME="shop", OPS_SERVICE_VERSION="1.4.2", OPS_ENVIRONMENT="staging"):
        assert service.origin().service == {"name": "shop", "version": "1.4.2", "environment": "staging"}


def test_origin__defaults():
    assert service.origin().service == {"name": "django", "version": "unknown", "environment": "production"}


def test_origin__process():
    assert service.origin().process == {"pid": os.getpid()}


def test_origin__asked_once():
    assert service.origin() is service.origin()


def test_origin__changed_setting():
    before = service.origin()
    with override_settings(OPS_SERVICE_NAME="shop"):
        assert service.origin().service["name"] == "shop"
    assert service.origin() == before


def test_origin__unrelated_setting():
    before = service.origin()
    with override_settings(OPS_LIVEZ_PATH="/alive"):
        assert service.origin() is before


@pytest.mark.parametrize("value", [None, 5, "", ["x"]])
def test_origin__value_of_the_wrong_type(value):
    with override_settings(OPS_SERVICE_NAME=value):
        assert service.origin().service["name"] == "django"


def test_origin__hides_further_keys():
    with override_settings(OPS_LOG_HIDDEN_KEYS=["tax_number"]):
        service.origin()
        assert redaction.is_hidden("tax_number")
    service.origin()
    assert not redaction.is_hidden("tax_number")


@pytest.mark.parametrize("value", [None, 5, "tax_number"])
def test_origin__hidden_keys_of_the_wrong_type(value):
    with override_settings(OPS_LOG_HIDDEN_KEYS=value):
        service.origin()
    assert not redaction.is_hidden("t")


def test_origin__in_a_process_that_became_a_master(monkeypatch):
    service.origin()
    monkeypatch.setattr(service.slot, "label", lambda: "main")
    service.forget()
    assert service.origin().django_process == {"slot": "main"}


def test_origin__no_slot(monkeypatch):
    def refuse():
        raise SlotError("no")

    monkeypatch.setattr(service.slot, "label", refuse)
    assert service.origin().django_process == {"slot": "unknown"}


def test_origin__in_a_child():
    service.origin()
    child = os.fork()
    if not child:
        os._exit(0 if service.origin().process == {"pid": os.getpid()} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def run(code, **environment):
    script = f"import os\nfrom django_ops.logs import service\n{code}"
    inherited = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-c", script], env={**inherited, **environment}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_origin__before_settings():
    assert run("print(service.origin().service['name'])") == "django"


def test_origin__before_settings_from_the_environment():
    assert run("print(service.origin().service['name'])", OPS_SERVICE_NAME="shop") == "shop"


def test_origin__before_settings_does_not_load_them():
    code = "service.origin()\nfrom django.conf import settings\nprint(settings.configured)"
    assert run(code, DJANGO_SETTINGS_MODULE="tests.settings") == "False"


def test_origin__asked_again_when_there_are_settings():
    code = (
        "before = service.origin().service['name']\n"
        "from django.conf import settings\n"
        "settings.configure(OPS_SERVICE_NAME='shop')\n"
        "print(before, service.origin().service['name'])"
    )
    assert run(code) == "django shop"


def test_take_from__a_masters_view_of_the_settings():
    code = (
        "import types\n"
        "service.take_from(types.SimpleNamespace(OPS_SERVICE_NAME='shop', OPS_ENVIRONMENT=5))\n"
        "child = os.fork()\n"
        "if child: os.waitpid(child, 0)\n"
        "else: print(service.origin().service)"
    )
    assert run(code) == "{'name': 'shop', 'version': 'unknown', 'environment': 'production'}"


def test_take_from__settings_win():
    service.take_from(types.SimpleNamespace(OPS_SERVICE_NAME="master"))
    try:
        assert service.origin().service["name"] == "django"
    finally:
        service._unconfigured = None
