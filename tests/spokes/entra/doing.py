"""What tests do to a tenant, and read of it, in few words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import hub
from spokes.entra.sandbox import EntraSandbox
from spokes.entra.spoke import Entra

STREAMS = {stream.name: stream for stream in Entra.streams}


def user(tenant: EntraSandbox, name: str, **data: Any) -> str:
    given = {"displayName": name, "userPrincipalName": f"{name.lower()}@contoso.example", **data}
    return str(tenant.mutate({"do": "create", "stream": "users", "data": given}))


def group(tenant: EntraSandbox, name: str, members: Sequence[str] = (), **data: Any) -> str:
    given = {"displayName": name, **data}
    id = str(tenant.mutate({"do": "create", "stream": "groups", "data": given}))
    for member in members:
        tenant.mutate({"do": "join", "group": id, "member": member})
    return id


def update(tenant: EntraSandbox, stream: str, id: str, **data: Any) -> None:
    tenant.mutate({"do": "update", "stream": stream, "id": id, "data": data})


def do(tenant: EntraSandbox, what: str, **more: Any) -> Any:
    return tenant.mutate({"do": what, **more})


def pages(spoke: Entra, stream: str, cursor: str | None = None, *wants: str) -> list[hub.Page]:
    asked = hub.Stream(stream, wants=wants)
    return list(islice(spoke.pull(asked, cursor), 500))


def told(pulled: Sequence[hub.Page]) -> list[hub.Change]:
    return [change for page in pulled for change in page.changes]


def start(spoke: Entra, stream: str, *wants: str) -> str:
    """The cursor after everything that there is."""
    return pages(spoke, stream, None, *wants)[-1].cursor


def news(spoke: Entra, stream: str, cursor: str | None, *wants: str) -> dict[str, Any]:
    """What a pull tells, by id; no object may come twice."""
    changes = told(pages(spoke, stream, cursor, *wants))
    by_id = {change.id: change.data for change in changes}
    assert len(by_id) == len(changes), "an object was told twice"
    return by_id


def delivered(tenant: EntraSandbox) -> list[int]:
    """The statuses of everything that was sent so far; sends what is not under way yet."""
    tenant.emit({"do": "retry", "at_once": True})
    return [status for sent in tenant.emit({"do": "log"}) for status in sent["statuses"]]


def asked(tenant: EntraSandbox, path: str) -> list[str]:
    """The queries of the requests whose path contains this, oldest first."""
    return ["&".join(f"{k}={v}" for k, v in entry.query) for entry in tenant.journal.of(path)]
