"""The servers as fixtures: each kind is started once for all tests that want one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.site.servers import KINDS, Server, running


@pytest.fixture(scope="session", params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The test site, run by each kind of server in turn, with one worker."""
    with running(request.param, tmp_path_factory.mktemp("site")) as server:
        yield server
