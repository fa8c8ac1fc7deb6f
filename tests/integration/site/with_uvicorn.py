"""Runs the site with uvicorn on the socket whose descriptor is the argument, logging as the site does."""

import sys

import uvicorn

if __name__ == "__main__":
    uvicorn.run(
        "tests.integration.site.asgi:application",
        fd=int(sys.argv[1]),
        log_config=None,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
