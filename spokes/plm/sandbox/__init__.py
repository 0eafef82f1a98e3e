"""A PLM on loopback: OAuth2, Link paging, ETags, idempotency keys, Standard Webhooks."""

from spokes.plm.sandbox.sandbox import PlmSandbox

__all__ = ["PlmSandbox"]
