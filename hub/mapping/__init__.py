"""How an external record reads as a record of ours, and back: mapping files, compiled."""

from hub.mapping.declaration import MatchRule
from hub.mapping.examples import Outcome, check_examples, run_examples, untouched
from hub.mapping.explained import Line, explain, explain_deletion
from hub.mapping.faults import BadMapping, Fault, RecordFailed
from hub.mapping.files import load
from hub.mapping.frames import Raw
from hub.mapping.functions import ABSENT
from hub.mapping.heads import Head
from hub.mapping.kinds import Ref
from hub.mapping.mapping import Child, Mapping
from hub.mapping.overlay import SHIPPED
from hub.mapping.pages import split

__all__ = [
    "ABSENT",
    "SHIPPED",
    "BadMapping",
    "Child",
    "Fault",
    "Head",
    "Line",
    "Mapping",
    "MatchRule",
    "Outcome",
    "Raw",
    "RecordFailed",
    "Ref",
    "check_examples",
    "explain",
    "explain_deletion",
    "load",
    "run_examples",
    "split",
    "untouched",
]
