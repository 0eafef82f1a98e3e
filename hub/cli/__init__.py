"""The `hub` command."""

from hub.cli.command import main

__all__ = ["main"]
