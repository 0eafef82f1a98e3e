"""Mappings alone: a record, and the bytes of a page, against the same written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from hub.mapping import Mapping, Ref, load
from hub.store import entities
from tests.bench import cases
from tests.bench.goals import At, Bench, Faster, Goal, Side, Size
from tests.bench.hand import PRIORITIES, STATES, moment
from tests.bench.scene import Scene

BODIES = 10  # pages that take turns


def dict_by_hand(r: dict[str, Any]) -> dict[str, Any]:
    """What `mappings/Case.yaml` says, as one would write it without a mapping language.

    It reads with `get`: a record that lacks a key is no error to the mapping either.
    """
    get: Callable[[str], Any] = r.get
    address, email, tags = get("BillingAddress") or {}, get("SuppliedEmail"), get("Tags__c")
    subject, amount, kind = get("Subject"), get("Amount__c"), get("Type")
    account, origin = get("AccountId"), get("Origin")
    return {
        "correlation_id": get("Id"),
        "correlation_display": get("CaseNumber"),
        "short_description": subject.strip() if subject is not None else None,
        "description": get("Description") or get("Comments"),
        "state": STATES.get(get("Status"), "10"),
        "priority": PRIORITIES.get(get("Priority"), "4"),
        "contact_type": origin.lower() if origin is not None else None,
        "escalation": "2" if get("IsEscalated") else "0",
        "subcategory": kind if kind is not None else "other",
        "cause": get("Reason"),
        "account": Ref("Account", account) if account is not None else None,
        "opened_at": moment(get("CreatedDate")),
        "closed_at": moment(get("ClosedDate")),
        "follow_up": moment(get("LastModifiedDate")),
        "reassignment_count": round(amount * 100) if amount is not None else None,
        "close_notes": ", ".join(tags.split(";")) if tags is not None else None,
        "resolution_code": address.get("postalCode"),
        "contact_time_zone": address.get("city"),
        "business_impact": f"{address.get('street')}, {address.get('postalCode')} {address.get('city')}",
        "u_email": email.strip().lower() if email is not None else None,
    }


def row_by_hand(r: dict[str, Any]) -> tuple[Any, ...]:
    """The same as a tuple, in the order of the mapping's columns."""
    get: Callable[[str], Any] = r.get
    address, email, tags = get("BillingAddress") or {}, get("SuppliedEmail"), get("Tags__c")
    subject, amount, kind = get("Subject"), get("Amount__c"), get("Type")
    account, origin = get("AccountId"), get("Origin")
    return (
        get("Id"),
        get("CaseNumber"),
        subject.strip() if subject is not None else None,
        get("Description") or get("Comments"),
        STATES.get(get("Status"), "10"),
        PRIORITIES.get(get("Priority"), "4"),
        origin.lower() if origin is not None else None,
        "2" if get("IsEscalated") else "0",
        kind if kind is not None else "other",
        get("Reason"),
        Ref("Account", account) if account is not None else None,
        moment(get("CreatedDate")),
        moment(get("ClosedDate")),
        moment(get("LastModifiedDate")),
        round(amount * 100) if amount is not None else None,
        ", ".join(tags.split(";")) if tags is not None else None,
        address.get("postalCode"),
        address.get("city"),
        f"{address.get('street')}, {address.get('postalCode')} {address.get('city')}",
        email.strip().lower() if email is not None else None,
    )


def compiled() -> Mapping:
    """The mapping of the benches."""
    file = cases.MAPPINGS / "Case.yaml"
    (mapping,) = load(file, shape_of=lambda name: entities.find(name).shape)
    return mapping


def read_by_mapping(mapping: Mapping, body: bytes) -> tuple[Sequence[Any], Sequence[Any]]:
    """A page's heads (key, version, deleted) and rows.

    The bytes of each record, of which a sync takes digests, are not asked for: the page by hand
    has none to give.
    """
    raws, heads = mapping.open(body, "records")
    return heads, mapping.rows(raws, heads)


def read_by_hand(body: bytes) -> tuple[Sequence[Any], Sequence[Any]]:
    """The same by orjson and plain Python."""
    records = orjson.loads(body)["records"]
    heads = [(r["Id"], r["SystemModstamp"], r["IsDeleted"]) for r in records]
    return heads, [row_by_hand(r) for r in records]


def inward_ours(scene: Scene) -> None:
    """Records to values, by the compiled mapping."""
    each_record(scene, compiled().inward)


def inward_by_hand(scene: Scene) -> None:
    """Records to the same values, by a function that one would write."""
    ours = compiled().inward
    for number in range(cases.PAGE):
        record = cases.case(number)
        mine, wanted = dict_by_hand(record), ours(record)
        assert mine == wanted, f"{mine}\nis not\n{wanted}"
    each_record(scene, dict_by_hand)


def decode_ours(scene: Scene) -> None:
    """The bytes of pages to rows, by the compiled mapping."""
    mapping = compiled()
    _each_page(scene, lambda body: read_by_mapping(mapping, body))


def decode_by_hand(scene: Scene) -> None:
    """The bytes of pages to the same rows, by orjson and a function that one would write."""
    mapping, body = compiled(), cases.page(0, cases.PAGE)
    assert mapping.columns == tuple(dict_by_hand(cases.case(0)))
    heads, rows = read_by_mapping(mapping, body)
    wanted = [(head.key, head.version, head.deleted) for head in heads], rows
    assert read_by_hand(body) == wanted, "not the same rows"
    _each_page(scene, read_by_hand)


def each_record(scene: Scene, inward: Callable[[Any], dict[str, Any]]) -> None:
    """Time a page's records, as often as there is to be counted."""
    records = [cases.case(number) for number in range(cases.PAGE)]
    times = max(1, scene.count // len(records))
    for record in records:  # warm
        inward(record)
    with scene.timed("inward", times * len(records)):
        for _ in range(times):
            for record in records:
                inward(record)


def _each_page(scene: Scene, read: Callable[[bytes], object]) -> None:
    bodies = [cases.page(number, cases.PAGE * BODIES) for number in range(BODIES)]
    times = max(1, scene.count // cases.PAGE)
    read(bodies[0])  # warm
    with scene.timed("decode", times * cases.PAGE):
        for number in range(times):
            read(bodies[number % BODIES])


def benches(size: Size) -> list[Bench]:
    """The keys `mapping.*`."""
    options = {"count": size.of(200_000, 40_000, 2000), "source": False}
    rounds = size.of(5, 3, 2)
    return [
        _bench("inward", 1.0, options, rounds),
        _bench("decode", 1.5, options, rounds),
        _languages(size, options),
    ]


def _languages(size: Size, options: dict[str, Any]) -> Bench:
    """The mapping beside the same in other languages of its kind."""
    fewer = options | {"count": size.of(20_000, 4000, 500)}
    peers = {
        "glom": Side("tests.bench.peers.languages:by_glom", None, fewer, ("glom",)),
        "jmespath": Side("tests.bench.peers.languages:by_jmespath", None, fewer, ("jmespath",)),
        "jsonata": Side("tests.bench.peers.languages:by_jsonata", None, fewer, ("jsonata",)),
    }
    sides = {"hub": Side("tests.bench.mapping:inward_ours", options=options), **peers}
    faster = Faster([(At("hub", "inward"), At(peer, "inward")) for peer in peers])
    goal = Goal("mapping.inward.vs_languages", faster, at_least=10.0)
    return Bench("mapping.languages", sides, [goal], size.of(3, 2, 1))


def _bench(what: str, bound: float, options: dict[str, Any], rounds: int) -> Bench:
    sides = {
        "hub": Side(f"tests.bench.mapping:{what}_ours", options=options),
        "hand": Side(f"tests.bench.mapping:{what}_by_hand", options=options),
    }
    faster = Faster([(At("hub", what), At("hand", what))])
    goal = Goal(f"mapping.{what}.vs_hand", faster, at_least=bound)
    return Bench(f"mapping.{what}", sides, [goal], rounds)
