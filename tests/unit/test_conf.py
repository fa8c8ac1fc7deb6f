"""The typed settings: defaults, override at use, what is said of wrong values, secrets in files."""

from operator import attrgetter

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from django_ops.conf import Configuration, Secret, conf
from django_ops.exceptions import ImproperlyConfiguredError
from tests.each import each

SETTINGS = {setting.name: setting for setting in conf}


def problem(name, value):
    return SETTINGS[name].problem(value)


def test_conf__default():
    assert conf.OPS_READYZ_TIMEOUT_SECONDS == 2.0


@override_settings(OPS_READYZ_TIMEOUT_SECONDS=0.5)
def test_conf__read_at_use():
    assert conf.OPS_READYZ_TIMEOUT_SECONDS == 0.5


def test_conf__class_attribute_is_the_setting_itself():
    assert Configuration.OPS_SERVICE_NAME.default == "django"


def test_conf__secret_class_attribute_is_the_setting_itself():
    assert isinstance(Configuration.OPS_METRICS_TOKEN, Secret)


@each("setting", conf, name=attrgetter("name"))
def test_setting__has_description(setting):
    assert setting.description.endswith(".")


@each("setting", conf, name=attrgetter("name"))
def test_setting__default_is_valid(setting):
    assert setting.problem(setting.default) is None


@each("setting", conf, name=attrgetter("name"))
def test_setting__names_start_with_the_prefix(setting):
    assert setting.name.startswith("OPS_")


@pytest.mark.parametrize("value", [None, object(), {}, b"", float("nan")], ids=lambda value: type(value).__name__)
@each("setting", conf, name=attrgetter("name"))
def test_setting__foreign_types_are_problems(setting, value):
    if isinstance(value, type(setting.default)):
        value = [value]  # an empty dictionary is foreign to all but the setting that takes one
    assert "must be" in setting.problem(value)


GOOD = [
    ("OPS_SERVICE_NAME", "shop"),
    ("OPS_TRUSTED_PROXIES", ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1", "unix"]),
    ("OPS_TRUSTED_PROXIES", ("10.0.0.0/8",)),
    ("OPS_LIVEZ_PATH", ""),
    ("OPS_LIVEZ_PATH", "/health/live/"),
    ("OPS_METRICS_LABEL_LIMIT", 1),
    ("OPS_METRICS_LATENCY_BUCKETS", [1, 2.5]),
    ("OPS_METRICS_MIGRATIONS", False),
    ("OPS_READYZ_CHECKS", []),
    ("OPS_READYZ_CHECKS", ["database", print]),
    ("OPS_DRAIN_SECONDS", 0),
    ("OPS_DRAIN_FILE", "/run/drain"),
    ("OPS_CELERY_METRICS_ADDRESS", "[::1]:9808"),
    ("OPS_CELERY_METRICS_ADDRESS", ""),
    ("OPS_GATE_SERVICES", {"flower": {"upstream": "http://flower:5555"}}),
    ("OPS_GATE_PREFIX", "/internal/ops/"),
    ("OPS_GATE_MODE", "nginx"),
    ("OPS_GATE_MODE", "proxy"),
    ("OPS_GATE_MODE", ""),
]

BAD = [
    ("OPS_SERVICE_NAME", 1),
    ("OPS_TRUSTED_PROXIES", "10.0.0.0/8"),
    ("OPS_TRUSTED_PROXIES", ["10.0.0.1/8"]),
    ("OPS_TRUSTED_PROXIES", ["internal"]),
    ("OPS_TRUSTED_PROXIES", [1]),
    ("OPS_LIVEZ_PATH", "livez"),
    ("OPS_LIVEZ_PATH", "/livez?x"),
    ("OPS_LIVEZ_PATH", "/li vez"),
    ("OPS_LIVEZ_PATH", "/"),
    ("OPS_LIVEZ_PATH", "//livez"),
    ("OPS_METRICS_LABEL_LIMIT", 0),
    ("OPS_METRICS_LABEL_LIMIT", True),
    ("OPS_METRICS_LABEL_LIMIT", 1.5),
    ("OPS_METRICS_LATENCY_BUCKETS", []),
    ("OPS_METRICS_LATENCY_BUCKETS", [2, 1]),
    ("OPS_METRICS_LATENCY_BUCKETS", [1, 1]),
    ("OPS_METRICS_LATENCY_BUCKETS", [1, float("inf")]),
    ("OPS_METRICS_LATENCY_BUCKETS", [float("nan")]),
    ("OPS_METRICS_MIGRATIONS", 1),
    ("OPS_READYZ_CHECKS", "database"),
    ("OPS_READYZ_CHECKS", [1]),
    ("OPS_DRAIN_SECONDS", "5"),
    ("OPS_DRAIN_SECONDS", -1),
    ("OPS_DRAIN_SECONDS", True),
    ("OPS_DRAIN_SECONDS", float("inf")),
    ("OPS_CELERY_METRICS_ADDRESS", "9808"),
    ("OPS_CELERY_METRICS_ADDRESS", ":9808"),
    ("OPS_CELERY_METRICS_ADDRESS", "localhost:65536"),
    ("OPS_CELERY_METRICS_ADDRESS", "localhost:\u00b2"),
    ("OPS_GATE_SERVICES", ["flower"]),
    ("OPS_GATE_SERVICES", {"flower": "http://flower:5555"}),
    ("OPS_GATE_SERVICES", {1: {}}),
    ("OPS_GATE_PREFIX", "/ops"),
    ("OPS_GATE_PREFIX", "ops/"),
    ("OPS_GATE_PREFIX", "/"),
    ("OPS_GATE_PREFIX", "/ops//x/"),
    ("OPS_GATE_PREFIX", "/o%70s/"),
    ("OPS_GATE_AUTH_PATH", "/../"),
    ("OPS_GATE_MODE", "apache"),
    ("OPS_GATE_MODE", None),
    ("OPS_GATE_CACHE_SECONDS", -1),
]


@each("name, value", GOOD)
def test_problem__good_value(name, value):
    assert problem(name, value) is None


@each("name, value", BAD)
def test_problem__bad_value(name, value):
    assert problem(name, value).startswith("must be ")


def test_problem__says_what_it_got():
    assert problem("OPS_DRAIN_SECONDS", "5") == "must be a number of seconds, 0 or more, not str '5'"


def test_problem__long_value_is_cut():
    assert len(problem("OPS_METRICS_LABEL_LIMIT", "x" * 10_000)) < 200


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(SETTINGS)), anything)
def test_problem__never_raises(name, value):
    problem(name, value)


# secrets -------------------------------------------------------------------------------------------------------


def test_secret__default_is_empty():
    assert conf.OPS_METRICS_TOKEN == ""


@override_settings(OPS_METRICS_TOKEN="secret")
def test_secret__as_a_value():
    assert conf.OPS_METRICS_TOKEN == "secret"


def test_secret__as_a_file_without_the_line_end(tmp_path):
    path = tmp_path / "token"
    path.write_text("secret\n")
    with override_settings(OPS_METRICS_TOKEN_FILE=path):
        assert conf.OPS_METRICS_TOKEN == "secret"


def test_secret__file_is_read_at_each_use(tmp_path):
    path = tmp_path / "token"
    path.write_text("old")
    with override_settings(OPS_METRICS_TOKEN_FILE=path):
        assert conf.OPS_METRICS_TOKEN == "old"
        path.write_text("new")
        assert conf.OPS_METRICS_TOKEN == "new"


@override_settings(OPS_METRICS_TOKEN="value", OPS_METRICS_TOKEN_FILE="/nonexistent")
def test_secret__value_wins_over_file():
    assert conf.OPS_METRICS_TOKEN == "value"


@override_settings(OPS_METRICS_TOKEN_FILE="/nonexistent/token")
def test_secret__missing_file_names_setting_and_path():
    with pytest.raises(ImproperlyConfiguredError, match="OPS_METRICS_TOKEN_FILE names /nonexistent/token"):
        _ = conf.OPS_METRICS_TOKEN


def test_secret__file_that_is_no_text(tmp_path):
    path = tmp_path / "token"
    path.write_bytes(b"\xff\xfe\x00")
    with override_settings(OPS_METRICS_TOKEN_FILE=path), pytest.raises(ImproperlyConfiguredError):
        _ = conf.OPS_METRICS_TOKEN


def test_secret__problem_does_not_tell_the_value():
    assert problem("OPS_METRICS_TOKEN", b"hunter2") == "must be a string, not bytes"
