"""Mistakes in the settings themselves."""

import pytest
from django.test import override_settings


def test_unknown__names_it_and_the_nearest(found):
    with override_settings(OPS_DRAIN_SECOND=5):
        assert found("E001") == [
            "OPS_DRAIN_SECOND is not a setting of django-ops; the nearest one is OPS_DRAIN_SECONDS."
        ]


def test_unknown__far_from_everything_still_names_one(found):
    with override_settings(OPS_XYZ=5):
        assert "the nearest one is OPS_" in found("E001")[0]


def test_unknown__known_ones(found):
    with override_settings(OPS_DRAIN_SECONDS=5, OPS_METRICS_TOKEN_FILE="/x"):
        assert found("E001") == []


def test_unknown__setting_that_is_no_secret_has_no_file(found):
    with override_settings(OPS_SERVICE_NAME_FILE="/x"):
        assert len(found("E001")) == 1


def test_wrong_value__names_setting_and_value(found):
    with override_settings(OPS_DRAIN_SECONDS="5"):
        assert found("E002") == ["OPS_DRAIN_SECONDS must be a number of seconds, 0 or more, not str '5'."]


def test_wrong_value__secret_is_not_told(found):
    with override_settings(OPS_METRICS_TOKEN=b"hunter2"):
        assert found("E002") == ["OPS_METRICS_TOKEN must be a string, not bytes."]


def test_wrong_value__path_of_a_secret(found):
    with override_settings(OPS_METRICS_TOKEN_FILE=7):
        assert found("E002") == ["OPS_METRICS_TOKEN_FILE must be a path, not int."]


def test_wrong_value__defaults(found):
    assert found("E002") == []


def test_secret__missing_file(found):
    with override_settings(OPS_METRICS_TOKEN_FILE="/nonexistent/token"):
        assert found("E003")[0].startswith("OPS_METRICS_TOKEN_FILE names /nonexistent/token, which cannot be read:")


def test_secret__file_that_is_no_text(found, tmp_path):
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    with override_settings(OPS_METRICS_TOKEN_FILE=tmp_path / "token"):
        assert "cannot be read" in found("E003")[0]


def test_secret__empty_file(found, tmp_path):
    (tmp_path / "token").write_text("\n")
    with override_settings(OPS_METRICS_TOKEN_FILE=tmp_path / "token"):
        assert found("E003")[0].endswith("which is empty.")


def test_secret__readable_file(found, tmp_path):
    (tmp_path / "token").write_text("hunter2\n")
    with override_settings(OPS_METRICS_TOKEN_FILE=tmp_path / "token"):
        assert found("E003") == []


def test_secret__given_twice(found):
    with override_settings(OPS_METRICS_TOKEN="x", OPS_METRICS_TOKEN_FILE="/y"):
        assert found("W001") == ["OPS_METRICS_TOKEN and OPS_METRICS_TOKEN_FILE are both set; the file is not read."]


def test_secret__given_once(found):
    with override_settings(OPS_METRICS_TOKEN_FILE="/y"):
        assert found("W001") == []


@pytest.mark.parametrize("name", ["auth.Usr", "nowhere.User", "User", "a.b.c"])
def test_model__unknown(found, name):
    with override_settings(OPS_METRICS_MODELS=[name]):
        assert found("E004")[0].startswith(f"OPS_METRICS_MODELS has {name!r}, which is no model:")


def test_model__known(found):
    with override_settings(OPS_METRICS_MODELS=["auth.User", "*", "auth.group"]):
        assert found("E004") == []


def test_service__default_name_and_version(found):
    assert [sentence.split()[0] for sentence in found("I001")] == ["OPS_SERVICE_NAME", "OPS_SERVICE_VERSION"]


def test_service__named(found):
    with override_settings(OPS_SERVICE_NAME="shop", OPS_SERVICE_VERSION="1.4.2"):
        assert found("I001") == []


def test_django_prometheus__setting(found):
    with override_settings(PROMETHEUS_METRIC_NAMESPACE="shop"):
        assert found("W002") == [
            "PROMETHEUS_METRIC_NAMESPACE is a setting of django-prometheus, which django-ops does not read."
        ]


def test_django_prometheus__still_installed(found, settings):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django_prometheus"]
    settings.PROMETHEUS_METRIC_NAMESPACE = "shop"
    assert found("W002") == []
