"""Loyalty: the members of a customer card, and their points."""
