"""The site in proxy mode as a fixture: started once for all tests that want it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.proxy_site.processes import Site, running


@pytest.fixture(scope="session")
def proxy_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site in proxy mode, run by uvicorn, and its UI."""
    with running(tmp_path_factory.mktemp("proxy-site")) as site:
        yield site
