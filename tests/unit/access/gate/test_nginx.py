"""What nginx is told; what it makes of it: tests/integration/test_gate_nginx.py."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from django_ops.access.gate.nginx import Surroundings, http_part, server_part
from django_ops.access.gate.nginx_headers import names_of_identity
from django_ops.access.gate.registry import parse
from django_ops.exceptions import ImproperlyConfiguredError

ENTRIES = {
    "flower": {"upstream": "http://flower:5555"},
    "grafana": {
        "upstream": "https://grafana.internal",
        "user_header": "X-WEBAUTH-USER",
        "role_header": "X-WEBAUTH-ROLE",
        "cookies": ["grafana_session"],
        "timeout_seconds": 2.5,
        "max_body_bytes": 1000,
    },
    "task-monitor": {"upstream": "http://[::1]:80", "keep_prefix": False},
}
SERVICES = parse(ENTRIES, "/ops/")
AUTH_PATH = "/_ops/gate/"


def server(services=SERVICES, **around):
    return server_part(services, AUTH_PATH, Surroundings(**around))


def block(head, text=None):
    """Return the lines of one block."""
    found = re.search(rf"^{re.escape(head)} {{\n(.*?)^}}", text or server(), re.DOTALL | re.MULTILINE)
    assert found, head
    return [line.strip() for line in found[1].splitlines()]


@pytest.mark.parametrize("part", ["http", "server"])
def test_text__says_where_it_is_from(part):
    text = http_part(SERVICES) if part == "http" else server()
    assert text.startswith(f"# Made by `manage.py ops_gate_nginx {part}` from OPS_GATE_SERVICES: do not edit.\n")


def test_text__is_the_same_each_time():
    again = parse(ENTRIES, "/ops/")
    assert (http_part(again), server(again)) == (http_part(SERVICES), server())


def test_registry_and_configuration__are_equal():
    """Each service has its place, its question and its answer, and nothing else has."""
    text = server()
    assert re.findall(r"^location \^~ (\S+) ", text, re.MULTILINE) == [
        AUTH_PATH, *(service.prefix for service in SERVICES.values()),
    ]  # fmt: skip
    assert re.findall(r"auth_request (\S+);", text) == [f"{AUTH_PATH}{name}/" for name in SERVICES]
    assert re.findall(r"^location = (/_ops\S+) ", text, re.MULTILINE) == [f"{AUTH_PATH}{name}/" for name in SERVICES]


@pytest.mark.parametrize("name", SERVICES)
def test_question__is_about_this_service(name):
    """The rule: the name is fixed in the configuration, never derived from what a client sends."""
    assert f"auth_request {AUTH_PATH}{name}/;" in block(f"location ^~ /ops/{name}/")
    lines = block(f"location = {AUTH_PATH}{name}/")
    assert "internal;" in lines
    assert f"proxy_pass $ops_gate_application{AUTH_PATH}{name}/;" in lines


def test_question__has_no_body_and_few_headers():
    """flower#554: a sub-request that kept Content-Length would hang."""
    lines = block(f"location = {AUTH_PATH}flower/")
    assert {
        "proxy_pass_request_body off;",
        "proxy_pass_request_headers off;",
        'proxy_set_header Content-Length "";',
    } <= set(lines)


def test_place_from_outside__is_nothing():
    assert block(f"location ^~ {AUTH_PATH}") == ["return 404;"]


def test_identity__is_ours():
    lines = block("location ^~ /ops/grafana/")
    assert "auth_request_set $gate_grafana_user $upstream_http_x_ops_user;" in lines
    assert "proxy_set_header X-WEBAUTH-USER $gate_grafana_user;" in lines


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_accept_3__every_other_identity_is_emptied(service):
    """ACCEPT 3: own ones are set, those of all services and of the world are emptied, each once."""
    lines = block(f"location ^~ {service.prefix}")
    names = [line.split()[1].lower() for line in lines if line.startswith("proxy_set_header ")]
    assert len(names) == len(set(names))
    emptied = {line.split()[1].lower() for line in lines if re.fullmatch(r'proxy_set_header \S+ "";', line)}
    own = {header.lower() for header in service.identity_headers.values()}
    assert set(names_of_identity(SERVICES.values())) - own <= emptied
    assert own & emptied == set()


def test_accept_3__names_that_are_read_are_emptied_in_every_spelling():
    lines = block("location ^~ /ops/flower/")
    for spelling in ("X-Webauth-User", "X_WEBAUTH_USER", "X-WEBAUTH_USER", "X_WEBAUTH-USER"):
        assert f'proxy_set_header {spelling} "";' in lines


@pytest.mark.parametrize("name", ["Authorization", "Upgrade", "TE", "X-Original-Uri", "X-Original-Method", "Proxy"])
def test_header__is_emptied(name):
    assert f'proxy_set_header {name} "";' in block("location ^~ /ops/flower/")


def test_cookies__none():
    lines = block("location ^~ /ops/flower/")
    assert {'proxy_set_header Cookie "";', "proxy_hide_header Set-Cookie;"} <= set(lines)


def test_cookies__of_the_list():
    lines = block("location ^~ /ops/grafana/")
    assert "proxy_set_header Cookie $gate_grafana_cookies;" in lines
    assert "proxy_cookie_path ~^ /ops/grafana/;" in lines
    assert "map $http_cookie $gate_grafana_c1 {" in http_part(SERVICES)


def test_limits__of_the_service():
    lines = block("location ^~ /ops/grafana/")
    assert {"client_max_body_size 1000;", "proxy_read_timeout 2500ms;", "proxy_ssl_server_name on;"} <= set(lines)


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("flower", "http://flower:5555"),
        ("grafana", "https://grafana.internal:443"),
        ("task-monitor", "http://[::1]:80"),
    ],
)
def test_upstream__is_looked_up_at_the_request(name, origin):
    assert f"proxy_pass {origin}$gate_{name.replace('-', '_')}_target;" in block(f"location ^~ /ops/{name}/")


def target(name, request_uri):
    """Do as nginx's map does, with its regular expression."""
    pattern = next(
        line.strip()[2:].rpartition('" ')[0]
        for line in block(f"map $request_uri $gate_{name}_target", http_part(SERVICES))
        if line.strip().startswith('"~')
    )
    found = re.search(pattern.replace("(?<", "(?P<").replace("(?P<!", "(?<!"), request_uri)
    return found["ops_gate_path"] if found else ""


@pytest.mark.parametrize(
    ("name", "request_uri", "expected"),
    [
        ("flower", "/ops/flower/a%2Fb?c", "/ops/flower/a%2Fb?c"),
        ("flower", "/ops/flower/../x", ""),
        ("flower", "/ops/grafana/", ""),
        ("task_monitor", "/ops/task-monitor/a%2Fb?c", "/a%2Fb?c"),
        ("task_monitor", "/ops/task-monitor/", "/"),
        ("task_monitor", "/ops/task-monitor//x", ""),
    ],
)
def test_target__of_a_request(name, request_uri, expected):
    assert target(name, request_uri) == expected


def test_tls__is_verified():
    lines = block("location ^~ /ops/grafana/", server(ca="/run/secrets/ca.pem"))
    assert {
        "proxy_ssl_verify on;",
        "proxy_ssl_name grafana.internal;",
        "proxy_ssl_trusted_certificate /run/secrets/ca.pem;",
    } <= set(lines)


def test_tls__not_without_it():
    assert not any("ssl" in line and "proxy_set_header" not in line for line in block("location ^~ /ops/flower/"))


def test_names__are_short_enough():
    """PCRE takes 32 characters for a capture, nginx's table of variables 46; a service's name may have 32."""
    entry = {**ENTRIES["grafana"], "email_header": "X-Email", "credentials_file": "/x", "cookies": [*"abcdefghijkl"]}
    services = parse({"a" * 32: entry}, "/ops/")
    text = http_part(services) + server(services)
    assert max(len(name) for name in re.findall(r"\(\?<(\w+)>", text)) <= 32
    assert max(len(name) for name in re.findall(r"(?:map \S+|map \".*\"|set|auth_request_set) \$(\w+)", text)) <= 46


# surroundings -------------------------------------------------------------------------------------------------------


def test_surroundings__are_named():
    text = server(application="$application", scheme="$forwarded_proto", client="$real")
    lines = block("location ^~ /ops/flower/", text)
    assert {"proxy_set_header X-Forwarded-Proto $forwarded_proto;", "proxy_set_header X-Forwarded-For $real;"} <= set(
        lines
    )
    assert "set $ops_gate_application $application;" in block(f"location = {AUTH_PATH}flower/", text)


@pytest.mark.parametrize(
    "around",
    [
        {"application": "127.0.0.1:8000"}, {"application": "http://a/b"}, {"application": "http://a; return 200"},
        {"application": "$a}"}, {"scheme": "https"}, {"scheme": "$a;"}, {"client": ""}, {"ca": "ca.crt"},
        {"ca": "/a;b"},
    ],
)  # fmt: skip
def test_surroundings__that_are_none(around):
    with pytest.raises(ImproperlyConfiguredError, match="nginx needs"):
        Surroundings(**around)


# the command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def gate():
    with override_settings(OPS_GATE_SERVICES=ENTRIES):
        yield


def printed(*arguments):
    out = StringIO()
    call_command("ops_gate_nginx", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(("part", "text"), [("http", http_part(SERVICES)), ("server", server())])
def test_command__prints(gate, part, text):
    assert printed(part) == text


def test_command__takes_surroundings(gate):
    assert printed("server", "--application", "$application") == server(application="$application")


def test_command__check_of_the_same(gate, tmp_path):
    (tmp_path / "file").write_text(printed("http"))
    assert printed("http", "--check", str(tmp_path / "file")) == ""


def test_command__check_of_another(gate, tmp_path):
    (tmp_path / "file").write_text(printed("server").replace("auth_request /_ops/gate/flower/;", ""))
    out = StringIO()
    with pytest.raises(CommandError, match="is not what OPS_GATE_SERVICES says") as raised:
        call_command("ops_gate_nginx", "server", "--check", str(tmp_path / "file"), stdout=out)
    assert raised.value.returncode == 1
    assert "\n+    auth_request /_ops/gate/flower/;\n" in out.getvalue()


def test_command__check_of_nothing(gate, tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        printed("http", "--check", str(tmp_path / "none"))


@override_settings(OPS_GATE_SERVICES={"flower": {}})
def test_command__registry_that_cannot_be_used():
    with pytest.raises(CommandError, match='has no "upstream"'):
        printed("http")


def test_command__surroundings_that_are_none(gate):
    with pytest.raises(CommandError, match="nginx needs"):
        printed("server", "--scheme", "https")
