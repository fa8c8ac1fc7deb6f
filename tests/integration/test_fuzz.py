"""Hostile requests to every page of the reference project, as gunicorn serves it from PostgreSQL: none is a 500."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.attack import fuzz
from tests.attack.mutations import CSRF_TOKEN, FORM
from tests.attack.wire import Address, Request, address_of, send
from tests.integration.reference_site import PASSWORD, ROOT, ReferenceSite, reference_site
from tests.integration.services import HOST, PostgreSQL, wait_until
from tests.whole_lines import whole_lines

REQUESTS = 600


@pytest.fixture(scope="module")
def site(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReferenceSite]:
    """The site on a database of its own."""
    where = {"host": postgresql.host, "port": postgresql.port, "user": postgresql.user}
    with psycopg.connect(**where, dbname=postgresql.database, autocommit=True) as connection:
        connection.execute("CREATE DATABASE fuzz")
    with reference_site(tmp_path_factory.mktemp("fuzz"), postgresql._replace(database="fuzz")) as running:
        yield running


def lines_of(site: ReferenceSite, request_id: str) -> list[dict[str, Any]]:
    """Return what the site has logged of a request."""
    texts = [line for file in site.logs.glob("*.jsonl") for line in whole_lines(file.read_text()) if request_id in line]
    return [json.loads(text) for text in texts]


def test_hostile_requests__are_never_answered_500(site: ReferenceSite, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    # a process of its own: here the settings are those of other tests
    ended = subprocess.run(
        [sys.executable, "-m", "tests.attack.fuzz", "--url", f"http://{HOST}:{site.port}", "--requests", str(REQUESTS),
         "--seed", "20261201", "--password-file", password],
        cwd=ROOT, env=os.environ | {"DJANGO_SETTINGS_MODULE": "stack.config.settings", "DJANGO_VAR_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{REQUESTS} requests, 0 failures" in ended.stdout
    found = re.search(r"^ +200 +(\d+)$", ended.stdout, re.MULTILINE)
    assert found is not None
    assert int(found[1]) > REQUESTS / 10, f"it never came to the pages: {ended.stdout}"


@pytest.mark.parametrize(
    "request_",
    [
        Request("", cookies=((b"sessionid", b'"abcdefgh\\000"'),)),
        Request("", b"POST", b"/account/login/", (), (), ((b"csrftoken", CSRF_TOKEN),), FORM + b"; charset=utf-16"),
    ],
    ids=["a NUL in the session's cookie", "a form in UTF-16"],
)
def test_hostile_request__is_one_line_and_no_page_to_the_operator(site: ReferenceSite, request_: Request) -> None:
    answer = send(Address(HOST, site.port), request_)
    request_id = re.search(rb"(?i)\nx-request-id: (\w+)", answer.head)
    assert request_id is not None
    wait_until(lambda: bool(lines_of(site, request_id[1].decode())), "the line of the request")
    (line,) = lines_of(site, request_id[1].decode())
    assert (answer.status, line["http"]["response"]["status_code"], line["log.level"]) == (400, 400, "warning")
    assert "error" not in line


def test_list__with_a_filter_that_makes_no_sense_is_shown_without_it(site: ReferenceSite) -> None:
    address = Address(HOST, site.port)
    cookies = ((b"sessionid", fuzz.sign_in(address, "admin", PASSWORD)),)
    senseless = (
        b"/admin/inventory/server/?address__exact=x",
        b"/admin/auth/user/?id__range=1969",
        b"/admin/auth/user/?id__range=0",
    )
    for path in senseless:
        answer = send(address, Request("", path=path, cookies=cookies))
        assert (answer.status, b"\r\nLocation: %s?e=1\r\n" % path.partition(b"?")[0] in answer.head) == (302, True)


def test_object__looked_up_by_an_empty_field_is_looked_up_by_its_key(site: ReferenceSite) -> None:
    address = Address(HOST, site.port)
    cookies = ((b"sessionid", fuzz.sign_in(address, "admin", PASSWORD)),)
    assert send(address, Request("", path=b"/admin/auth/user/1/change/?_to_field=", cookies=cookies)).status == 200


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "http://example.org/", "https://127.0.0.1/", "ftp://127.0.0.1/"])
def test_attacker__speaks_to_this_machine_only(url: str) -> None:
    with pytest.raises(ValueError, match="only a site on this machine is attacked"):
        address_of(url)
