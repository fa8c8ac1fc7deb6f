"""A fake Grafana: reads our configuration, refuses what it does not know, and queries the real data sources."""

#: What /api/health says. The image's tag has the version that compose.yml pins.
VERSION = "0.0.0-fake"


class RefusedError(Exception):
    """The configuration cannot be used; the text is the one line that the operator reads."""
