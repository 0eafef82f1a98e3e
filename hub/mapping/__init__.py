"""How an external record reads as a record of ours, and back: mapping files, compiled."""

from hub.mapping.examples import check_examples
from hub.mapping.faults import BadMapping, Fault, RecordFailed
from hub.mapping.kinds import Ref
from hub.mapping.mapping import Child, Mapping, explain, load

__all__ = [
    "BadMapping",
    "Child",
    "Fault",
    "Mapping",
    "RecordFailed",
    "Ref",
    "check_examples",
    "explain",
    "load",
]
