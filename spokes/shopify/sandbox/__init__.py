"""A Shopify shop on loopback: GraphQL Admin API, search, cost bucket, webhooks with retries."""

from spokes.shopify.sandbox.sandbox import ShopifySandbox

__all__ = ["ShopifySandbox"]
