"""Salesforce without Salesforce: its REST API over loopback TLS, as strict as the real one."""

from spokes.salesforce.sandbox.vendor import SalesforceSandbox

__all__ = ["SalesforceSandbox"]
