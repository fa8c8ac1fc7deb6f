"""Runs within a container on the stack's networks, fed to `python -`: asks what its argument says, prints JSON.

Needs the standard library only. Each question is a dict with a `kind`:
http: method, url, headers, body, user, password; tcp: host, port, send; sql: host, port, dbname, user, password, query.
In place of a password, `password_file` may name a file of a volume: secrets-postgres/password.
"""

import base64
import json
import socket
import sys
import urllib.error
import urllib.request

#: On a busy machine: who answers does so in a second.
TIMEOUT_SECONDS = 30


class Stay(urllib.request.HTTPRedirectHandler):
    """Shows a redirect instead of following it."""

    def redirect_request(self, *_):
        """Follow nothing."""
        return


def http(question):
    """Return status, headers and body."""
    headers = dict(question.get("headers") or {})
    if "user" in question:
        pair = f"{question['user']}:{question['password']}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    body = question.get("body")
    if isinstance(body, (dict, list)):
        body, headers["Content-Type"] = json.dumps(body), "application/json"
    request = urllib.request.Request(
        question["url"], body.encode() if body is not None else None, headers, method=question.get("method")
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)
    try:
        response = opener.open(request, timeout=question.get("timeout", TIMEOUT_SECONDS))
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return {
            "status": response.status,
            "headers": {name.lower(): value for name, value in response.headers.items()},
            "body": response.read().decode("utf-8", "replace"),
        }


def tcp(question):
    """Return what a server says to some bytes."""
    address = (question["host"], question["port"])
    with socket.create_connection(address, timeout=question.get("timeout", 10)) as connection:
        connection.sendall(question["send"].encode())
        received = b""
        try:
            while len(received) < 65536 and (some := connection.recv(65536)):
                received += some
                if received.endswith(b"\r\n"):
                    break
        except TimeoutError:
            pass
    return {"text": received.decode("utf-8", "replace")}


def sql(question):
    """Return the rows of a query to PostgreSQL."""
    import psycopg

    options = {key: question[key] for key in ("host", "port", "dbname", "user", "password") if key in question}
    with psycopg.connect(**options, connect_timeout=30, autocommit=True) as connection:
        cursor = connection.execute(question["query"])
        return {"rows": [list(map(str, row)) for row in cursor.fetchall()] if cursor.description else []}


def lookup(question):
    """Return whether a name is known here."""
    try:
        return {"address": socket.gethostbyname(question["host"])}
    except OSError:
        return {"address": None}


KINDS = {"http": http, "tcp": tcp, "sql": sql, "lookup": lookup}


def answer(question):
    """Return the answer to one question, or what went wrong."""
    try:
        if "password_file" in question:
            with open(f"/volumes/{question['password_file']}", encoding="utf-8") as file:
                question = {**question, "password": file.read().rstrip("\n")}
        return KINDS[question["kind"]](question)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


json.dump([answer(question) for question in json.loads(sys.argv[1])], sys.stdout)
