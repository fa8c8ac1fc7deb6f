"""A dead man's switch: prints the names of the alerts that it hears of, a line for each message."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Switch(BaseHTTPRequestHandler):
    """Takes what Alertmanager sends to a webhook."""

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        names = sorted({alert["labels"]["alertname"] for alert in message["alerts"]})
        sys.stdout.write(f"{' '.join(names)}\n")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Write nothing."""


if __name__ == "__main__":
    HTTPServer(("", 8000), Switch).serve_forever()
