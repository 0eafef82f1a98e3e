"""How Dataverse refuses: an error with a code, in the one form that all of them have."""

from __future__ import annotations

from collections.abc import Mapping

from hub.testing import Answer

QUERY = "0x80060888"  # something in the address
PAYLOAD = "0x80048d19"  # something in the body
ARGUMENT = "0x80040203"
GONE = "0x80040217"
GONE_BY_KEY = "0x80060891"
DUPLICATE = "0x80040237"
OTHER_VERSION = "0x80060882"
PRIVILEGE = "0x80040220"
OUT_OF_RANGE = "0x8004431A"
TOO_LONG = "0x80044331"
STATE = "0x80048408"
EXPIRED = "0x80044352"
TOO_MANY = "0x8004E023"
ODATA = {"OData-Version": "4.0"}


class Refused(Exception):
    """An answer that is no success."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}

    def answer(self) -> Answer:
        body = {"error": {"code": self.code, "message": self.message}}
        return Answer(self.status, {**ODATA, **self.headers}, body)


def gone(table: str, id: str) -> Refused:
    return Refused(404, GONE, f"Entity '{table}' With Id = {id} Does Not Exist")
