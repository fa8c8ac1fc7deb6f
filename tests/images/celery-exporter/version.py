"""Tells the version that is installed: the exporter itself has no option for that."""

from importlib.metadata import version

print(version("prometheus-exporter-celery"))  # noqa: T201
