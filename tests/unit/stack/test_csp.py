"""Every page of Django's own has a strict policy, and nothing in it that the policy would stop."""

import re

import pytest

from stack.config.csp import POLICY

#: What browsers do not run or apply under the policy: scripts and styles within the page, and addresses elsewhere.
STOPPED = re.compile(
    r"<script(?![^>]*\ssrc=)(?![^>]*type=.?application/json)|<style|\sstyle=|\son[a-z]+=|javascript:"
    r"|<(?:script|img|link|iframe)[^>]*\s(?:src|href)=.?(?:https?:)?//",
    re.IGNORECASE,
)
PAGES = [
    "/", "/servers/", "/servers/add/", "/report/", "/account/login/", "/account/password/", "/demo/", "/nowhere/",
    "/admin/", "/admin/auth/user/", "/admin/auth/user/add/", "/admin/auth/user/1/change/", "/admin/inventory/server/",
    "/admin/inventory/server/add/", "/admin/password_change/", "/metrics",
]  # fmt: skip


@pytest.mark.parametrize("query", ["", "?q=<script>alert(1)</script>&o=1"])
def test_pages__have_the_policy_and_nothing_that_it_stops(admin_client, make_server, query):
    make_server("web-01", tags=("web",))
    answers = {page: admin_client.get(page + query) for page in PAGES}
    assert [page for page, it in answers.items() if it.headers.get("Content-Security-Policy") != POLICY] == []
    bodies = {page: it.content.decode() for page, it in answers.items() if "html" in it.headers["Content-Type"]}
    assert {page: found[0] for page, body in bodies.items() if (found := STOPPED.search(body))} == {}


def test_sign_in_and_error_pages__have_it_too(client, db):
    client.raise_request_exception = False
    for page in ("/admin/login/", "/admin/", "/demo/error/", "/account/login/"):
        answer = client.get(page)
        assert answer.headers["Content-Security-Policy"] == POLICY, page
        assert not STOPPED.search(answer.content.decode()), page
