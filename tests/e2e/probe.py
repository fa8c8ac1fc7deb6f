"""A container of the tests on all networks of a stack, which reads its volumes and asks its services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.e2e.commands import docker, wait_for
from tests.e2e.stack import Stack

INSIDE = Path(__file__).with_name("inside.py").read_text(encoding="utf-8")
#: Ends by itself, should nobody remove it.
LIFETIME_SECONDS = 3 * 60 * 60


class Probe:
    """Asks as somebody who is inside would: the networks are internal, and nothing but nginx is published."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.name = f"{stack.project}-probe"
        self.remove()
        image = stack.container("web")["Config"]["Image"]
        mounts = [f"--volume={volume}:/volumes/{name}:ro" for name, volume in stack.volumes().items()]
        networks = stack.networks()
        sleep = f"import time; time.sleep({LIFETIME_SECONDS})"
        options = ("--init", "--user=0:0", f"--network={networks[0]}", "--entrypoint=python", *mounts)
        docker("run", "-d", "--name", self.name, *options, image, "-c", sleep)
        for network in networks[1:]:
            docker("network", "connect", network, self.name)

    def remove(self) -> None:
        """Remove the container, if it is there."""
        docker("rm", "-f", self.name, check=False)

    def ask(self, *questions: dict[str, Any], timeout: float = 60) -> list[dict[str, Any]]:
        """Return the answers to questions as inside.py describes them."""
        script = ("exec", "-i", self.name, "python", "-", json.dumps(questions))
        return json.loads(docker(*script, text=INSIDE, timeout=timeout))

    def http(self, url: str, **question: Any) -> dict[str, Any]:
        """Return status, headers and body of a request made inside, or an error."""
        return self.ask({"kind": "http", "url": url, **question})[0]

    def read(self, path: str) -> str:
        """Return a file of a volume: `secrets-postgres/password`. Raises CommandFailed."""
        return docker("exec", self.name, "cat", f"/volumes/{path}")

    def secret(self, path: str) -> str:
        """Return a secret without the newline at its end. Raises CommandFailed."""
        return self.read(path).rstrip("\n")

    def secret_files(self) -> list[str]:
        """Return the path of every file in the volumes of secrets."""
        found = docker("exec", self.name, "sh", "-c", "cd /volumes && find secrets-* -type f")
        return sorted(found.split())

    def sql_question(self, query: str, database: str) -> dict[str, Any]:
        """Return a question to PostgreSQL as its superuser."""
        return {
            "kind": "sql",
            "host": "postgres",
            "dbname": database,
            "user": self.stack.config["services"]["postgres"]["environment"].get("POSTGRES_USER", "postgres"),
            "password_file": "secrets-postgres/password",
            "query": query,
        }

    def sql(self, query: str, database: str = "postgres") -> list[list[str]]:
        """Return the rows of a query as PostgreSQL's superuser. Raises AssertionError."""
        answer = self.ask(self.sql_question(query, database))[0]
        assert "rows" in answer, answer
        return answer["rows"]

    def elasticsearch(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Return a question to Elasticsearch as its superuser."""
        return {
            "kind": "http",
            "method": method,
            "url": f"http://elasticsearch:9200{path}",
            "user": "elastic",
            "password_file": "secrets-elasticsearch/elastic-password",
            "body": body,
        }

    def redis(self, *commands: str) -> str:
        """Return what Redis answers to the site's user, who signs in first."""
        password = self.secret("secrets-django/redis-url").split(":")[2].partition("@")[0]
        sent = "".join(f"{command}\r\n" for command in (f"AUTH app {password}", *commands))
        return self.ask({"kind": "tcp", "host": "redis", "port": 6379, "send": sent})[0]["text"]

    def search(self, query: dict[str, Any], index: str = "logs-django.ops-*", *, fresh: bool = False) -> dict[str, Any]:
        """Return what Elasticsearch finds, with `fresh` in all that it got until now. Raises AssertionError."""
        question = self.elasticsearch("POST", f"/{index}/_search", query)
        answer = self.refresh(question)[0] if fresh else self.ask(question)[0]
        assert answer.get("status") == 200, answer
        return json.loads(answer["body"])

    def refresh(self, *questions: dict[str, Any]) -> list[dict[str, Any]]:
        """Make what Elasticsearch has got findable, and return the answers to what is asked after that."""
        first = self.elasticsearch("POST", "/logs-django.ops-*/_refresh", "")

        def refreshed() -> list[dict[str, Any]]:
            answers = self.ask(first, *questions)
            return answers if answers[0].get("status") == 200 else []

        return wait_for("Elasticsearch to refresh", refreshed, 60)[1:]

    def prometheus(self, query: str) -> list[dict[str, Any]]:
        """Return the result of an instant query. Raises AssertionError."""
        answer = self.http(
            f"http://prometheus:9090/api/v1/query?{urlencode({'query': query})}",
            user="prometheus",
            password_file="secrets-prometheus/password",
        )
        assert answer.get("status") == 200, answer
        return json.loads(answer["body"])["data"]["result"]
