"""How Graph refuses: an error with a code, in the one form that all of them have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hub.testing import Answer

JSON = {"Content-Type": "application/json"}
BAD = "BadRequest"
REQUEST = "Request_BadRequest"
QUERY = "Request_UnsupportedQuery"
GONE = "Request_ResourceNotFound"
DENIED = "Authorization_RequestDenied"
TOKEN = "InvalidAuthenticationToken"
THROTTLED = "TooManyRequests"
STATE = "syncStateNotFound"
INVALID = "InvalidRequest"
VALIDATION = "ValidationError"
NO_SUBSCRIPTION = "ResourceNotFound"


class Refused(Exception):
    """An answer that is no success."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}

    def answer(self, request_id: str, now: datetime) -> Answer:
        inner = {
            "date": now.strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": request_id,
            "client-request-id": request_id,
        }
        error = {"code": self.code, "message": self.message, "innerError": inner}
        return Answer(self.status, {**JSON, **self.headers}, {"error": error})


def gone(id: str) -> Refused:
    said = (
        f"Resource '{id}' does not exist or one of its queried reference-property objects are "
        "not present."
    )
    return Refused(404, GONE, said)
