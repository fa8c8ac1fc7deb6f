"""The UIs behind the gate as the settings name them."""

from contextlib import suppress

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from django_ops.access.gate.registry import default_permission, parse, services
from django_ops.conf import conf
from django_ops.exceptions import ImproperlyConfiguredError
from tests.each import each

PREFIX = "/ops/"


def one(**entry):
    """Parse one entry, which has an upstream unless it says otherwise."""
    return parse({"flower": {"upstream": "http://flower:5555", **entry}}, PREFIX)["flower"]


def complaint(raw, prefix=PREFIX):
    with pytest.raises(ImproperlyConfiguredError) as raised:
        parse(raw, prefix)
    return str(raised.value)


def about(**entry):
    return complaint({"flower": {"upstream": "http://flower:5555", **entry}})


# what one line gives -------------------------------------------------------------------------------------------------


def test_defaults__title():
    assert parse({"task-monitor": {"upstream": "http://a"}}, PREFIX)["task-monitor"].title == "Task monitor"


def test_defaults__permission():
    assert one().permission == "ops_gate.view_flower"


def test_defaults__permission_of_a_name_with_dashes():
    assert default_permission("task-monitor") == "ops_gate.view_task_monitor"


def test_defaults__nothing_is_told_and_no_cookie_passes():
    service = one()
    assert (dict(service.identity_headers), service.cookies, service.websocket) == ({}, (), False)


def test_prefix__has_the_name():
    assert one().prefix == "/ops/flower/"


@pytest.mark.parametrize(("keep", "path"), [(True, "/ops/flower/"), (False, "/")])
def test_health_path__is_where_the_ui_is_reached(keep, path):
    assert one(keep_prefix=keep).health_path == path


# the upstream --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("upstream", "scheme", "host", "port"),
    [
        ("http://flower:5555", "http", "flower", 5555),
        ("http://flower:5555/", "http", "flower", 5555),
        ("http://flower", "http", "flower", 80),
        ("https://grafana.internal", "https", "grafana.internal", 443),
        ("http://[::1]:9090", "http", "[::1]", 9090),
        ("http://[::1]", "http", "[::1]", 80),
        ("http://10.0.0.7:9090", "http", "10.0.0.7", 9090),
        ("http://task_monitor:1", "http", "task_monitor", 1),
    ],
)
def test_upstream__is_taken_apart(upstream, scheme, host, port):
    service = one(upstream=upstream)
    assert (service.scheme, service.host, service.port) == (scheme, host, port)
    assert service.origin == f"{scheme}://{host}:{port}"


@each(
    "upstream",
    [
        "", "flower:5555", "//flower:5555", "ftp://flower", "unix:/run/flower", "http://", "http://:5555",
        "http://user:word@flower", "http://flower/path", "http://flower?x", "http://flower#x", "http://flower?",
        "http://flower:0", "http://flower:65536", "http://flower:x", "http://flo wer", "http://flower\n", "http://flower;",
        "http://$host", "http://flower{", 'http://flo"wer', "http://flo\twer", "http://[::1", "http://-flower",
        "http://flower\\x", 5555, None, ["http://flower"],
    ],
)  # fmt: skip
def test_upstream__that_is_no_place(upstream):
    assert "['upstream'] must be \"http://host:port\"" in about(upstream=upstream)


@pytest.mark.parametrize(
    ("keep", "path", "expected"),
    [
        (True, "/ops/flower/", "/ops/flower/"),
        (True, "/ops/flower/a?b", "/ops/flower/a?b"),
        (False, "/ops/flower/", "/"),
        (False, "/ops/flower/a%2Fb?c", "/a%2Fb?c"),
    ],
)
def test_upstream_path__with_and_without_prefix(keep, path, expected):
    assert one(keep_prefix=keep).upstream_path(path) == expected


@pytest.mark.parametrize("path", ["/ops/grafana/", "/ops/flower", "/", ""])
def test_upstream_path__outside_of_the_prefix(path):
    with pytest.raises(ValueError, match="is not under /ops/flower/"):
        one().upstream_path(path)


# what is wrong with an entry -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Flower", "1flower", "flo_wer", "flo/wer", "flower\n", "..", "f" * 33, "flöwer"])
def test_name__that_cannot_be_in_a_path(name):
    assert "begin with a lower-case letter" in complaint({name: {"upstream": "http://a"}})


def test_key__unknown_names_the_nearest():
    assert (
        about(upstrem="x")
        == "OPS_GATE_SERVICES['flower'] has the unknown key 'upstrem'; the nearest one is 'upstream'."
    )


@pytest.mark.parametrize("key", ["name", "prefix"])
def test_key__that_is_ours_to_make(key):
    assert f"unknown key '{key}'" in about(**{key: "x"})


def test_key__upstream_is_missing():
    assert 'has no "upstream"' in complaint({"flower": {}})


@each(
    "key, value",
    [
        ("title", "a\nb"), ("title", "x" * 81), ("title", 1),
        ("permission", "view_flower"), ("permission", "a.b.c"), ("permission", "a b.c"),
        ("health_path", "healthz"), ("health_path", "/a b"), ("health_path", '/a"'), ("health_path", "/a;b"),
        ("user_header", "X_User"), ("user_header", "X User"), ("user_header", "X-User;"), ("user_header", "Cookie"),
        ("user_header", "X-Forwarded-For"), ("user_header", "Host"), ("user_header", "X-Ops-User"),
        ("user_header", "Sec-Fetch-Site"), ("user_header", "content-length"),
        ("roles", "Admin"), ("roles", ["Admin"]), ("roles", [("a.b",)]), ("roles", [("a.b", "")]),
        ("roles", [("a.b", "é")]), ("roles", [("a", "b")]), ("roles", [(1, "b")]),
        ("default_role", "a\n"), ("cookies", "grafana_session"), ("cookies", ["a b"]), ("cookies", ["a;b"]),
        ("cookies", ["a$b"]), ("cookies", [""]), ("websocket", 1), ("keep_prefix", None), ("encoding", "base64"),
        ("timeout_seconds", 0), ("timeout_seconds", True), ("timeout_seconds", "5"), ("timeout_seconds", 1e9),
        ("max_body_bytes", 0), ("max_body_bytes", 1.5), ("max_body_bytes", True),
    ],
)  # fmt: skip
def test_key__wrong_value(key, value):
    text = about(**{key: value})
    assert text.startswith(f"OPS_GATE_SERVICES['flower'][{key!r}] must be ")
    assert repr(value)[:100] in text


@pytest.mark.parametrize("cookie", ["sessionid", "csrftoken"])
def test_cookies__django_s_own(cookie):
    assert "which is Django's own" in about(cookies=[cookie])


@override_settings(SESSION_COOKIE_NAME="sid")
def test_cookies__django_s_own_under_another_name():
    assert "which is Django's own" in about(cookies=["sid"])


def test_headers__two_facts_in_one():
    assert "writes two facts into one header" in about(user_header="Remote-User", email_header="remote-user")


def test_roles__without_a_header():
    assert 'no "role_header"' in about(roles=[("a.b", "Admin")])


def test_setting__is_no_dictionary():
    assert complaint(["flower"]).startswith("OPS_GATE_SERVICES must be a dictionary")


def test_prefix__is_none():
    assert complaint({}, "ops").startswith("OPS_GATE_PREFIX must be a path")


# once per value ------------------------------------------------------------------------------------------------------


def test_services__are_none_by_default():
    assert dict(services()) == {}


def test_services__are_parsed_once():
    with override_settings(OPS_GATE_SERVICES={"flower": {"upstream": "http://a"}}):
        assert services() is services()


def test_services__follow_the_settings():
    with override_settings(OPS_GATE_SERVICES={"flower": {"upstream": "http://a"}}):
        assert list(services()) == ["flower"]
        with override_settings(OPS_GATE_PREFIX="/internal/"):
            assert services()["flower"].prefix == "/internal/flower/"
    assert dict(services()) == {}


def test_services__cannot_be_changed():
    with override_settings(OPS_GATE_SERVICES={"flower": {"upstream": "http://a"}}), pytest.raises(TypeError):
        services()["grafana"] = services()["flower"]


def test_services__can_be_keys():
    assert len({one(), one(), one(title="Other")}) == 2


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["upstream", "title", "permission", "health_path", "user_header", "roles", "cookies", "encoding", "upstrem"]


@given(st.dictionaries(st.sampled_from(["flower", "a-b", "No"]), st.dictionaries(st.sampled_from(KEYS), anything)))
def test_parse__raises_nothing_else(raw):
    with suppress(ImproperlyConfiguredError):
        parse(raw, conf.OPS_GATE_PREFIX)
