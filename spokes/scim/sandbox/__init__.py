"""A SCIM server on loopback: scim2-server over its memory storage, with a clock of its own."""

from spokes.scim.sandbox.sandbox import ScimSandbox

__all__ = ["ScimSandbox"]
