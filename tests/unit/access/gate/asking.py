"""The settings by which nginx asks, and who is signed in."""

from django_ops.access.gate import people
from django_ops.access.gate.decision import Person

ANN = Person("7", "ann", "ann@example.com", may_open=True, role="Editor")
SERVICES = {
    "flower": {"upstream": "http://flower:5555"},
    "grafana": {
        "upstream": "http://grafana:3000",
        "user_header": "X-WEBAUTH-USER",
        "role_header": "X-WEBAUTH-ROLE",
        "default_role": "Viewer",
        "websocket": True,
    },
}
GATE = {
    "OPS_GATE_SERVICES": SERVICES,
    "OPS_GATE_MODE": "nginx",
    "OPS_TRUSTED_PROXIES": ["127.0.0.1"],
    "ALLOWED_HOSTS": ["testserver"],
    "LOGIN_URL": "/account/login/",
}
FROM_NGINX = {"HTTP_X_ORIGINAL_METHOD": "GET", "HTTP_X_ORIGINAL_URI": "/ops/flower/tasks?x=y"}


def sign_in(monkeypatch):
    """Let Ann be signed in; the value of "person" says who is instead, and an exception is raised."""
    known = {"person": ANN}

    def find(cookies, service):
        if isinstance(known["person"], Exception):
            raise known["person"]
        return known["person"]

    monkeypatch.setattr(people, "find", find)
    return known
