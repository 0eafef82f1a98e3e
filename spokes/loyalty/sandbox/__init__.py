"""A loyalty service on loopback: signed requests, page tokens, erasures, Stripe-style webhooks."""

from spokes.loyalty.sandbox.sandbox import LoyaltySandbox

__all__ = ["LoyaltySandbox"]
