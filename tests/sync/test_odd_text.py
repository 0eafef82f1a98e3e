"""Text that a database cannot keep, NUL and half a character, costs nobody more than itself.

PostgreSQL takes neither; SQLite takes the one and its driver not the other. What comes of them is
the same on both.
"""

from __future__ import annotations

import hashlib
import hmac

import orjson
import pytest

import hub
from hub import queue
from hub.sync.jobs import Poll
from tests.sync.elsewhere import at, there
from tests.sync.test_ingest import accept
from tests.sync.world import World

CASES = Poll("crm", "cases")
ODD = ["a\x00b", "\ud800", "\ud800\x00 and 😀"]
odd_text = pytest.mark.parametrize("odd", ODD, ids=["NUL", "half a character", "both"])


def broken(world: World, error: Exception) -> None:
    """Elsewhere refuses with `error` from the first page on."""

    def refuse(_: int) -> None:
        raise error

    world.system().set("cases", "c1")
    world.system().on_page = refuse


def hook(body: bytes) -> hub.Webhook:
    """A signed one, with headers as nobody should write them."""
    signature = hmac.new(b"hook-secret", body, hashlib.sha256).hexdigest()
    return hub.Webhook({"x-signature": signature, "x-topic": "caf\xe9 \xff\x01"}, body)


def written(body: object) -> bytes:
    """JSON that names what is odd in it by its number, as other systems write it."""
    return orjson.dumps(body).replace(b"NUL", b"\\u0000").replace(b"HALF", b"\\ud800")


@odd_text
def test_a_record_dies_alone_and_whole(world: World, odd: str) -> None:
    counts = world.absorb(there("cases", "c1", Subject=odd), there("cases", "c2"))
    assert (counts.created, counts.failed) == (1, 1)
    [letter] = world.dead()
    assert letter.external_id == "c1"
    assert letter.faults[0]["field"] == "short_description"
    assert world.row("case", "c2")


@pytest.mark.parametrize("odd", ["NUL", "HALF"])
def test_a_webhook_is_kept_as_it_came(world: World, odd: str) -> None:
    """And it costs the one record."""
    records = [
        {"Id": "c1", "Version": at(1), "Subject": odd},
        {"Id": "c2", "Version": at(1)},
    ]
    body = written([{"stream": "cases", "record": record} for record in records])
    accept(world, hook(body))
    with world.db.read() as tx:
        [kept] = tx.exec_driver_sql("SELECT body FROM hub_delivery").scalars()
    assert bytes(kept) == body
    world.work()
    assert (len(world.rows("case")), len(world.dead()), world.letters()) == (1, 1, [])


@odd_text
def test_an_error_that_quotes_it_is_told(world: World, odd: str) -> None:
    broken(world, hub.Permanent(f"they say {odd}!"))
    world.put(CASES)
    world.work()
    [letter] = world.letters()
    assert "they say " in letter.error
    assert letter.error.endswith("!")
    with world.db.read() as tx:
        [told] = tx.exec_driver_sql("SELECT error FROM hub_sync_run").scalars()
    assert "they say " in told


@odd_text
def test_a_failure_that_passes_is_tried_again(world: World, odd: str) -> None:
    broken(world, hub.Transient(f"they say {odd}!"))
    world.put(CASES)
    world.work()
    assert world.waiting("poll") == ["crm/cases"]
    world.system().on_page = lambda _: None
    world.clock.pass_(86_400)
    world.work()
    assert world.row("case", "c1")


@odd_text
def test_a_pause_tells_why(world: World, odd: str) -> None:
    broken(world, hub.AuthFailed(f"they say {odd}!"))
    world.put(CASES)
    world.work()
    with world.db.read() as tx:
        [pause] = queue.paused(tx, now=world.clock())
    assert "they say " in pause.reason
