"""The errors that Salesforce answers with: an array of objects, whatever the status."""

from __future__ import annotations

from collections.abc import Sequence

from hub.testing import Answer


class Refused(Exception):
    """A request that the real one would refuse, with its errorCode and the fields it names."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = list(fields)

    def answer(self) -> Answer:
        return Answer(self.status, body=[self.entry("errorCode")])

    def entry(self, name: str) -> dict[str, object]:
        """One error; Collections call its code `statusCode`, all others `errorCode`."""
        entry: dict[str, object] = {"message": self.message, name: self.code}
        return entry | {"fields": self.fields} if self.fields or name == "statusCode" else entry


def not_found() -> Refused:
    return Refused(404, "NOT_FOUND", "The requested resource does not exist")


def deleted() -> Refused:
    return Refused(404, "ENTITY_IS_DELETED", "entity is deleted")
