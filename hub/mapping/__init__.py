"""How an external record reads as a record of ours, and back: mapping files, compiled."""

from hub.mapping.declaration import MatchRule
from hub.mapping.examples import check_examples
from hub.mapping.faults import BadMapping, Fault, RecordFailed
from hub.mapping.frames import Raw
from hub.mapping.functions import ABSENT
from hub.mapping.heads import Head
from hub.mapping.kinds import Ref
from hub.mapping.mapping import Child, Mapping, explain, load
from hub.mapping.pages import split

__all__ = [
    "ABSENT",
    "BadMapping",
    "Child",
    "Fault",
    "Head",
    "Mapping",
    "MatchRule",
    "Raw",
    "RecordFailed",
    "Ref",
    "check_examples",
    "explain",
    "load",
    "split",
]
