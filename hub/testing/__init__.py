"""The kit for spoke authors: sandboxes with faults, replay, and what every spoke must get right.

`hub.testing.conformance` needs pytest and is imported by name; the rest runs without.
"""

from hub.testing.clock import Clock
from hub.testing.faults import Fault, Faults
from hub.testing.host import PortTaken
from hub.testing.journal import Journal
from hub.testing.parts import part
from hub.testing.sandbox import Sandbox, serve
from hub.testing.sender import SentHook
from hub.testing.table import Tables
from hub.testing.wire import Answer, BadCommand, Request

__all__ = [
    "Answer",
    "BadCommand",
    "Clock",
    "Fault",
    "Faults",
    "Journal",
    "PortTaken",
    "Request",
    "Sandbox",
    "SentHook",
    "Tables",
    "part",
    "serve",
]
