"""Runs the site with uvicorn on an inherited socket: `python -m tests.integration.proxy_site FD [http parser]`."""

import sys

import django
import uvicorn

if __name__ == "__main__":
    django.setup()
    from tests.integration.proxy_site import views

    views.prepare()
    uvicorn.run(
        "tests.integration.proxy_site.asgi:application",
        fd=int(sys.argv[1]),
        http=sys.argv[2],
        lifespan="on",
        proxy_headers=False,  # or every client on this machine could say where it comes from
        log_config=None,
        timeout_graceful_shutdown=5,
    )
