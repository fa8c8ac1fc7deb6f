"""Mistakes about the gate itself: which UIs, where, and who carries their traffic."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.shortcuts import resolve_url
from django.urls import LocalePrefixPattern, NoReverseMatch, Resolver404, get_resolver, resolve

from django_ops.access.gate.people import credentials
from django_ops.access.gate.registry import Service, services
from django_ops.checks.middleware import match
from django_ops.checks.proxies import wide_networks
from django_ops.checks.settings import is_usable
from django_ops.checks.table import mistake
from django_ops.conf import conf
from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.extras import install_line

APP = "django_ops.access.gate"
_OTHER_PATHS = ("OPS_LIVEZ_PATH", "OPS_READYZ_PATH", "OPS_METRICS_PATH")


def registered() -> Mapping[str, Service]:
    """Return the UIs; none where the registry cannot be used, which is for E011 to say."""
    try:
        return services()
    except ImproperlyConfiguredError:
        return {}


def mode() -> str:
    """Return who carries the traffic; "" where there are no UIs, or the setting is wrong."""
    return conf.OPS_GATE_MODE if registered() and is_usable("OPS_GATE_MODE") else ""


@mistake("E011", "Internal UIs that cannot be used", remedy="Correct the entry of OPS_GATE_SERVICES.")
def unusable_services() -> Iterator[str]:
    """Access to all of them is denied."""
    if is_usable("OPS_GATE_SERVICES", "OPS_GATE_PREFIX"):
        try:
            services()
        except ImproperlyConfiguredError as error:
            yield str(error)


@mistake("E012", "Internal UIs without the gate's app", remedy=f'Add "{APP}" to INSTALLED_APPS, and run `migrate`.')
def gate_without_app() -> Iterator[str]:
    """Their permissions are not made, their page has no template, and changes of permissions are noticed late."""
    if registered() and not apps.is_installed(APP):
        yield f"OPS_GATE_SERVICES is set, and INSTALLED_APPS has no {APP}."


@mistake(
    "E013",
    "The gate does not know its nginx",
    remedy="Set OPS_TRUSTED_PROXIES to the networks of your nginx, as the application sees it.",
)
def gate_without_proxies() -> Iterator[str]:
    """Who asks whom to let in, and says what a client wants, must be nginx: nobody else's question is answered."""
    if mode() == "nginx" and is_usable("OPS_TRUSTED_PROXIES") and not conf.OPS_TRUSTED_PROXIES:
        yield 'OPS_GATE_MODE is "nginx", and OPS_TRUSTED_PROXIES is empty: every request to a UI will be refused.'


@mistake("E014", "Anybody passes for the gate's nginx", remedy="Name the networks of your own proxies only.")
def gate_with_everybody_as_proxy() -> Iterator[str]:
    """Whoever reaches the application directly could say that a change is a GET, and read the UIs' passwords."""
    if mode() == "nginx" and is_usable("OPS_TRUSTED_PROXIES"):
        for name in wide_networks(conf.OPS_TRUSTED_PROXIES):
            yield f'OPS_GATE_MODE is "nginx", and OPS_TRUSTED_PROXIES has {name}.'


@mistake("E015", "Signing in needs to be signed in", remedy="Move LOGIN_URL out of OPS_GATE_PREFIX, or change that.")
def login_behind_the_gate() -> Iterator[str]:
    """A browser would be sent to sign in for ever, where a UI is; or LOGIN_URL does not name a URL pattern."""
    if not mode():
        return
    try:
        url = str(resolve_url(settings.LOGIN_URL))
    except NoReverseMatch:
        yield f"LOGIN_URL is {settings.LOGIN_URL!r}, which does not name a URL pattern."
        return
    for service in registered().values():
        if url.startswith(service.prefix) or url == service.prefix.rstrip("/"):
            yield f"LOGIN_URL is {url!r}, which is behind the gate to {service.name}."


@mistake(
    "W039",
    "Signing in leads to a page that is not there",
    remedy='Set LOGIN_URL to the page where your users sign in, such as "admin:login". Silence this one where another'
    " application serves that path.",
)
def login_that_is_missing() -> Iterator[str]:
    """Visitors who are not signed in are redirected there from every UI, and get a 404."""
    if not mode():
        return
    try:
        path = urlsplit(str(resolve_url(settings.LOGIN_URL)))
        resolver = get_resolver()
        if any(isinstance(pattern.pattern, LocalePrefixPattern) for pattern in resolver.url_patterns):
            return  # its languages are the request's
        if path.netloc or _leads_somewhere(path.path):
            return
    except Exception:  # E015, or a URLconf that cannot be imported: not ours to say
        return
    yield f"LOGIN_URL is {settings.LOGIN_URL!r}, and the URLconf has nothing at {path.path}."


def _leads_somewhere(path: str) -> bool:
    for candidate in (path, f"{path}/") if settings.APPEND_SLASH else (path,):
        with suppress(Resolver404):
            resolve(candidate)
            return True
    return False


@mistake(
    "E016",
    "Proxy mode without aiohttp",
    remedy=f"Run: {install_line('gate')}, or let nginx carry the traffic.",
)
def proxy_without_client() -> Iterator[str]:
    """Each request to a UI would fail."""
    if mode() == "proxy" and importlib.util.find_spec("aiohttp") is None:
        yield 'OPS_GATE_MODE is "proxy", and aiohttp is not installed.'


@mistake(
    "E017", "The gate stands in the way of another endpoint", remedy="Give each a path that is not within another."
)
def paths_within_each_other() -> Iterator[str]:
    """Of two paths that are one, or one within the other, only one would be answered."""
    if not registered() or not is_usable("OPS_GATE_PREFIX", "OPS_GATE_AUTH_PATH", *_OTHER_PATHS):
        return
    prefix, auth_path = conf.OPS_GATE_PREFIX, conf.OPS_GATE_AUTH_PATH
    if prefix.startswith(auth_path) or auth_path.startswith(prefix):
        yield f"OPS_GATE_PREFIX is {prefix!r}, and OPS_GATE_AUTH_PATH is {auth_path!r}."
    for name in _OTHER_PATHS:
        path = getattr(conf, name)
        for setting, place in (("OPS_GATE_AUTH_PATH", auth_path), ("OPS_GATE_PREFIX", prefix)):
            if path and f"{path}/".startswith(place):
                yield f"{name} is {path!r}, which is within {setting}, {place!r}."


@mistake(
    "E018",
    "File with the password of a UI that cannot be read",
    remedy="Make the file readable for this user, with user:password on one line, or correct its path.",
)
def unreadable_credentials() -> Iterator[str]:
    """The gate to this UI stays shut."""
    for service in registered().values():
        try:
            credentials(service)
        except (OSError, ValueError) as error:
            yield f"OPS_GATE_SERVICES[{service.name!r}]['credentials_file']: {error}."


@mistake(
    "E019",
    "Sessions that do not reach the gate",
    remedy="Set SESSION_COOKIE_PATH to a path that has both the UIs and the page to sign in.",
)
def sessions_of_another_path() -> Iterator[str]:
    """A browser does not send the session to the UIs, so everybody is a stranger there, for ever."""
    path = settings.SESSION_COOKIE_PATH
    if registered() and not conf.OPS_GATE_PREFIX.startswith(path.rstrip("/") + "/"):
        yield f"SESSION_COOKIE_PATH is {path!r}, and OPS_GATE_PREFIX is {conf.OPS_GATE_PREFIX!r}."


@mistake(
    "W024",
    "Internal UIs that nobody carries",
    remedy='Set OPS_GATE_MODE to "nginx" or "proxy", or empty OPS_GATE_SERVICES.',
)
def gate_without_mode() -> Iterator[str]:
    """The gate is off: neither nginx's questions are answered nor are requests carried."""
    if registered() and is_usable("OPS_GATE_MODE") and not conf.OPS_GATE_MODE:
        yield "OPS_GATE_SERVICES is set, and OPS_GATE_MODE is empty."


@mistake(
    "W025",
    "The page of the internal UIs is missing",
    remedy='Add path("", include("django_ops.urls")) to the URLconf, before what answers to everything.',
)
def gate_without_page() -> Iterator[str]:
    """Nobody finds them; in proxy mode, nobody reaches them either."""
    if mode():
        found = match(conf.OPS_GATE_PREFIX)
        if found is None or found.url_name != "ops-gate":
            yield f"The URLconf has no page of the internal UIs at {conf.OPS_GATE_PREFIX}."


@mistake(
    "W026",
    "Permission that nobody can have",
    remedy="Correct the permission, or leave it out: it is ops_gate.view_<name> then.",
)
def permissions_of_no_app() -> Iterator[str]:
    """Only superusers have it."""
    for service in registered().values():
        for permission, _ in service.named_permissions:
            label = permission.partition(".")[0]
            if not any(config.label == label for config in apps.get_app_configs()) and label != "ops_gate":
                yield f"OPS_GATE_SERVICES[{service.name!r}] has the permission {permission!r}, and no app is {label!r}."


@mistake(
    "W041",
    "Internal UI that takes names, and keeps none for itself",
    remedy='Name the UI\'s own accounts in "reserved_names", with their e-mail addresses, such as "admin" and'
    ' "admin@localhost" of a Grafana as it comes.',
)
def names_of_no_account() -> Iterator[str]:
    """Whoever has the same name in Django would be that account: in Grafana, the administrator of the server."""
    for service in registered().values():
        if (service.user_header or service.email_header) and not service.reserved_names:
            yield f"OPS_GATE_SERVICES[{service.name!r}] tells the UI who somebody is, and has no reserved_names."


@mistake("I004", "Websockets that nginx does not carry", remedy='Use OPS_GATE_MODE = "proxy" for this UI.')
def websockets_in_nginx_mode() -> Iterator[str]:
    """nginx cannot end an open one when its user signs out, so none is opened."""
    if mode() == "nginx":
        for service in registered().values():
            if service.websocket:
                yield f'OPS_GATE_SERVICES[{service.name!r}] has websocket, and OPS_GATE_MODE is "nginx".'
