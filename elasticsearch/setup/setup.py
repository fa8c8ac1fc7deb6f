"""Brings Elasticsearch to what this repository says: roles, users, templates, data stream, retention; then Kibana.

It may run as often as one likes: what is right is left alone. Without an argument it waits for Elasticsearch, and loads
Kibana's saved objects if Kibana is up already; with the argument `kibana` it waits for Kibana, and does only that. With
the argument `keep` it goes on for ever, and keeps the lines below their size.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import people
import saved_objects
import size
import templates
from client import Answer, Server, SetupError

HERE = Path(__file__).resolve().parent
SECRETS = Path(os.environ.get("SECRETS_DIRECTORY") or "/run/secrets/elasticsearch-setup")
ELASTICSEARCH_URL = os.environ.get("ELASTICSEARCH_URL") or "http://elasticsearch:9200"
KIBANA_URL = os.environ.get("KIBANA_URL") or "http://kibana:5601"
#: A month of lines: what one looks back to, and what a small disk holds.
RETENTION = os.environ.get("LOG_RETENTION") or "30d"
#: And what they may take on the disk, whatever comes: 7 million lines at the 700 bytes of a request's, which is 120,000
#: requests a day for a month, as nginx has a line for each too.
SIZE = os.environ.get("LOG_SIZE") or "5gb"
#: By what comes in a minute, the lines may be above their size: 60 MB at 1,000 lines a second.
KEEP_EVERY_SECONDS = float(os.environ.get("KEEP_EVERY_SECONDS") or 60)
HEARTBEAT = Path("/tmp/heartbeat")  # noqa: S108 - for the container's health check
#: A node on a slow machine takes 40 s to start, and some more to open its indices.
DEADLINE_SECONDS = float(os.environ.get("DEADLINE_SECONDS") or 180)
#: Right after the start, users may not be readable yet.
_REFUSALS = 20


def say(text: str) -> None:
    """Tell people what was done."""
    sys.stdout.write(f"elasticsearch-setup: {text}\n")
    sys.stdout.flush()


def set_up_elasticsearch() -> None:
    """Do what is to be done in Elasticsearch. Raises SetupError."""
    server = Server(ELASTICSEARCH_URL, "elastic", people.password(SECRETS, "elastic-password"))
    refused = 0

    def ready(answer: Answer) -> bool:
        nonlocal refused
        refused += answer.status == 401
        if refused > _REFUSALS:
            raise SetupError(
                f"{server.url} refuses the password of elastic: its data remember another one than elastic-password."
                " Restore that secret, or remove the volume elasticsearch-data to start without old lines."
            )
        return answer.status == 200

    server.wait("/_cluster/health?wait_for_status=yellow&timeout=5s", ready, DEADLINE_SECONDS)
    people.ensure_roles(server, HERE, say)
    people.ensure_users(server, SECRETS, say)
    templates.ensure(server, HERE.parent, RETENTION, say)
    say("all is as it should be")


def set_up_kibana(wait: bool) -> None:
    """Load Kibana's saved objects; without `wait` only if it is up. Raises SetupError."""
    path = HERE.parents[1] / "kibana" / "saved-objects.ndjson"
    kibana = Server(KIBANA_URL, "elastic", people.password(SECRETS, "elastic-password"))  # people may only read
    if wait:
        kibana.wait("/api/status", lambda answer: answer.status == 200, DEADLINE_SECONDS)
    elif not saved_objects.is_up(kibana):
        say("Kibana is not up yet; for its data view: docker compose run --rm elasticsearch-setup kibana")
        return
    say(f"{saved_objects.load(kibana, path)} saved objects loaded into Kibana")


def keep_for_ever() -> None:
    """Keep age and size until SIGTERM. An Elasticsearch that is away is asked again. Raises SetupError at the start."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    most = size.most_bytes(SIZE)
    server = Server(ELASTICSEARCH_URL, "keeper", people.password(SECRETS, "password"))
    while True:
        try:
            size.keep(server, most, say)
            HEARTBEAT.touch()
        except (SetupError, OSError) as error:
            say(f"the size of the lines is not kept: {error}")
        time.sleep(KEEP_EVERY_SECONDS)


def main(arguments: list[str]) -> None:
    """Do what the command line says; exits with 1 and one message where that is impossible."""
    if arguments not in ([], ["kibana"], ["keep"]):
        sys.exit("usage: setup.py [kibana | keep]")
    try:
        if arguments == ["keep"]:
            keep_for_ever()
        if arguments:
            set_up_kibana(wait=True)
            return
        set_up_elasticsearch()
        try:
            set_up_kibana(wait=False)
        except (SetupError, OSError) as error:  # no reason to ship no lines
            say(f"Kibana has no data view: {error}")
    except (SetupError, OSError) as error:
        sys.exit(f"elasticsearch-setup: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
