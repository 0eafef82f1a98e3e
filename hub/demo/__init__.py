"""The whole journey, played against two sandboxes and checked on both sides at every step."""

from hub.demo.play import Failed, play

__all__ = ["Failed", "play"]
