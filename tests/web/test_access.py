"""Tokens: made once, kept as digests, worthless once revoked."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import Connection, event

from hub.store import access
from tests.databases import locked
from tests.web.conftest import House


def test_a_token_is_told_once_and_only_its_digest_is_kept(house: House) -> None:
    assert house.token.startswith("hub_")
    assert len(house.token) == 47
    [row] = house.rows("SELECT name, digest FROM hub_token")
    assert row[0] == "ada"
    assert len(row[1]) == 64
    assert house.token not in "".join(row)


def test_a_token_is_known_by_its_secret_and_by_nothing_like_it(house: House) -> None:
    with house.db.write() as tx:
        other = access.create(tx, "grace", house.clock())
    [(digest,)] = house.rows("SELECT digest FROM hub_token WHERE name = 'ada'")
    with house.db.read() as tx:
        found = [access.check(tx, secret) for secret in (house.token, other)]
        assert [token.name for token in found if token] == ["ada", "grace"]
        for guess in ("", "hub_", house.token[:-1], house.token + "x", digest, "ada", "\udcff"):
            assert access.check(tx, guess) is None


def test_a_revoked_token_is_worthless_at_once(house: House, client: httpx.Client) -> None:
    assert client.get("/admin/api/status").status_code == 200
    with house.db.write() as tx:
        assert access.revoke(tx, "ada")
        assert not access.revoke(tx, "ada")
    assert client.get("/admin/api/status").status_code == 401


@pytest.mark.parametrize("name", ["", "ada", "a b", "x" * 41, "-x", "ü", "a\n"])
def test_a_token_needs_a_name_of_its_own(house: House, name: str) -> None:
    with pytest.raises(access.BadName, match="token"), house.db.write() as tx:
        access.create(tx, name, house.clock())
    assert house.count("hub_token") == 1


def test_its_use_is_noted_once_a_minute(house: House, client: httpx.Client) -> None:
    def used() -> float | None:
        with house.db.read() as tx:
            [token] = access.every(tx)
        return token.last_used_at

    assert used() is None
    start = house.clock.now
    for seconds, noted in [(0, 0), (59, 0), (60, 60), (119, 60), (121, 121)]:
        house.clock.now = start + seconds
        assert client.get("/admin/api/status").status_code == 200
        assert used() == start + noted


def test_who_may_read_still_can_while_nobody_can_write(house: House, client: httpx.Client) -> None:
    with locked(house.db):
        assert client.get("/admin/api/status").status_code == 200


def test_a_request_that_only_reads_takes_the_one_writers_turn_once_a_minute(
    house: House, client: httpx.Client
) -> None:
    begun: list[Connection] = []

    @event.listens_for(house.db.engine, "begin")
    def _count(connection: Connection) -> None:
        if connection.get_execution_options().get("hub_writes"):
            begun.append(connection)

    for _ in range(5):
        assert client.get("/admin/api/records/case").status_code == 200
    assert len(begun) == 1
