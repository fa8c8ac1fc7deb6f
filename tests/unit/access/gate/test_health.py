"""Whether the UIs answer: one deadline for all, one question at a time."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from django_ops.access.gate import health
from django_ops.access.gate.health import Board, State, probe
from django_ops.access.gate.registry import parse


class Ui(BaseHTTPRequestHandler):
    """Answers with the status in its path, or when it is told to."""

    may_answer = threading.Event()

    def do_GET(self):
        if self.path == "/slow":
            self.may_answer.wait(5)
        self.send_response(int(self.path[1:]) if self.path[1:].isdecimal() else 200)
        self.send_header("Location", "/500")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def ui(monkeypatch):
    monkeypatch.setattr(health, "DEADLINE_SECONDS", 10.0)  # a machine that pauses for a second fails no test
    Ui.may_answer.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ui)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Ui.may_answer.set()
    server.shutdown()
    thread.join()
    server.server_close()


def service(upstream, name="ui", **entry):
    return parse({name: {"upstream": upstream, **entry}}, "/ops/")[name]


@pytest.mark.parametrize(
    ("health_path", "state"),
    [
        ("/200", State.UP),
        ("/302", State.UP),
        ("/401", State.UP),
        ("/404", State.UP),
        ("/500", State.DOWN),
        ("/503", State.DOWN),
    ],
)
def test_probe__status(ui, health_path, state):
    assert probe(service(ui, health_path=health_path)) is state


def test_probe__nobody_listens(closed_port):
    assert probe(service(f"http://127.0.0.1:{closed_port}")) is State.DOWN


@pytest.mark.parametrize("upstream", ["http://[::1]:PORT", "https://127.0.0.1:PORT", "http://no-such-name.invalid"])
def test_probe__of_every_form(closed_port, upstream):
    assert probe(service(upstream.replace("PORT", str(closed_port)))) is State.DOWN


def test_probe__https_of_a_server_that_speaks_http(ui):
    assert probe(service(ui.replace("http:", "https:"))) is State.DOWN


@pytest.fixture
def board():
    return Board()


def test_board__tells_each(ui, board, closed_port):
    services = [service(ui, "up"), service(f"http://127.0.0.1:{closed_port}", "down")]
    assert board.states(services) == {"up": "up", "down": "down"}


def test_board__waits_for_one_deadline_only(ui, board, monkeypatch):
    monkeypatch.setattr(health, "DEADLINE_SECONDS", 0.3)
    services = [service(ui, f"slow{number}", health_path="/slow") for number in range(20)]
    started = health.monotonic()
    assert set(board.states(services).values()) == {"slow"}
    assert health.monotonic() - started < 3.0  # one deadline tenfold; each waited for in turn would be twice that


def test_board__asks_again_after_a_while(board, monkeypatch):
    answers = [State.UP, State.DOWN]
    now = [100.0]
    monkeypatch.setattr(health, "probe", lambda service: answers.pop(0))
    monkeypatch.setattr(health, "monotonic", lambda: now[0])
    one = service("http://flower:5555")
    assert board.states([one]) == {"ui": "up"}
    now[0] += 4.9
    assert board.states([one]) == {"ui": "up"}
    now[0] += 0.2
    assert board.states([one]) == {"ui": "down"}


def test_board__one_asks_at_a_time(ui, board, monkeypatch):
    asked = []
    begun, release = threading.Event(), threading.Event()

    def probe(service):
        asked.append(service)
        begun.set()
        release.wait(5)
        return State.UP

    monkeypatch.setattr(health, "probe", probe)
    monkeypatch.setattr(health, "DEADLINE_SECONDS", 0.05)
    one = service(ui)
    assert [board.states([one]) for _ in range(3)] == [{"ui": "slow"}] * 3
    assert begun.wait(10)
    release.set()
    assert len(asked) == 1


def test_board__forgets_a_service_of_former_settings(board, monkeypatch):
    monkeypatch.setattr(health, "probe", lambda service: State.UP)
    for number in range(5):
        board.states([service(f"http://flower:{number + 1}")])
    assert len(board._states) == 1


def test_board__probe_that_raises_is_asked_again(board, monkeypatch):
    monkeypatch.setattr(health, "probe", lambda service: State.UP)
    assert board.states([service("http://flower:1")]) == {"ui": "up"}
    assert board._asking == {}
