"""Starts the exporter; upstream's image has a file of this name too."""

from src.cli import cli

cli(auto_envvar_prefix="CE")
