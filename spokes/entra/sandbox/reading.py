"""Lists, single objects and memberships, as the replica that answers knows them by now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.testing import Answer, Request
from spokes.entra.sandbox import asking
from spokes.entra.sandbox.directory import Commit, Directory
from spokes.entra.sandbox.refusal import BAD, JSON, Refused, gone
from spokes.entra.sandbox.schema import Kind

LIST = frozenset({"$select", "$filter", "$top", "$skiptoken"})
MEMBERS = frozenset({"$select", "$top", "$skiptoken"})
USUAL = 100

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """`as_of` is how far the replica has come; `most` is the longest page, None for theirs."""

    directory: Directory
    url: str
    as_of: datetime
    most: int | None

    def objects(self, kind: Kind, request: Request) -> Answer:
        """A page of users or groups; raises `Refused`."""
        asked = asking.options(request, LIST)
        names, ids = asking.selected(kind, asked), asking.listed(asked)
        states = self._found(kind, ids) if ids else self.directory.live(kind, self.as_of)
        rows = [_shown(state, names) for state in states]
        return self._page(kind.name, f"{kind.name}({','.join(names)})", rows, asked)

    def counted(self, kind: Kind, request: Request) -> Answer:
        """How many there are, as text with a BOM; raises `Refused` to whom it must be exact."""
        asking.options(request, ())
        if request.headers.get("consistencylevel", "").lower() != "eventual":
            raise Refused(400, BAD, "$count is not currently supported.")
        number = len(list(self.directory.live(kind, self.as_of)))
        return Answer(200, {"Content-Type": "text/plain"}, f"\ufeff{number}")

    def object(self, kind: Kind, id: str, request: Request) -> Answer:
        asked = asking.options(request, {"$select"})
        row = _shown(self._state(kind, id), asking.selected(kind, asked))
        context = f"{self.url}/v1.0/$metadata#{kind.name}/$entity"
        return Answer(200, JSON, {"@odata.context": context, **row})

    def members(self, kind: Kind, id: str, request: Request) -> Answer:
        """Direct members: their type, and their id, which is all that the app asks for."""
        asked = asking.options(request, MEMBERS)
        if asked.get("$select") != "id":
            raise Refused(400, BAD, "This sandbox shows nothing but the id of a member.")
        state = self._state(kind, id)
        rows: list[JsonObject] = [
            {"@odata.type": f"#microsoft.graph.{of}", "id": member}
            for member, of in state.members.items()
        ]
        return self._page(f"groups/{id}/members", "directoryObjects(id)", rows, asked)

    def _found(self, kind: Kind, ids: Sequence[str]) -> Iterator[Commit]:
        """Those of the ids that exist; the others are left out, and nobody says so."""
        for id in dict.fromkeys(ids):
            state = self.directory.state(id, self.as_of)
            if state and state.kind is kind and not state.removed:
                yield state

    def _state(self, kind: Kind, id: str) -> Commit:
        for state in self._found(kind, [id]):
            return state
        raise gone(id)

    def _page(
        self, path: str, context: str, rows: Sequence[JsonObject], asked: Mapping[str, str]
    ) -> Answer:
        size = asking.top(asked, USUAL)
        size = min(size, self.most or size)
        start = 0
        if "$skiptoken" in asked:
            start = asking.untoken(asked["$skiptoken"]).get("start", 0)
        body: JsonObject = {"@odata.context": f"{self.url}/v1.0/$metadata#{context}"}
        if len(rows) > start + size:
            told = {name[1:]: value for name, value in asked.items()}
            told["skiptoken"] = asking.token({"start": start + size})
            body["@odata.nextLink"] = asking.link(self.url, path, **told)
        body["value"] = rows[start : start + size]
        return Answer(200, JSON, body)


def _shown(state: Commit, names: Sequence[str]) -> JsonObject:
    return {"id": state.id, **{name: state.values[name] for name in names}}
