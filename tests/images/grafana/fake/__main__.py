"""Starts the fake: `python3 -m fake`, or prints its version with --version."""

from __future__ import annotations

import json
import os
import signal
import sys
from http.server import ThreadingHTTPServer
from pathlib import Path

from fake import VERSION, RefusedError
from fake.accounts import Accounts
from fake.configuration import read_settings
from fake.provisioning import load
from fake.server import handler

_PORT = 3000


def main() -> int:
    """Serve until SIGTERM; 1 where the configuration is refused."""
    if "--version" in sys.argv:
        sys.stdout.write(f"{VERSION}\n")
        return 0
    environment = os.environ
    schema = json.loads(Path(environment.get("FAKE_SCHEMA", "schema.json")).read_text(encoding="utf-8"))
    try:
        path = Path(environment.get("GF_PATHS_CONFIG", "/etc/grafana/grafana.ini"))
        settings = read_settings(path, schema["$defs"]["ini"], environment)
        accounts = Accounts(settings, Path(environment.get("GF_PATHS_DATA", "/var/lib/grafana")))
        provisioned = load(Path(environment.get("GF_PATHS_PROVISIONING", "/etc/grafana/provisioning")), schema)
    except RefusedError as error:
        sys.stderr.write(f"fake Grafana: {error}\n")
        return 1
    address = ("", int(environment.get("FAKE_PORT", _PORT)))
    server = ThreadingHTTPServer(address, handler(settings, accounts, provisioned))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    found = f"{len(provisioned.sources)} data sources, {len(provisioned.dashboards)} dashboards"
    sys.stdout.write(f"fake Grafana {VERSION}: {found}\n")
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
