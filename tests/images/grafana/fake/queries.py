"""Runs what a panel asks for, against the real data source, and answers in Grafana's frames."""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from fake.provisioning import DataSource

#: Longer than Prometheus lets a query run on a machine of this size.
_TIMEOUT_SECONDS = 30
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Answer:
    """What a data source said."""

    status: int
    body: bytes
    content_type: str = "application/json"

    @property
    def document(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return {"error": self.body.decode(errors="replace")}


def forward(source: DataSource, method: str, path: str, body: bytes | None = None, content_type: str = "") -> Answer:
    """Send a request to the data source with its credentials; 502 where it cannot be reached."""
    request = urllib.request.Request(f"{source.url}/{path.lstrip('/')}", data=body, method=method)
    credentials = base64.b64encode(f"{source.user}:{source.password}".encode()).decode()
    request.add_header("Authorization", f"Basic {credentials}")
    if content_type:
        request.add_header("Content-Type", content_type)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            return Answer(response.status, response.read(), response.headers.get("Content-Type", ""))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read(), error.headers.get("Content-Type", ""))
    except OSError as error:
        return Answer(502, json.dumps({"error": str(error)}).encode())


def health(source: DataSource) -> Answer:
    """Ask the data source something small, with its credentials."""
    if source.kind == "prometheus":
        answer = forward(source, "GET", "api/v1/query?query=1%2B1")
    else:
        answer = forward(source, "GET", "_cluster/health")
        if answer.status == 200:
            body = json.dumps({"size": 0, "sort": [source.options["timeField"]]}).encode()
            answer = forward(source, "POST", f"{source.options['index']}/_search", body, "application/json")
    if answer.status == 200:
        return Answer(200, b'{"status":"OK","message":"Data source is working"}')
    return Answer(400, json.dumps({"status": "ERROR", "message": f"{answer.status}: {answer.document}"}).encode())


def run(sources: dict[str, DataSource], request: dict[str, Any]) -> Answer:
    """Answer POST /api/ds/query: a result for each query, and 400 when one of them fails."""
    results = {}
    now = time.time()
    start, end = (_moment(str(request.get(key, default)), now) for key, default in (("from", "now-5m"), ("to", "now")))
    for query in request.get("queries", []):
        source = sources.get(query.get("datasource", {}).get("uid", ""))
        if source is None:
            results[query.get("refId", "A")] = {"status": 404, "error": "data source not found", "frames": []}
        elif source.kind != "prometheus":
            results[query["refId"]] = {"status": 501, "error": "the fake queries Prometheus only", "frames": []}
        else:
            results[query["refId"]] = _prometheus(source, query, start, end)
    status = max((result["status"] for result in results.values()), default=400)
    return Answer(200 if status == 200 else 400, json.dumps({"results": results}).encode())


def _prometheus(source: DataSource, query: dict[str, Any], start: float, end: float) -> dict[str, Any]:
    scrape = _seconds(source.options["timeInterval"])
    step = max(int(query.get("intervalMs", 0)) // 1000, scrape)
    # https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/
    variables = {"$__rate_interval": f"{max(step + scrape, 4 * scrape)}s", "$__interval": f"{step}s"}
    expression = query.get("expr", "")
    for name, value in variables.items():
        expression = expression.replace(name, value)
    instant = query.get("instant") and not query.get("range")
    parameters = {"query": expression, **({"time": end} if instant else {"start": start, "end": end, "step": step})}
    body = urllib.parse.urlencode(parameters).encode()
    path = "api/v1/query" if instant else "api/v1/query_range"
    answer = forward(source, "POST", path, body, "application/x-www-form-urlencoded")
    if answer.status != 200:
        return {"status": 400, "error": str(answer.document.get("error", answer.document)), "frames": []}
    frames = [_frame(query["refId"], series) for series in answer.document["data"]["result"]]
    return {"status": 200, "frames": frames}


def _frame(reference: str, series: dict[str, Any]) -> dict[str, Any]:
    samples = series.get("values") or [series["value"]]
    return {
        "schema": {
            "refId": reference,
            "fields": [
                {"name": "Time", "type": "time"},
                {"name": "Value", "type": "number", "labels": series["metric"]},
            ],
        },
        "data": {"values": [[int(at * 1000) for at, _ in samples], [_number(value) for _, value in samples]]},
    }


def _number(text: str) -> float | None:
    value = float(text)
    return value if value - value == 0 else None


def _moment(text: str, now: float) -> float:
    """Return a time in seconds: "now", "now-1h", or milliseconds since 1970."""
    match = re.fullmatch(r"now(?:-(\d+[smhd]))?", text)
    if match:
        return now - (_seconds(match.group(1)) if match.group(1) else 0)
    return float(text) / 1000


def _seconds(text: str) -> int:
    return int(text[:-1]) * _UNITS[text[-1]]
