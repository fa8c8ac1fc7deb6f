"""Production readiness for Django: request logs, metrics, health, drain and password history."""

__version__ = "0.1.0"
