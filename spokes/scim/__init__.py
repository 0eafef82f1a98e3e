"""SCIM 2.0: users and groups of any directory or application that serves them (RFC 7643, RFC 7644)."""
