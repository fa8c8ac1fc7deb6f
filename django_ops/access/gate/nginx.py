"""The gate in the words of nginx: one text for the http block and one for the server block, made from the registry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from django_ops.access.gate.auth import SIGN_IN
from django_ops.access.gate.decision import REFUSAL
from django_ops.access.gate.nginx_headers import (
    ASKED_WITH,
    FOR_THIS_HOP,
    FORWARDING_HEADERS,
    HIDDEN_RESPONSE_HEADERS,
    IDENTITY_HEADERS,
)
from django_ops.access.gate.paths import DECEPTIVE
from django_ops.access.gate.registry import Service
from django_ops.exceptions import ImproperlyConfiguredError

_APPLICATION = re.compile(r"https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?|\$[a-z_]+")
_FILE = re.compile(r"/[A-Za-z0-9._/-]+")
_VARIABLE = re.compile(r"\$[a-z_]+")

#: Answers of a UI that would make nginx do something: look up a file, or believe that it may keep a page.
_IGNORED = "X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Charset"

#: Whatever the configuration around ours says. The buffers hold an answer's headers, which are longer than most.
_PROXYING = (
    "proxy_http_version 1.1;",
    "proxy_intercept_errors off;",
    "proxy_cache off;",
    "proxy_buffer_size 16k;",
    "proxy_buffers 8 16k;",
    "proxy_busy_buffers_size 32k;",
    "proxy_headers_hash_max_size 2048;",
    "proxy_headers_hash_bucket_size 128;",
)


@dataclass(frozen=True)
class Surroundings:
    """What the nginx configuration around ours calls things. Raises ImproperlyConfiguredError for what is none.

    `application` is where Django listens: `http://host:port`, or a variable that holds that; `scheme` is the variable
    that says whether the client came by http or https, `client` the one with its address. `ca` is the file with the
    certificates of those who may sign for UIs that speak https.
    """

    application: str = "http://127.0.0.1:8000"
    scheme: str = "$scheme"
    client: str = "$remote_addr"
    ca: str = "/etc/ssl/certs/ca-certificates.crt"

    def __post_init__(self) -> None:
        for value, rule, expected in (
            (self.application, _APPLICATION, '"http://host:port" or a variable such as "$application"'),
            (self.scheme, _VARIABLE, 'a variable such as "$scheme"'),
            (self.client, _VARIABLE, 'a variable such as "$remote_addr"'),
            (self.ca, _FILE, 'a path such as "/etc/ssl/certs/ca-certificates.crt"'),
        ):
            if not rule.fullmatch(value):
                raise ImproperlyConfiguredError(f"nginx needs {expected}, not {value!r:.80}.")


def http_part(services: Mapping[str, Service]) -> str:
    """Return what belongs into the http block: which paths and cookies of a request go on to which UI."""
    lines = [
        *_heading("http"),
        "",
        "# Host as the client sent it, with its port, as origin checks need it.",
        *_block("map $http_host $ops_gate_host", ['"" $host;', "default $http_host;"]),
    ]
    for service in services.values():
        lines += ["", *_target_map(service), *_cookie_maps(service)]
    return "\n".join(lines) + "\n"


def server_part(services: Mapping[str, Service], auth_path: str, around: Surroundings) -> str:
    """Return what belongs into the server block: each UI, and how nginx asks Django whom to let in."""
    lines = [
        *_heading("server"),
        "",
        "# Only nginx itself asks, and only by the exact locations below: from outside there is nothing here.",
        *_block(f"location ^~ {auth_path}", ["return 404;"]),
        "# Django does not answer: nginx has made 500 of it.",
        *_block("location @ops_gate_away", ["return 503;"]),
    ]
    if services:
        lines.append("# Refused: with Django's sentence that says why.")
        lines += _block("location @ops_gate_refused", ["default_type text/plain;", "return 403 $ops_gate_refusal;"])
    for service in services.values():
        lines += ["", f"# {service.name} {'-' * (110 - len(service.name))}"]
        lines += _question(service, auth_path, around)
        lines += _sign_in(service, auth_path, around)
        lines += _door(service, services.values(), auth_path, around)
    return "\n".join(lines) + "\n"


def _heading(part: str) -> list[str]:
    return [
        f"# Made by `manage.py ops_gate_nginx {part}` from OPS_GATE_SERVICES: do not edit.",
        f"# Include it in the {part} block, and the other part in the {'server' if part == 'http' else 'http'} block.",
    ]


def _block(head: str, lines: Iterable[str]) -> list[str]:
    return [f"{head} {{", *(f"    {line}" if line else "" for line in lines), "}"]


def _variable(service: Service, what: str) -> str:
    """Return a variable of this UI: of 46 characters at most, as nginx's table of variables has no room for more."""
    return f"$gate_{service.name.replace('-', '_')}_{what}"


# the http block -------------------------------------------------------------------------------------------------------


def _target_map(service: Service) -> list[str]:
    """What the UI is asked for: the client's own words, if they mean one thing only, and that a path of this UI."""
    kept = service.prefix if service.keep_prefix else "/"
    dropped = service.prefix[: len(service.prefix) - len(kept)]
    return [
        f"# {service.name}: nothing for a path that servers read differently (encoded dots, //, \\, #); then 400.",
        *_block(
            f"map $request_uri {_variable(service, 'target')}",
            ['default "";', f'"~^(?!{DECEPTIVE}){dropped}(?<ops_gate_path>{kept}.*)$" $ops_gate_path;'],
        ),
    ]


def _cookie_maps(service: Service) -> Iterator[str]:
    if not service.cookies:
        return
    parts = []
    for number, cookie in enumerate(service.cookies, 1):
        name = "".join(character if character.isalnum() else f"\\x{ord(character):02x}" for character in cookie)
        part = _variable(service, f"c{number}")
        parts.append(part)
        # the sign between = and the value is within the value
        yield from _block(
            f"map $http_cookie {part}",
            ['default "";', f'"~(?:^|;[ \\t]*)(?<ops_gate_crumb>{name}=[^;]*)" "$ops_gate_crumb; ";'],
        )
    yield from _block(
        f'map "{"".join(parts)}" {_variable(service, "cookies")}',
        ['default "";', '"~^(?<ops_gate_kept>.*);[ ]$" $ops_gate_kept;'],
    )


# the server block -----------------------------------------------------------------------------------------------------


def _question(service: Service, auth_path: str, around: Surroundings) -> list[str]:
    """How nginx asks about this UI. Its name is fixed here: nothing that a client sends can name another one."""
    return _block(
        f"location = {auth_path}{service.name}/",
        ["internal;", *_to_django(f"{auth_path}{service.name}/", around)],
    )


def _sign_in(service: Service, auth_path: str, around: Surroundings) -> list[str]:
    """Whom nobody is signed in with: a browser is sent to LOGIN_URL, everybody else is told 401."""
    # a body of unknown length is read although it is not passed on: it must not fill what bodies of others wait in
    lines = ["client_max_body_size 16k;", *_to_django(f"{auth_path}{service.name}/{SIGN_IN}", around)]
    return _block(f"location {_named(service)}", lines)


def _named(service: Service) -> str:
    return f"@ops_gate_{service.name}_sign_in"


def _to_django(path: str, around: Surroundings) -> Iterator[str]:
    """How a question goes to Django: with the few headers that it needs, in our words or the client's."""
    told = {
        "Host": "$ops_gate_host",
        # no body, and no word of one: the sub-request is a GET whatever the client sends (mher/flower#554)
        "Content-Length": '""',
        "Connection": '"close"',
        "X-Forwarded-Host": "$ops_gate_host",
        "X-Forwarded-For": around.client,
        "X-Forwarded-Proto": around.scheme,
        "X-Original-Method": "$request_method",
        "X-Original-URI": "$request_uri",
        "X-Original-Upgrade": "$http_upgrade",
        **{name: f"$http_{name.lower().replace('-', '_')}" for name in ASKED_WITH},
    }
    yield f"set $ops_gate_application {around.application};"
    yield from ("proxy_method GET;", "proxy_pass_request_body off;", "proxy_pass_request_headers off;")
    yield from (f"proxy_set_header {name} {value};" for name, value in told.items())
    yield from _PROXYING
    yield from ("proxy_buffering on;", "proxy_redirect off;", "proxy_connect_timeout 2s;", "proxy_read_timeout 10s;")
    yield f"proxy_pass $ops_gate_application{path};"


def _door(service: Service, every: Iterable[Service], auth_path: str, around: Surroundings) -> Iterator[str]:
    bare = service.prefix.rstrip("/")
    yield from _block(f"location = {bare}", ["absolute_redirect off;", f"return 308 {service.prefix}$is_args$args;"])
    target = _variable(service, "target")
    yield from _block(
        f"location ^~ {service.prefix}",
        [
            f'if ({target} = "") {{',
            "    return 400;",
            "}",
            "satisfy all;",
            "absolute_redirect off;",  # nginx would put its own port into it
            f"auth_request {auth_path}{service.name}/;",
            *(f"auth_request_set {ours} {theirs};" for ours, theirs in _answers(service)),
            f"auth_request_set $ops_gate_refusal $upstream_http_{REFUSAL.lower().replace('-', '_')};",
            f"error_page 401 = {_named(service)};",
            "error_page 403 @ops_gate_refused;",
            "error_page 500 = @ops_gate_away;",
            f"client_max_body_size {service.max_body_bytes};",
            *_request_headers(service, every, around),
            *_response_headers(service),
            *_PROXYING,
            "proxy_buffering off;",  # server-sent events, and long answers, as they come
            "proxy_connect_timeout 5s;",
            f"proxy_send_timeout {service.timeout_seconds * 1000:.0f}ms;",
            f"proxy_read_timeout {service.timeout_seconds * 1000:.0f}ms;",
            *(_tls(service, around) if service.scheme == "https" else []),
            # a variable: nginx looks the name up at the request, and starts without the UI
            f"proxy_pass {service.origin}{target};",
        ],
    )


def _tls(service: Service, around: Surroundings) -> list[str]:
    return [
        "proxy_ssl_server_name on;",
        f"proxy_ssl_name {service.host};",
        "proxy_ssl_verify on;",
        "proxy_ssl_verify_depth 3;",
        f"proxy_ssl_trusted_certificate {around.ca};",
    ]


def _answers(service: Service) -> Iterator[tuple[str, str]]:
    for ours in service.identity_headers:
        word = ours.lower().replace("-", "_")
        yield _variable(service, word.removeprefix("x_ops_").removesuffix("orization")), f"$upstream_http_{word}"


def _request_headers(service: Service, every: Iterable[Service], around: Surroundings) -> Iterator[str]:
    set_by_us = {
        "Host": "$ops_gate_host",
        "X-Forwarded-Host": "$ops_gate_host",
        "X-Forwarded-For": around.client,
        "X-Forwarded-Proto": around.scheme,
        "X-Forwarded-Prefix": '""' if service.keep_prefix else service.prefix.rstrip("/"),
        "Cookie": _variable(service, "cookies") if service.cookies else '""',
        "Connection": '"close"',
    }
    words = {ours: variable for variable, ours in _answers(service)}
    for ours, theirs in service.identity_headers.items():
        set_by_us[theirs] = words[f"$upstream_http_{ours.lower().replace('-', '_')}"]
    for name, value in set_by_us.items():
        yield f"proxy_set_header {name} {value};"
    known = {name.lower() for name in set_by_us}
    yield from (f'proxy_set_header {name} "";' for name in _emptied(every) if name.lower() not in known)


def _emptied(every: Iterable[Service]) -> list[str]:
    """Every header that a client may not send to any UI, each once however it is spelt.

    nginx drops names with _ unless `underscores_in_headers` is on; the names that our UIs read are dropped even then.
    """
    read = [header for service in every for header in service.identity_headers.values()]
    names = {name.lower(): name for name in (*FOR_THIS_HOP, *IDENTITY_HEADERS, *FORWARDING_HEADERS)}
    for header in read:
        for signs in product("-_", repeat=header.count("-")):
            spelt = "".join(part + sign for part, sign in zip(header.split("-"), (*signs, ""), strict=True))
            names.setdefault(spelt.lower(), spelt)
    return [names[key] for key in sorted(names)]


def _response_headers(service: Service) -> Iterator[str]:
    for name in HIDDEN_RESPONSE_HEADERS:
        yield f"proxy_hide_header {name};"
    yield f"proxy_ignore_headers {_IGNORED};"
    if service.cookies:
        yield f"proxy_cookie_path ~^ {service.prefix};"
        yield "proxy_cookie_domain ~^ $host;"
    else:
        yield "proxy_hide_header Set-Cookie;"
    yield from (f"proxy_redirect {found} {public};" for found, public in _redirects(service))


def _redirects(service: Service) -> Iterator[tuple[str, str]]:
    """The beginnings of a Location and what they become; the first that fits counts."""
    own = "/" if service.keep_prefix else service.prefix
    addresses = [service.origin, service.upstream.rstrip("/"), "http://$ops_gate_host", "https://$ops_gate_host"]
    for address in dict.fromkeys(addresses):
        if not service.keep_prefix:
            yield f"{address}{service.prefix}", service.prefix
        yield f"{address}/", own
    if not service.keep_prefix:
        yield service.prefix, service.prefix
        yield "/", service.prefix
