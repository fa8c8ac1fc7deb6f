"""The page of the UIs and, in proxy mode, the UIs themselves."""

from __future__ import annotations

from django.urls import URLPattern, path

from django_ops.access.gate.page import page
from django_ops.conf import conf


def patterns() -> list[URLPattern]:
    """Return the URLs of the mode that is on; none where the gate is off."""
    prefix = conf.OPS_GATE_PREFIX.lstrip("/")
    found: list[URLPattern] = []
    if conf.OPS_GATE_MODE:
        found.append(path(prefix, page, name="ops-gate"))
    if conf.OPS_GATE_MODE == "proxy":
        from django_ops.access.gate.proxy import proxy

        found.append(path(f"{prefix}<slug:name>/", proxy, name="ops-gate-service"))
        found.append(path(f"{prefix}<slug:name>/<path:path>", proxy, name="ops-gate-proxy"))
    return found
