"""An authorization server and an API that takes only its newest token, in one `Loopback` answer."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from tests.http.loopback import Heard, Loopback, Reply

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Issuer:
    """Issues `access-1`, `access-2` ... at /token, and rotates `refresh-1`, `refresh-2` ..."""

    def __init__(self, server: Loopback) -> None:
        self.server = server
        self.url = f"{server.url}/token"
        self.asked: list[Heard] = []
        self.answers: list[Reply] = []  # given first, instead of a token
        self.extra: dict[str, object] = {}
        self.rotates = False
        self.refresh = "refresh-0"
        self.valid = ""
        self.now = START
        self.together = threading.Barrier(1)  # refused calls are answered when all have come
        self._lock = threading.Lock()
        server.answer = self.answer

    def clock(self) -> datetime:
        return self.now

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)

    @property
    def calls(self) -> list[str]:
        """The tokens that the API was called with."""
        return [heard.bearer for heard in self.server.heard if heard.path != "/token"]

    def answer(self, heard: Heard) -> Reply:
        if heard.path == "/token":
            with self._lock:
                return self._token(heard)
        if heard.bearer == self.valid:
            return Reply(body={"body": heard.body.decode()})
        self.together.wait(10)
        return Reply(401, [{"errorCode": "INVALID_SESSION_ID"}])

    def _token(self, heard: Heard) -> Reply:
        self.asked.append(heard)
        if self.answers:
            return self.answers.pop(0)
        if heard.form.get("refresh_token", self.refresh) != self.refresh:
            return Reply(400, {"error": "invalid_grant"})
        number = len(self.asked)
        self.valid = f"access-{number}"
        token = {"access_token": self.valid, "token_type": "Bearer"} | self.extra
        if self.rotates:
            self.refresh = token["refresh_token"] = f"refresh-{number}"
        return Reply(body=token)
