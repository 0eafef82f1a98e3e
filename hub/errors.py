"""Why a job failed, and therefore what happens next.

    SyncError
    ├── Transient       try again later                            5xx, timeout, reset, lock
    ├── RateLimited     wait as told, then go on; costs no attempt  429, quota
    ├── AuthFailed      stop the connection until somebody signs in again
    ├── Conflict        the other side moved on: hear it out, then retry
    ├── CursorLost      start over by reconciling
    ├── MappingFailed   our mapping is wrong: fix it, then replay
    └── Permanent       they refused the data: a person must look
        └── NotFound    the record is gone

Anything else that is raised is a bug of ours, and is retried like `Transient`: the next
release may fix it.
"""

from __future__ import annotations

from datetime import timedelta


class SyncError(Exception):
    """Base of everything that a spoke or a mapping may raise on purpose."""


class Transient(SyncError):
    """A passing fault: network, timeout, 5xx, a locked row."""


class RateLimited(SyncError):
    """Too many calls. `retry_after` says how long the whole connection must be quiet."""

    def __init__(self, message: str, retry_after: timedelta = timedelta(minutes=1)) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AuthFailed(SyncError):
    """Credentials are missing, expired or revoked, or lack a permission."""


class Conflict(SyncError):
    """The external record changed since we last saw it."""


class CursorLost(SyncError):
    """They no longer know where we stopped: everything must be listed again."""


class MappingFailed(SyncError):
    """A record does not fit its mapping file."""


class Permanent(SyncError):
    """The external system refused, and would refuse again."""


class NotFound(Permanent):
    """The external record does not exist (any more)."""
