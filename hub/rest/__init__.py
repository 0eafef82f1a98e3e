"""Spokes in YAML alone: for systems for which nobody needs to write Python. None exists yet."""
