"""A fake registry, named so: it hands out one image over Docker's real protocol, and can be told to lie."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class Registry:
    """What it hands out: manifests by tag and digest, blobs by digest."""

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.address = ""

    def push(self, tag: str, saved: bytes, **labels: str) -> str:
        """Take an image as `docker save` writes it, with more labels, under a tag; return its digest."""
        with tarfile.open(fileobj=io.BytesIO(saved)) as archive:

            def read(name: str) -> bytes:
                file = archive.extractfile(name)
                assert file is not None
                return file.read()

            (told,) = json.loads(read("manifest.json"))
            config = json.loads(read(told["Config"]))
            config["config"]["Labels"] = {**(config["config"].get("Labels") or {}), **labels}
            layers = [self._blob(LAYER, gzip.compress(read(name), 1, mtime=0)) for name in told["Layers"]]
        parts = {"config": self._blob(CONFIG, json.dumps(config).encode()), "layers": layers}
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **parts}).encode()
        self.manifests[tag] = self.manifests[_digest(manifest)] = manifest
        return _digest(manifest)

    def _blob(self, media_type: str, content: bytes) -> dict[str, Any]:
        self.blobs[_digest(content)] = content
        return {"mediaType": media_type, "size": len(content), "digest": _digest(content)}

    def find(self, path: str) -> tuple[str, bytes] | None:
        """Return the type and the content of what is at a path, such as /v2/name/manifests/tag."""
        kind, reference = path.split("/")[-2:]
        if kind == "manifests" and reference in self.manifests:
            return MANIFEST, self.manifests[reference]
        if kind == "blobs" and reference in self.blobs:
            return "application/octet-stream", self.blobs[reference]
        return ("application/json", b"{}") if path == "/v2/" else None


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@contextmanager
def registry() -> Iterator[Registry]:
    """Run one on 127.0.0.1, which engines ask by plain HTTP."""
    serving = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = serving.find(self.path)
            content_type, content = found or ("application/json", b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            if content_type == MANIFEST:
                # a liar says what it was asked for
                asked = self.path.rpartition("/")[2]
                self.send_header("Docker-Content-Digest", asked if asked.startswith("sha256:") else _digest(content))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815 - the name that the server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield serving
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
