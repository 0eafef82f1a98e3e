"""Shopify: orders, customers, refunds and returns of one shop."""
