"""The endpoints by name; `include("django_ops.urls")` lets users with a permission open `/metrics` and the UIs."""

from django.urls import path

from django_ops.access.gate import urls as gate
from django_ops.conf import conf
from django_ops.health.endpoints import livez, readyz
from django_ops.metrics.endpoint import metrics

urlpatterns = [
    path(conf.OPS_LIVEZ_PATH.lstrip("/") or "livez", livez, name="ops-livez"),
    path(conf.OPS_READYZ_PATH.lstrip("/") or "readyz", readyz, name="ops-readyz"),
    # the name that dashboards leave out of their panels
    path(conf.OPS_METRICS_PATH.lstrip("/") or "metrics", metrics, name="prometheus-django-metrics"),
    *gate.patterns(),
]
