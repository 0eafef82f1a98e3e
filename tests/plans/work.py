"""What the hub does all the time, as functions over a transaction: jobs, pages, and looking."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from hub import queue
from hub.queue import Claimed, Which, chunks, crew
from hub.spoke import Change
from hub.store import (
    audit,
    cursors,
    dead,
    deliveries,
    entities,
    journal,
    links,
    listing,
    pending,
    records,
)
from hub.store.database import Transaction
from hub.sync.connection import Connections
from hub.sync.inbound.absorb import absorb
from hub.sync.jobs import Push
from hub.sync.outbound.unsent import unsent
from hub.sync.records.amend import Patch, amend
from tests.plans.look import Work
from tests.plans.million import CASES, MILLION, NOW
from tests.queue.world import ask
from tests.sync.elsewhere import gone, there
from tests.sync.world import COMMAND, connected

CASE = entities.find("case")
CONNECTIONS = Connections([connected(), connected("erp")])
AT = datetime.fromtimestamp(NOW, UTC)
SOME = range(50, 150)
LINE = {"Id": "l1", "Sku": "s", "Quantity": 1, "Price": "1.50"}


def _id(number: int) -> str:
    return f"{number:032x}"


# Jobs


def put(tx: Transaction) -> None:
    """Half of them wait already."""
    queue.put(tx, [ask(f"k{n}") for n in range(MILLION - 50, MILLION + 50)], now=NOW)


def claim(tx: Transaction, most: int = 100) -> list[Claimed]:
    """A quarter of all jobs is held, a fifth not due."""
    queue.hold(tx, "held", None, "maintenance", now=NOW)
    taken = queue.claim(tx, worker="w", most=most, now=NOW)
    assert len(taken) == most or _is_small(taken)
    return taken


def _is_small(taken: list[Claimed]) -> bool:
    return all(job.id <= SMALL for job in taken)


def finish_one(tx: Transaction) -> None:
    queue.done(tx, claim(tx, 1))


def finish_many(tx: Transaction) -> None:
    queue.done(tx, claim(tx))


def fence(tx: Transaction) -> None:
    [first, *others] = claim(tx)
    queue.fence(tx, first)
    queue.fence(tx, *others)
    queue.still_ours(tx, first)


def run_together(tx: Transaction) -> None:
    """Four jobs, and what can run in the same calls; all are finished at once."""
    together = queue.Together(lambda jobs: [None] * len(jobs), lambda _: queue.Group("k", 25))
    first = claim(tx, 4)
    more = chunks.companions(tx, {"push": together}, first, worker="w", most=1000, now=NOW)
    assert more
    queue.finish(tx, [*first, *more])


def hand_back(tx: Transaction) -> None:
    queue.hand_back(tx, claim(tx))


def fail(tx: Transaction) -> None:
    retried, paused, buried = claim(tx, 3)
    queue.retry(tx, retried, NOW, "no", now=NOW)
    queue.pause(tx, paused, NOW, "no", now=NOW)
    queue.bury(tx, buried, "no", "no", now=NOW)


def renew(tx: Transaction) -> None:
    queue.beat(tx, "w", NOW)
    claim(tx)
    queue.beat(tx, "w", NOW, idle=True)
    crew.held(tx, "w")
    if tx.dialect.name == "postgresql":
        crew.idlers(tx, most=1)
    queue.leave(tx, "w")


def take_over(tx: Transaction) -> None:
    queue.claim_suspect(tx, worker="w", now=NOW)
    claim(tx)
    for later in (100, 200, 300):  # seconds; the last time it is poison
        assert queue.rescue(tx, NOW + later)
        queue.claim_suspect(tx, worker=f"w{later}", now=NOW)
        queue.beat(tx, f"w{later}", NOW)


def revive(tx: Transaction) -> None:
    queue.revive(tx, Which(ids=list(SOME)), now=NOW)


# Pages


def _page(tx: Transaction, changes: Iterable[Change]) -> None:
    page = list(changes)
    stream, crm = page[0].stream, CONNECTIONS["crm"]
    counts = absorb(tx, CONNECTIONS, crm, stream, page, now=AT)
    cursors.move(tx, "crm", stream, "next", counts, now=NOW, newest=None)


def create(tx: Transaction) -> None:
    """They refer to what nobody has seen."""
    _page(tx, (there("cases", f"new{n}", 9, Subject="s", AccountId=f"no{n}") for n in SOME))


def update(tx: Transaction) -> None:
    """They refer to each other, and to what nobody has seen."""
    _page(
        tx,
        (there("cases", f"c{n}", 9, AccountId=f"no{n}", ParentId=f"c{n + 1}") for n in SOME),
    )


def delete(tx: Transaction) -> None:
    _page(tx, (gone("cases", f"c{n}", 9) for n in SOME))


def match(tx: Transaction) -> None:
    """They are known by a field, or by the id that we once gave them."""
    _page(tx, (there("cases", f"new{n}", 9, Ticket=f"T{n}") for n in SOME))
    _page(tx, (there("cases", f"old{n}", 9, Hub_Id=_id(n)) for n in SOME))


def bury(tx: Transaction) -> None:
    """Half of them are buried already."""
    _page(tx, (there("cases", f"d{n}", 9, Status="Exploded") for n in SOME))


def arrive(tx: Transaction) -> None:
    """Others wait for them."""
    _page(tx, (there("accounts", f"late{n}", 9, Name="s") for n in SOME))


def bring_rows(tx: Transaction) -> None:
    _page(tx, (there("orders", f"o{n}", 9, Lines=[LINE]) for n in SOME))


def edit(tx: Transaction) -> None:
    patches = [Patch(CASE, _id(n), {"short_description": "x"}) for n in SOME]
    amend(tx, CONNECTIONS, patches, COMMAND, now=AT)


def tell(tx: Transaction) -> None:
    """What they have not been told of a hundred records, and which of these wait for another."""
    pushes = [Push("crm", "cases", CASES, _id(n)) for n in SOME]
    assert len(unsent(tx, CONNECTIONS["crm"], pushes)) == len(SOME)
    pending.fields(tx, [(push.table, push.sys_id) for push in pushes])


def keep_webhooks(tx: Transaction) -> None:
    batch = [deliveries.Delivery("crm", f"d{n}", "{}", b"") for n in range(-50, 50)]
    deliveries.store(tx, batch, now=NOW)
    assert deliveries.get(tx, 5)
    deliveries.settle(tx, 5, "done")


# Looking


def look_at_a_record(tx: Transaction) -> None:
    assert records.find(tx, CASE, "CS7")
    assert records.find(tx, CASE, _id(7))
    assert audit.of_record(tx, CASES, _id(7))
    assert journal.of_record(tx, _id(7))
    assert links.of_record(tx, CASES, _id(7))


def look_at_a_list(tx: Transaction) -> None:
    _, last = listing.page(tx, CASE, {}, most=20)
    listing.page(tx, CASE, {}, after=last, most=20)
    assert listing.page(tx, CASE, {"number": ["CS5", "CS6"]}, most=20)[0]
    assert listing.page(tx, CASE, {"account": [_id(10)]}, most=20)[0]


def look_at_letters(tx: Transaction) -> None:
    assert queue.dead(tx)
    assert dead.find(tx)
    assert dead.find(tx, dead.Which("crm", "cases"))
    assert dead.after(tx, dead.Which("crm", "cases", group="g0000000"), 0, 2**62, 10)


SMALL = 200  # rows of each table, in the beginning
EVERYTHING: tuple[Work, ...] = (
    put, claim, finish_one, finish_many, run_together, fence, hand_back, fail, renew, take_over,
    revive, create, update, delete, match, bury, arrive, bring_rows, edit, tell, keep_webhooks,
    look_at_a_record, look_at_a_list, look_at_letters,
)  # fmt: skip
