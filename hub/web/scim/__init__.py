"""SCIM 2.0 (RFC 7643, RFC 7644): directories push users and groups into the hub."""
