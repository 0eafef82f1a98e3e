"""A Tryton to test against, with its errors inside a 200."""

from spokes.tryton.sandbox.sandbox import TrytonSandbox

__all__ = ["TrytonSandbox"]
