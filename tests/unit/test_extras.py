import importlib
import sys

import pytest

from django_ops.exceptions import MissingExtraError, OpsError
from django_ops.extras import require


def test_installed_module__is_returned():
    assert require("celery") is importlib.import_module("celery")


def test_module_of_another_name__is_returned():
    assert require("celery", "celery.signals") is importlib.import_module("celery.signals")


def test_missing_module__is_an_error_with_the_command():
    with pytest.raises(MissingExtraError) as raised:
        require("no_such_extra")
    assert str(raised.value).startswith(
        "no_such_extra is not installed. Run: pip install './django-ops[no_such_extra]' (./django-ops is your clone"
    )


def test_missing_module_of_another_name__is_an_error_with_the_extra():
    with pytest.raises(MissingExtraError, match=r"^no_such_module is not installed.*\[kafka\]"):
        require("kafka", "no_such_module")


def test_missing_submodule__is_an_error_with_the_command():
    with pytest.raises(MissingExtraError, match=r"django-ops\[celery\]"):
        require("celery", "celery.no_such_part")


@pytest.mark.parametrize("kind", [OpsError, ImportError])
def test_missing_module__is_an_error_of_both_kinds(kind):
    with pytest.raises(kind):
        require("no_such_extra")


def test_missing_dependency_of_an_installed_module__is_named_itself(tmp_path, monkeypatch):
    """The command for the extra would not help."""
    (tmp_path / "half_installed.py").write_text("import no_such_dependency")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError) as raised:
        require("half", "half_installed")
    assert (type(raised.value), raised.value.name) == (ModuleNotFoundError, "no_such_dependency")


def test_cause__is_kept():
    with pytest.raises(MissingExtraError) as raised:
        require("no_such_extra")
    assert isinstance(raised.value.__cause__, ModuleNotFoundError)


def test_module_that_fails__raises_what_it_raises(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ZeroDivisionError):
        require("broken", "broken_module")


def test_require__is_lazy():
    """No optional package is imported by the package itself."""
    assert "confluent_kafka" not in sys.modules
