"""Which paths of a site hold a secret, as nginx is told while its image is built."""

import re
from types import ModuleType

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.test import override_settings
from django.urls import include, path, re_path

from django_ops.logs.hidden_routes import entries_of_site
from tests.each import each


def view(request, **kwargs):
    """Never asked."""


URLS = [
    path("reset/<uidb64>/<token>/", view),
    path("a.b/<path:file>/<str:api_key>/edit/", view),
    path("orders/<int:pk>/", view),
    re_path(r"^confirm-email/(?P<key>[-:\w]+)/$", view),
    path("shop/", include([path("pay/<pin>", view), re_path(r"^r/(?P<slug>[a-z]+)/(?P<token>.*)$", view)])),
    *i18n_patterns(path("verify/<slug:code_token>/", view)),
]


@pytest.fixture(scope="module")
def masked():
    module = ModuleType("urls_with_secrets")
    module.urlpatterns = URLS
    with override_settings(ROOT_URLCONF=module):
        entries = re.findall(r'"~((?:[^"\\]|\\.)*)"', entries_of_site())
    patterns = [
        re.compile(re.sub(r"\\(.)", r"\1", entry).replace("(?P<masking_kept>", "(?P<kept>")) for entry in entries
    ]
    return lambda text: next((found["kept"] for found in (each.match(text) for each in patterns) if found), text)


@each(
    "text, kept",
    [
        ("/reset/MQ/c2x5b1-0d8f3a/", "/reset/MQ/"),
        ("/reset/MQ/c2x5b1-0d8f3a", "/reset/MQ/"),
        ("/a.b/x/y/k1/edit/", "/a.b/x/"),
        ("/a-b/x/y/k1/edit/", "/a-b/x/y/k1/edit/"),
        ("/orders/17/", "/orders/17/"),
        ("/confirm-email/MQ:1abc/", "/confirm-email/"),
        ("/shop/pay/1234", "/shop/pay/"),
        ("/shop/r/x/t0ken", "/shop/r/"),
        ("/de/verify/abc/", "/de/verify/"),
        ("/verify/abc/", "/verify/"),
        ("/", "/"),
    ],
)
def test_entries_of_site__keep_what_is_before_the_secret(masked, text, kept):
    assert masked(text) == kept


def test_entries_of_site__without_hidden_arguments():
    module = ModuleType("urls_without_secrets")
    module.urlpatterns = [path("orders/<int:pk>/", view)]
    with override_settings(ROOT_URLCONF=module):
        assert entries_of_site() == ""
