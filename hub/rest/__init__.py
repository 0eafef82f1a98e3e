"""Spokes in YAML alone: `spokes/NAME/spoke.yaml` becomes a spoke class (docs/rest.md)."""

from hub.rest.document import BadSpoke
from hub.rest.schema import schema
from hub.rest.spoke import load, spoke_of

__all__ = ["BadSpoke", "load", "schema", "spoke_of"]
