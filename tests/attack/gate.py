"""The gate's corpus, sent to a running stack: nobody sees a word of an internal UI."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.attack.target import Held, send
from tests.e2e.stack import Stack
from tests.integration.gate_corpus import CORPUS
from tests.integration.gate_corpus_case import NEVER_IN_HEAD, Case

#: The UIs that stand in for those of the corpus.
_NAMES = {"closed": "prometheus", "strip": "alertmanager"}
#: What only an internal UI says.
_WORDS = (b"celery@", b"<title>Prometheus", b"versionInfo", b"resultType", b'"login"', b"<title>Flower")


def attack(stack: Stack) -> Held:
    """Send each request of the corpus that nobody, or somebody with an unknown session, makes."""
    cases = [case for case in CORPUS if case.by in {"", "gone"}]
    with ThreadPoolExecutor(8) as pool:
        troubles = pool.map(lambda case: _got_past(stack.port, case), cases)
    return Held(len(cases), [trouble for trouble in troubles if trouble])


def _got_past(port: int, case: Case) -> str:
    request = case.request.replace("{session}", "nobody").replace("ops.example.com", f"127.0.0.1:{port}")
    for name, other in _NAMES.items():
        request = request.replace(f"/{name}/", f"/{other}/")
    answer = send(port, request.encode("latin-1"))
    said = [word for word in _WORDS if word in answer]
    for part in answer.split(b"HTTP/1."):
        head = part.partition(b"\r\n\r\n")[0].lower().decode("latin-1")
        said += [word.encode() for word in NEVER_IN_HEAD if word in head]
    return f"{case.name}: the answer has {said}" if said else ""
