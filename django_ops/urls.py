"""The endpoints by name; `include("django_ops.urls")` lets users with a permission open `/metrics` and the UIs."""

from django.urls import path

from django_ops.access.gate import urls as gate
from django_ops.conf import conf
from django_ops.health.endpoints import livez, readyz
from django_ops.metrics.endpoint import metrics

_ENDPOINTS = (
    (conf.OPS_LIVEZ_PATH, livez, "ops-livez"),
    (conf.OPS_READYZ_PATH, readyz, "ops-readyz"),
    # the name that dashboards leave out of their panels
    (conf.OPS_METRICS_PATH, metrics, "prometheus-django-metrics"),
)

urlpatterns = [
    *(path(where.lstrip("/"), view, name=name) for where, view, name in _ENDPOINTS if where),
    *gate.patterns(),
]
