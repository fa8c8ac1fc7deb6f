"""Brings Elasticsearch to what this repository says: roles, users, templates, data stream, retention; then Kibana.

It may run as often as one likes: what is right is left alone. Without an argument it waits for Elasticsearch, and loads
Kibana's saved objects if Kibana is up already; with the argument `kibana` it waits for Kibana, and does only that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import people
import saved_objects
import templates
from client import Answer, Server, SetupError

HERE = Path(__file__).resolve().parent
SECRETS = Path(os.environ.get("SECRETS_DIRECTORY") or "/run/secrets/elasticsearch-setup")
ELASTICSEARCH_URL = os.environ.get("ELASTICSEARCH_URL") or "http://elasticsearch:9200"
KIBANA_URL = os.environ.get("KIBANA_URL") or "http://kibana:5601"
#: A month of lines: what one looks back to, and what a small disk holds.
RETENTION = os.environ.get("LOG_RETENTION") or "30d"
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


def main(arguments: list[str]) -> None:
    """Do what the command line says; exits with 1 and one message where that is impossible."""
    if arguments not in ([], ["kibana"]):
        sys.exit("usage: setup.py [kibana]")
    try:
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
