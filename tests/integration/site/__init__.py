"""A small site that real servers run in the integration tests: settings, views, and how each server is started."""
