"""The internal UIs of compose.yml, behind the gate: what each of them needs to hear, and under which path."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def services(secrets: Path) -> dict[str, dict[str, Any]]:
    """Return OPS_GATE_SERVICES; `secrets` is the directory with the files that open the UIs' own doors."""
    return {
        # Flower has its links from the root of the site, so it is told the prefix: FLOWER_URL_PREFIX in compose.yml
        "flower": {
            "upstream": "http://flower:5555",
            "change_permission": "ops_gate.change_flower",  # to revoke tasks, to end workers
            "credentials_file": secrets / "flower-auth",
            "health_path": "/ops/flower/healthcheck",
        },
        # Grafana alone knows its users one by one, by these two headers: [auth.proxy] in grafana/grafana.ini
        "grafana": {
            "upstream": "http://grafana:3000",
            "user_header": "X-WEBAUTH-USER",
            "role_header": "X-WEBAUTH-ROLE",
            "roles": [("ops_gate.administer_grafana", "Admin"), ("ops_gate.edit_grafana", "Editor")],
            "default_role": "Viewer",
            # its administrator of the server, and as it was called before; the e-mail address of either finds it too
            "reserved_names": (
                "grafana!administrator",
                "grafana!administrator@invalid",
                "grafana",
                "admin@localhost",
            ),
            "encoding": "quoted-printable",
            "keep_prefix": False,
            "health_path": "/api/health",
        },
        # everybody is its user `operator`, who may read the logs and nothing else, not even change its own password
        "kibana": {
            "upstream": "http://kibana:5601",
            "credentials_file": secrets / "kibana-auth",
            "keep_prefix": False,
        },
        "prometheus": {
            "upstream": "http://prometheus:9090",
            "credentials_file": secrets / "prometheus-auth",
            "keep_prefix": False,
            "health_path": "/-/healthy",
        },
        "alertmanager": {
            "upstream": "http://alertmanager:9093",
            "change_permission": "ops_gate.change_alertmanager",  # to silence alerts
            "credentials_file": secrets / "alertmanager-auth",
            "keep_prefix": False,
            "health_path": "/-/healthy",
        },
    }
