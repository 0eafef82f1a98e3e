"""What is still to be done, in SQL, so that it commits together with what caused it.

Read `hub.queue.jobs` first; `hub.queue.worker` runs the jobs.
"""

from hub.queue import rates, revivals
from hub.queue.chunks import Group, Together
from hub.queue.clock import DatabaseClock
from hub.queue.crew import beat, claim, claim_suspect, leave, rescue
from hub.queue.jobs import Claimed, LostLease, Request, done, fence, finish, put, still_ours
from hub.queue.lanes import WEIGHTS, Lane
from hub.queue.letters import Dead, Which, dead, drop, revive
from hub.queue.settle import Pause, bury, hand_back, hold, pause, paused, resume, retry
from hub.queue.tally import Count, counts
from hub.queue.wake import wake_others
from hub.queue.words import unhurried
from hub.queue.worker import Worker

__all__ = [
    "WEIGHTS",
    "Claimed",
    "Count",
    "DatabaseClock",
    "Dead",
    "Group",
    "Lane",
    "LostLease",
    "Pause",
    "Request",
    "Together",
    "Which",
    "Worker",
    "beat",
    "bury",
    "claim",
    "claim_suspect",
    "counts",
    "dead",
    "done",
    "drop",
    "fence",
    "finish",
    "hand_back",
    "hold",
    "leave",
    "pause",
    "paused",
    "put",
    "rates",
    "rescue",
    "resume",
    "retry",
    "revivals",
    "revive",
    "still_ours",
    "unhurried",
    "wake_others",
]
