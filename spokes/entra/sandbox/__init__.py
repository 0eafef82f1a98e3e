"""A tenant on loopback: Graph's users, groups, change tracking, and change notifications."""

from spokes.entra.sandbox.vendor import EntraSandbox

__all__ = ["EntraSandbox"]
