"""What is wished of a record, and on whose word."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.store.entities import Entity
from hub.sync.records.children import ChildList


@dataclass(frozen=True, slots=True)
class Origin:
    """On whose word records change. `command`: a person or the API, held to the strict rules.

    `hops` counts the flows between our own entities that it has come through; `back_from` is the
    table of the record that writes back to the one it was made of, by such a flow.
    """

    user: str
    connection: str = ""
    job: str = ""
    command: bool = False
    stream: str = ""
    hops: int = 0
    back_from: str = ""


@dataclass(slots=True)
class Patch:
    """Wished values of one record.

    `fresh`: it does not exist yet. `base`, `owner_of` and `version` are for values that another
    system reports: see `merge`. `places` says where in a mapping each value comes from; `reason`
    is what the audit says beside the change. `ends`: it is a relation (`gone.ENDS`), which is over
    as far as the origin's connection is concerned.
    """

    entity: Entity
    sys_id: str
    values: dict[str, Any]
    fresh: bool = False
    base: Mapping[str, Any] | None = None
    owner_of: Any = None
    version: str = ""
    external_id: str = ""
    place_of: Callable[[str], str] | None = None
    children: Mapping[str, ChildList] = field(default_factory=dict[str, ChildList])
    notes: Sequence[tuple[str, Mapping[str, Any]]] = ()
    reason: str = ""
    ends: bool = False

    @property
    def replicates(self) -> bool:
        """Whether another system reports it."""
        return self.owner_of is not None
