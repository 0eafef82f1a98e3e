"""Change tracking at its least convenient, and what comes of it: whole objects, each once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import hub
from spokes.entra.sandbox import EntraSandbox
from spokes.entra.spoke import Entra
from tests.spokes.entra.doing import asked, do, group, news, pages, start, told, update, user


def test_the_first_round_brings_everybody_whole_and_reads_nobody_again(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    ada = user(tenant, "Ada", jobTitle="Cashier")
    ben = user(tenant, "Ben")
    found = news(spoke, "users", None, "displayName", "jobTitle", "accountEnabled")
    assert {
        id: (d["displayName"], d["jobTitle"], d["accountEnabled"]) for id, d in found.items()
    } == {
        ada: ("Ada", "Cashier", True),
        ben: ("Ben", None, True),  # what was never set is left out by Graph, and null to us
    }
    assert asked(tenant, "/users$") == []


def test_empty_pages_move_the_cursor_and_the_pull_goes_on(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    ids = [user(tenant, f"U{n}") for n in range(12)]
    tenant.page_size = 3
    pulled = pages(spoke, "users")
    empty = [page for page in pulled if not page.changes]
    assert len(empty) >= 2
    assert len({page.cursor for page in pulled}) == len(pulled)
    assert [change.id for change in told(pulled)] == ids
    after_an_empty_one = pages(spoke, "users", empty[0].cursor)
    assert {change.id for change in told(after_an_empty_one)} <= set(ids)


def test_a_row_with_only_what_changed_becomes_the_whole_object(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    ids = [user(tenant, f"U{n}", jobTitle="Cashier", mail=f"u{n}@x.example") for n in range(8)]
    cursor = start(spoke, "users")
    for id in ids:
        update(tenant, "users", id, jobTitle=None)
    found = news(spoke, "users", cursor)
    assert set(found) == set(ids)
    for number, id in enumerate(ids):
        assert found[id]["jobTitle"] is None
        assert found[id]["mail"] == f"u{number}@x.example"


def test_objects_that_come_again_in_any_order_are_told_once(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    cursor = start(spoke, "users")
    ids = [user(tenant, f"U{n}") for n in range(20)]
    do(tenant, "habits", shuffle=True)
    tenant.page_size = 3
    assert set(news(spoke, "users", cursor)) == set(ids)


def test_a_change_during_a_round_is_in_the_next(tenant: EntraSandbox, spoke: Entra) -> None:
    cursor = start(spoke, "users")
    ids = [user(tenant, f"U{n}") for n in range(6)]
    tenant.page_size = 2
    pull = spoke.pull(hub.Stream("users"), cursor)
    first = next(pull)
    update(tenant, "users", ids[0], jobTitle="Dispatcher")
    rest = [first, *pull]
    assert news(spoke, "users", rest[-1].cursor)[ids[0]]["jobTitle"] == "Dispatcher"


# -- copies that are behind


def test_a_copy_that_is_behind_does_not_hide_what_the_row_told(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    ids = [user(tenant, f"U{n}", mail=f"u{n}@x.example") for n in range(8)]
    tenant.clock.advance(timedelta(minutes=5))
    cursor = start(spoke, "users")
    do(tenant, "habits", lag=60)
    for id in ids:
        update(tenant, "users", id, jobTitle="Technician")
    found = news(spoke, "users", cursor)
    assert {d["jobTitle"] for d in found.values()} == {"Technician"}
    assert [found[id]["mail"] for id in ids] == [f"u{n}@x.example" for n in range(8)]


def test_a_new_object_that_no_replica_has_yet_is_taken_from_its_row(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    cursor = start(spoke, "users")
    do(tenant, "habits", lag=60)
    ada = user(tenant, "Ada", jobTitle="Cashier")
    assert news(spoke, "users", cursor)[ada]["jobTitle"] == "Cashier"


def test_members_that_a_replica_does_not_know_yet_count(tenant: EntraSandbox, spoke: Entra) -> None:
    ada, ben = user(tenant, "Ada"), user(tenant, "Ben")
    team = group(tenant, "Team", [ada])
    tenant.clock.advance(timedelta(minutes=5))
    cursor = start(spoke, "groups")
    do(tenant, "habits", lag=60)
    do(tenant, "join", group=team, member=ben)
    do(tenant, "leave", group=team, member=ada)
    assert news(spoke, "groups", cursor)[team]["members"] == [{"id": ben, "type": "user"}]


# -- deletion


@pytest.mark.parametrize("purged", [False, True], ids=["changed", "deleted"])
def test_what_was_removed_is_gone_for_us_either_way(
    tenant: EntraSandbox, spoke: Entra, *, purged: bool
) -> None:
    ada = user(tenant, "Ada")
    cursor = start(spoke, "users")
    do(tenant, "delete", stream="users", id=ada)
    if purged:
        do(tenant, "purge", id=ada)
    assert news(spoke, "users", cursor) == {ada: None}


def test_what_is_restored_comes_back_with_all_it_had(tenant: EntraSandbox, spoke: Entra) -> None:
    ada = user(tenant, "Ada", jobTitle="Cashier")
    do(tenant, "delete", stream="users", id=ada)
    cursor = start(spoke, "users")
    do(tenant, "undelete", stream="users", id=ada)
    assert news(spoke, "users", cursor)[ada]["jobTitle"] == "Cashier"


def test_who_was_deleted_before_the_first_round_is_not_in_it(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    do(tenant, "delete", stream="users", id=user(tenant, "Ada"))
    assert news(spoke, "users", None) == {}


# -- groups


def test_a_group_comes_once_with_all_members_though_its_rows_fill_pages(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    people = [user(tenant, f"U{n:03}") for n in range(130)]
    cursor = start(spoke, "groups")
    team = group(tenant, "Team", people)
    tenant.page_size = 2
    tenant.journal.clear()
    found = news(spoke, "groups", cursor)
    assert [entry["id"] for entry in found[team]["members"]] == sorted(people)
    assert len(tenant.journal.of("/groups/delta")) > 3
    first = [
        query for query in asked(tenant, f"/groups/{team}/members") if "skiptoken" not in query
    ]
    assert len(first) == 1, "the membership was read again for every page"


def test_who_joins_and_who_leaves_changes_the_group(tenant: EntraSandbox, spoke: Entra) -> None:
    ada, ben = user(tenant, "Ada"), user(tenant, "Ben")
    team = group(tenant, "Team", [ada])
    cursor = start(spoke, "groups")
    do(tenant, "join", group=team, member=ben)
    do(tenant, "leave", group=team, member=ada)
    found = news(spoke, "groups", cursor)
    assert found[team]["members"] == [{"id": ben, "type": "user"}]
    assert found[team]["displayName"] == "Team"


def test_a_deleted_user_leaves_the_groups_and_a_restored_one_is_back_in_them(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    ada = user(tenant, "Ada")
    team = group(tenant, "Team", [ada])
    cursor = start(spoke, "groups")
    do(tenant, "delete", stream="users", id=ada)
    pulled = pages(spoke, "groups", cursor)
    assert [c.data and c.data["members"] for c in told(pulled)] == [[]]
    do(tenant, "undelete", stream="users", id=ada)
    assert news(spoke, "groups", pulled[-1].cursor)[team]["members"] == [
        {"id": ada, "type": "user"}
    ]


def test_a_group_may_be_a_member(tenant: EntraSandbox, spoke: Entra) -> None:
    inner = group(tenant, "Inner")
    outer = group(tenant, "Outer", [inner])
    assert news(spoke, "groups", None)[outer]["members"] == [{"id": inner, "type": "group"}]


def test_members_that_no_mapping_reads_are_not_asked_for(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    team = group(tenant, "Team", [user(tenant, "Ada")])
    found = news(spoke, "groups", None, "displayName")
    assert set(found[team]) == {"id", "displayName", "createdDateTime"}
    assert tenant.journal.of("/members") == []


# -- cursors


@pytest.mark.parametrize("status", [410, 400])
def test_a_delta_link_that_they_no_longer_know_is_a_lost_cursor(
    tenant: EntraSandbox, spoke: Entra, status: int
) -> None:
    user(tenant, "Ada")
    cursor = start(spoke, "users")
    do(tenant, "expire_cursors", status=status)
    with pytest.raises(hub.CursorLost, match="syncStateNotFound"):
        pages(spoke, "users", cursor)


def test_a_delta_link_lasts_a_week(tenant: EntraSandbox, spoke: Entra) -> None:
    cursor = start(spoke, "users")
    tenant.clock.advance(timedelta(days=6, hours=23))
    pages(spoke, "users", cursor)
    tenant.clock.advance(timedelta(hours=2))
    with pytest.raises(hub.CursorLost):
        pages(spoke, "users", cursor)


def test_a_property_that_is_wanted_from_now_on_needs_another_round(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    user(tenant, "Ada")
    cursor = start(spoke, "users", "displayName", "jobTitle")
    assert news(spoke, "users", cursor, "displayName") == {}
    with pytest.raises(hub.CursorLost, match="does not tell of city"):
        pages(spoke, "users", cursor, "displayName", "city")


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda cursor: cursor.replace("127.0.0.1", "127.0.0.2"),
        lambda cursor: cursor.replace("/v1.0/", "@evil.example/v1.0/"),
        lambda _: '{"link": 1}',
        lambda _: "nobody made this",
    ],
)
def test_a_cursor_that_is_not_of_this_connection_is_lost(
    tenant: EntraSandbox, spoke: Entra, spoiled: Callable[[str], str]
) -> None:
    cursor = start(spoke, "users")
    tenant.journal.clear()
    with pytest.raises(hub.CursorLost):
        pages(spoke, "users", spoiled(cursor))
    assert len(tenant.journal) == 0


# -- reading by id


def test_hints_are_read_fifteen_at_a_time(tenant: EntraSandbox, spoke: Entra) -> None:
    ids = [user(tenant, f"U{n}") for n in range(31)]
    found = list(spoke.fetch(hub.Stream("users"), ids))
    assert [change.id for change in found] == ids
    assert len(asked(tenant, "/users$")) == 3


def test_an_id_that_cannot_be_one_is_gone_and_not_asked_for(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    strange = "x') or startswith(displayName,'"
    assert list(spoke.fetch(hub.Stream("users"), [strange])) == [hub.Change("users", strange, None)]
    assert tenant.journal.of("/users") == []


def test_a_group_is_read_with_its_members(tenant: EntraSandbox, spoke: Entra) -> None:
    ada = user(tenant, "Ada")
    team = group(tenant, "Team", [ada])
    [change] = spoke.fetch(hub.Stream("groups"), [team.upper()])
    assert change.id == team
    assert change.data is not None
    assert change.data["members"] == [{"id": ada, "type": "user"}]


def test_being_throttled_passes_on_how_long_to_wait(tenant: EntraSandbox, spoke: Entra) -> None:
    do(tenant, "limit", calls=1)
    start(spoke, "users")
    with pytest.raises(hub.RateLimited) as caught:
        start(spoke, "users")
    assert caught.value.retry_after == timedelta(seconds=5)


def test_a_missing_consent_says_which_permissions_to_grant(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    do(tenant, "revoke", role="Group.Read.All")
    start(spoke, "users")
    with pytest.raises(hub.AuthFailed, match=r"grant the app User.Read.All and Group.Read.All"):
        start(spoke, "groups")


def test_the_same_pull_tells_the_same_twice(tenant: EntraSandbox, spoke: Entra) -> None:
    def everything() -> list[Any]:
        return [(change.id, change.data) for change in told(pages(spoke, "groups"))]

    people = [user(tenant, f"U{n}") for n in range(5)]
    group(tenant, "Team", people[::-1])
    assert everything() == everything()
