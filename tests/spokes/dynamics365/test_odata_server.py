"""The plain OData that this spoke speaks, before a server that nobody here has written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

import hub
from hub.http import MemoryTokens, Token
from tests.spokes.dynamics365.conftest import ACCOUNTS, API, Quick, changes
from tests.spokes.dynamics365.odata_server import home, served

PACKAGES = home()
pytestmark = pytest.mark.skipif(
    PACKAGES is None, reason="no @sap/cds: set HUB_CDS_HOME as spokes/dynamics365/README.md says"
)
SETTINGS = {"tenant": "t", "client_id": "c", "client_secret": "not asked for", "sandbox": True}
WANTED = replace(ACCOUNTS, wants=("accountid", "name"))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    assert PACKAGES is not None
    with served(tmp_path_factory.mktemp("cds"), PACKAGES) as address:
        yield address


@pytest.fixture
def spoke(url: str) -> Iterator[Quick]:
    """Signed in, reading by the time of the last change; it is an hour later than it is there."""
    token = Token(access=SecretStr("a token"), issued_at=datetime.now(UTC))
    plain = {"url": url, "without_change_tracking": ["accounts"], "overlap": timedelta(hours=2)}
    made = Quick.model_validate(SETTINGS | plain).using(
        tokens=MemoryTokens(token), clock=lambda: datetime.now(UTC) + timedelta(hours=1)
    )
    yield made
    made.close()


def create(url: str, name: str) -> str:
    id = str(uuid4())
    httpx.post(f"{url}{API}/accounts", json={"accountid": id, "name": name}).raise_for_status()
    return id


def names(told: list[hub.Change]) -> list[str]:
    return [change.data["name"] for change in told if change.data]


def test_pages_are_followed_by_their_relative_links(url: str, spoke: Quick) -> None:
    made = [create(url, f"store {n}") for n in range(8)]
    told, _ = changes(spoke, ACCOUNTS)
    assert [change.id for change in told if change.id in made] == made
    assert all(a.version <= b.version for a, b in pairwise(told))
    assert len(list(spoke.pull(ACCOUNTS, None))) >= 4  # of three rows each, and the end


def test_a_later_pull_brings_what_has_changed_since(url: str, spoke: Quick) -> None:
    create(url, "before")
    _, cursor = changes(spoke, ACCOUNTS)
    create(url, "after")
    assert "after" in names(changes(spoke, ACCOUNTS, cursor)[0])


def test_only_wanted_columns_are_selected(url: str, spoke: Quick) -> None:
    create(url, "O'Brien & Söhne")
    told, _ = changes(spoke, WANTED)
    assert "O'Brien & Söhne" in names(told)
    columns = {name for change in told for name in change.data or {} if "@" not in name}
    assert columns == {"accountid", "name", "modifiedon"}


def test_rows_are_found_by_id_and_others_are_gone(url: str, spoke: Quick) -> None:
    made, nobody = [create(url, f"by id {n}") for n in range(7)], str(uuid4())
    told = {change.id: change.data for change in spoke.fetch(ACCOUNTS, [*made, nobody, "no id"])}
    assert set(told) == {*made, nobody, "no id"}
    assert told[nobody] is told["no id"] is None
    assert all(told[one] for one in made)


def test_a_write_is_made_only_to_the_version_that_was_seen(url: str, spoke: Quick) -> None:
    id = create(url, "once")
    [seen] = spoke.fetch(ACCOUNTS, [id])
    written = spoke.upsert(ACCOUNTS, hub.Write(id, {"name": "twice"}, "k", seen.version))
    assert written.version > seen.version
    with pytest.raises(hub.Conflict):
        spoke.upsert(ACCOUNTS, hub.Write(id, {"name": "no"}, "k", seen.version))
    spoke.upsert(ACCOUNTS, hub.Write(id, {"name": "thrice"}, "k", written.version))
    assert names(list(spoke.fetch(ACCOUNTS, [id]))) == ["thrice"]


def test_their_own_check_of_the_etag_raises_conflict(url: str, spoke: Quick) -> None:
    id = create(url, "raced")
    where = f"{url}{API}/accounts({id})"
    with pytest.raises(hub.Conflict):
        spoke.http.patch(where, json={"name": "x"}, headers={"If-Match": 'W/"another"'})


def test_a_row_is_deleted_once(url: str, spoke: Quick) -> None:
    id = create(url, "short-lived")
    spoke.delete(ACCOUNTS, id)
    with pytest.raises(hub.NotFound):
        spoke.delete(ACCOUNTS, id)


def test_a_row_that_is_gone_is_not_written_anew(url: str, spoke: Quick) -> None:
    create(url, "somebody")
    with pytest.raises((hub.NotFound, hub.Conflict)):
        spoke.upsert(ACCOUNTS, hub.Write(str(uuid4()), {"name": "nobody"}, "k"))


class Relative(httpx.HTTPTransport):
    """CAP reads the addresses in a batch only below its service; Dataverse's begin at the host."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read().replace(f"PATCH {API}/".encode(), b"PATCH ")
        headers = [h for h in request.headers.raw if h[0].lower() != b"content-length"]
        return super().handle_request(
            httpx.Request(
                request.method, request.url, headers=headers, content=body,
                extensions=request.extensions,
            )
        )  # fmt: skip


def test_a_batch_is_done_and_answered_write_by_write(url: str, spoke: Quick) -> None:
    ids = [create(url, f"batched {n}") for n in range(3)]
    seen = {change.id: change.version for change in spoke.fetch(ACCOUNTS, ids)}
    moved = spoke.upsert(ACCOUNTS, hub.Write(ids[1], {"name": "first"}, "k", seen[ids[1]]))
    writes = [hub.Write(id, {"name": f"Ünïted '{id}'"}, "k") for id in ids]
    writes.append(hub.Write(str(uuid4()), {"name": "nobody"}, "k"))
    with Relative() as way:
        other = spoke.using(transport=way)
        *outcomes, last = other.upsert_many(ACCOUNTS, writes)
        assert other.http.calls == 1
        other.close()
    written = [one for one in outcomes if isinstance(one, hub.Receipt)]
    assert [one.id for one in written] == ids
    assert written[1].version > moved.version
    assert isinstance(last, hub.NotFound | hub.Conflict)
    assert names(list(spoke.fetch(ACCOUNTS, ids))) == [f"Ünïted '{id}'" for id in ids]
