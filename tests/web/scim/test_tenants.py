"""Whose users are whose: what a directory sees, adopts, loses, and what follows when people leave."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from hub.store import access, audit, links
from hub.store.links import Link
from hub.sync.records.ended import ENDED
from tests.databases import ON_POSTGRESQL
from tests.web.scim.conftest import ENTERPRISE, Directory, Enroll, Json

ADOPTED = "01900000000070008000000000000001"


def active(directory: Directory) -> dict[str, bool]:
    return {
        name: bool(there)
        for name, there in directory.house.rows("SELECT user_name, active FROM sys_user")
    }


def refused(directory: Directory, name: str, **more: Any) -> Json:
    answer = directory.http.post("/scim/v2/Users", json={"userName": name, **more})
    assert answer.status_code == 409, answer.text
    told: Json = answer.json()
    assert (told["status"], told["scimType"]) == ("409", "uniqueness")
    return told


def test_a_directory_sees_its_own_users_and_no_others(enroll: Enroll) -> None:
    okta, entra = enroll("okta"), enroll("entra")
    okta.house.keep("user", sys_id=ADOPTED, user_name="nobodys")
    mine, theirs = okta.user("ada"), entra.user("bob")
    assert [one["userName"] for one in okta.find("Users", "userName pr")] == ["ada"]
    assert okta.find("Users", 'userName eq "bob"') == []
    for path in (f"Users/{theirs['id']}", f"Users/{ADOPTED}", f"Groups/{mine['id']}"):
        assert okta.http.get(f"/scim/v2/{path}").status_code == 404
        assert okta.http.delete(f"/scim/v2/{path}").status_code == 404
        change = okta.patch(path, {"op": "replace", "path": "displayName", "value": "x"})
        assert change.status_code == 404


def test_what_another_directory_has_is_taken(enroll: Enroll) -> None:
    okta, entra = enroll("okta"), enroll("entra")
    okta.user("ada", emails=[{"value": "ada@example.com"}])
    refused(entra, "ADA")
    entra.user("other", emails=[{"value": "ada@example.com"}])  # adopts nobody: she is okta's
    assert okta.house.count("sys_user") == 2


@pytest.mark.parametrize(
    "sent",
    [
        {"userName": "new", ENTERPRISE: {"employeeNumber": "4711"}},
        {"userName": "ADA"},
        {"userName": "new", "emails": [{"value": "Ada@Example.com", "type": "work"}]},
    ],
    ids=["employee number", "user name", "e-mail"],
)
def test_somebody_we_have_already_is_adopted(okta: Directory, sent: Json) -> None:
    """By the rules of R38; and what the directory does not say stays."""
    okta.house.keep(
        "user", sys_id=ADOPTED, user_name="ada", employee_number="4711", email="ada@example.com",
        title="Manager", active=False,
    )  # fmt: skip
    made = okta.http.post("/scim/v2/Users", json=sent)
    assert made.status_code == 201, made.text
    assert (made.json()["id"], made.json()["title"]) == (ADOPTED, "Manager")
    assert made.json()["active"] is True
    assert okta.house.count("sys_user") == 1
    links = "SELECT connection, stream, external_id, sys_id FROM hub_external_ref"
    assert okta.house.rows(links) == [("okta", "scim/Users", ADOPTED, ADOPTED)]


def test_an_address_of_several_people_is_no_identity(okta: Directory) -> None:
    for n in (1, 2):
        okta.house.keep("user", sys_id=f"{n}" * 32, user_name=f"u{n}", email="team@example.com")
    okta.user("new", emails=[{"value": "team@example.com"}])
    assert okta.house.count("sys_user") == 3


def test_neither_is_an_address_of_a_group(okta: Directory) -> None:
    okta.house.keep("group", sys_id="1" * 32, name="Team", email="Team@example.com")
    okta.house.keep("user", sys_id=ADOPTED, user_name="u", email="team@example.com")
    assert okta.user("new", emails=[{"value": "team@example.com"}])["id"] != ADOPTED


def test_another_employee_number_is_another_person(okta: Directory) -> None:
    okta.house.keep(
        "user", sys_id=ADOPTED, user_name="ada", email="a@example.com", employee_number="1"
    )
    other = {ENTERPRISE: {"employeeNumber": "2"}}
    refused(okta, "ada", **other)
    made = okta.user("ada2", emails=[{"value": "a@example.com"}], **other)
    assert made["id"] != ADOPTED


def test_a_group_of_ours_is_adopted_by_name_and_keeps_members_that_the_directory_does_not_know(
    enroll: Enroll,
) -> None:
    okta = enroll("okta")
    okta.house.keep("group", sys_id="1" * 32, name="Stores")
    okta.house.keep("user", sys_id=ADOPTED, user_name="nobodys")
    theirs = enroll("entra").user("bob")["id"]
    for n, other in enumerate((ADOPTED, theirs)):
        okta.house.keep("group_member", sys_id=f"{n}" * 32, group="1" * 32, user=other)
    user = okta.user("ada")["id"]
    group = okta.group("stores", user)
    assert group["id"] == "1" * 32
    assert okta.members(group["id"]) == {user}
    body = {"displayName": "Stores", "members": []}
    assert okta.http.put(f"/scim/v2/Groups/{group['id']}", json=body).is_success
    rows = okta.house.rows('SELECT "user" FROM sys_user_grmember')
    assert {user for (user,) in rows} == {ADOPTED, theirs}


def test_a_name_is_unique_among_groups(okta: Directory) -> None:
    okta.group("Stores")
    answer = okta.http.post("/scim/v2/Groups", json={"displayName": "STORES"})
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")


def test_members_must_be_users_of_the_directory(enroll: Enroll) -> None:
    okta, entra = enroll("okta"), enroll("entra")
    theirs = entra.user("bob")["id"]
    nested = okta.group("Inner")["id"]
    for stranger in (theirs, nested, "nobody"):
        said = {"displayName": "Stores", "members": [{"value": stranger}]}
        answer = okta.http.post("/scim/v2/Groups", json=said)
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
        assert stranger in answer.json()["detail"]
    assert okta.house.count("sys_user_group") == 1, "a refused group is not half made"


def test_an_external_id_names_one_resource_and_may_change(okta: Directory) -> None:
    ada = okta.user("ada", externalId="x-1")
    refused(okta, "bob", externalId="x-1")
    bob = okta.user("bob", externalId="x-2")
    taken = {"op": "replace", "path": "externalId", "value": "x-1"}
    assert okta.patch(f"Users/{bob['id']}", taken).status_code == 409
    okta.patch(f"Users/{ada['id']}", {"op": "replace", "path": "externalId", "value": "X-1"})
    assert [one["id"] for one in okta.find("Users", 'externalId eq "X-1"')] == [ada["id"]]
    assert okta.find("Users", 'externalId eq "x-1"') == []
    okta.patch(f"Users/{ada['id']}", {"op": "remove", "path": "externalId"})
    rows = "SELECT external_id, sys_id FROM hub_external_ref ORDER BY sys_id"
    assert okta.house.rows(rows) == [(ada["id"], ada["id"]), ("x-2", bob["id"])]
    long = okta.http.post("/scim/v2/Users", json={"userName": "c", "externalId": "x" * 256})
    assert (long.status_code, long.json()["scimType"]) == (400, "invalidValue")


# -- leaving -------------------------------------------------------------------------------------


def test_a_deactivated_user_is_still_answered(okta: Directory) -> None:
    user = okta.user("ada")
    okta.patch(f"Users/{user['id']}", {"op": "Replace", "path": "active", "value": "False"})
    assert okta.get(f"Users/{user['id']}")["active"] is False
    assert [one["id"] for one in okta.find("Users", 'userName eq "ada"')] == [user["id"]]
    assert okta.find("Users", "active eq true") == []


def test_who_leaves_loses_tokens_and_what_is_assigned_to_them(okta: Directory) -> None:
    user = okta.user("Ada")["id"]
    with okta.house.db.write() as tx:
        access.create(tx, "ada", okta.house.clock())
        access.create(tx, "bob", okta.house.clock())
    work = {"assigned_to": user, "assignment_group": "9" * 32}
    okta.house.keep("case", sys_id="1" * 32, number="CS1", **work)
    okta.house.keep("case", sys_id="2" * 32, number="CS2", active=False, state="3", **work)
    okta.house.keep("incident", sys_id="3" * 32, number="INC1", **work)
    okta.house.keep("work_order_task", sys_id="4" * 32, number="WOT1", **work)
    okta.patch(f"Users/{user}", {"op": "replace", "value": {"active": False}})
    with okta.house.db.read() as tx:
        assert [token.name for token in access.every(tx)] == ["bob"]
        told = audit.of_record(tx, "sn_customerservice_case", "1" * 32)
    assigned = "SELECT number, assigned_to, assignment_group FROM {} ORDER BY number"
    cases = okta.house.rows(assigned.format("sn_customerservice_case"))
    assert cases == [("CS1", None, "9" * 32), ("CS2", user, "9" * 32)]
    assert okta.house.rows(assigned.format("incident")) == [("INC1", None, "9" * 32)]
    assert okta.house.rows(assigned.format("wm_task")) == [("WOT1", None, "9" * 32)]
    [entry] = told
    assert (entry["fieldname"], entry["oldvalue"], entry["user"], entry["hub_source"]) == (
        "assigned_to", user, "okta", "okta",
    )  # fmt: skip


def test_a_token_of_the_directory_is_not_a_users(okta: Directory) -> None:
    user = okta.user("okta/1")["id"]
    okta.patch(f"Users/{user}", {"op": "replace", "value": {"active": False}})
    assert okta.get(f"Users/{user}")["active"] is False


def test_a_deleted_user_stays_ours_and_is_gone_for_the_directory(okta: Directory) -> None:
    user = okta.user("ada", externalId="x-1")["id"]
    group = okta.group("Stores", user)["id"]
    assert okta.http.delete(f"/scim/v2/Users/{user}").status_code == 204
    assert okta.http.delete(f"/scim/v2/Users/{user}").status_code == 404
    assert okta.find("Users", 'userName eq "ada"') == []
    assert okta.members(group) == set()
    assert active(okta) == {"ada": False}
    [(deleted,)] = okta.house.rows(
        "SELECT deleted_at FROM hub_external_ref WHERE external_id = 'x-1'"
    )
    assert deleted == okta.house.clock()


def test_who_comes_back_is_the_same_and_says_everything_anew(okta: Directory) -> None:
    user = okta.user("ada", externalId="x-1", nickName="Addie", title="Manager")["id"]
    okta.http.delete(f"/scim/v2/Users/{user}")
    again = okta.user("ada.new", externalId="x-1", title="Owner")
    assert (again["id"], again["active"], again["title"]) == (user, True, "Owner")
    assert "nickName" not in again
    assert active(okta) == {"ada.new": True}


def test_a_name_that_is_given_again_is_another_person(okta: Directory) -> None:
    """j.smith has left; the next j.smith must not find his cases."""
    before = okta.user("j.smith", externalId="x-1", emails=[{"value": "j@example.com"}])["id"]
    okta.http.delete(f"/scim/v2/Users/{before}")
    after = okta.user("j.smith", externalId="x-2", emails=[{"value": "j@example.com"}])["id"]
    assert after != before
    assert okta.house.count("sys_user") == 2


def test_everything_is_audited_as_the_directorys(okta: Directory) -> None:
    user = okta.user("ada", title="Manager")["id"]
    okta.patch(f"Users/{user}", {"op": "replace", "path": "title", "value": "Owner"})
    group = okta.group("Stores", user)["id"]
    okta.patch(f"Groups/{group}", {"op": "remove", "path": "members"})
    with okta.house.db.read() as tx:
        changed = audit.of_record(tx, "sys_user", user)
    assert [(e["fieldname"], e["oldvalue"], e["newvalue"]) for e in changed] == [
        ("title", "Manager", "Owner"),
        ("*", None, None),
    ]
    ended = okta.house.rows(
        "SELECT oldvalue, reason, hub_source FROM sys_audit WHERE tablename = 'sys_user_grmember'"
        " AND reason <> ''"
    )
    assert ended == [(f"{group} {user}", ENDED, "okta")]


def links_of(directory: Directory) -> list[tuple[Any, ...]]:
    """(tenant, pair, whether it ended) of the memberships that tenants have told of."""
    query = (
        "SELECT connection, external_id, deleted_at IS NOT NULL FROM hub_external_ref"
        " WHERE stream = 'scim/Members' ORDER BY external_id"
    )
    return [(tenant, pair, bool(ended)) for tenant, pair, ended in directory.house.rows(query)]


def test_who_joins_leaves_and_joins_again_has_one_link_and_one_row(okta: Directory) -> None:
    user, group = okta.user("ada")["id"], okta.group("Stores")["id"]
    add = {"op": "add", "path": "members", "value": [{"value": user}]}
    take = {"op": "remove", "path": f'members[value eq "{user}"]'}
    for change, there in ((add, True), (take, False), (add, True)):
        assert okta.patch(f"Groups/{group}", change).is_success
        assert okta.members(group) == ({user} if there else set())
        assert okta.house.count("sys_user_grmember") == there
        assert links_of(okta) == [("okta", f"{group}|{user}", not there)]
    kept = okta.house.rows("SELECT fieldname FROM sys_audit WHERE tablename = 'sys_user_grmember'")
    assert kept == [("*",)] * 3


def test_a_membership_that_a_connection_tells_of_as_well_stays_when_a_tenant_ends_it(
    okta: Directory,
) -> None:
    user = okta.user("ada")["id"]
    group = okta.group("Stores", user)["id"]
    [(row,)] = okta.house.rows("SELECT sys_id FROM sys_user_grmember")
    with okta.house.db.write() as tx:
        told = Link("entra", "memberships", "sys_user_grmember", "g|u", row)
        links.save(tx, [told], now=okta.house.clock())
    take = {"op": "remove", "path": f'members[value eq "{user}"]'}
    okta.patch(f"Groups/{group}", take)
    assert okta.house.count("sys_user_grmember") == 1, "entra still says so"
    assert okta.members(group) == set(), "and okta sees what it has said"
    assert "groups" not in okta.get(f"Users/{user}")
    assert okta.find("Groups", f'members eq "{user}"') == []
    okta.patch(f"Groups/{group}", {"op": "add", "path": "members", "value": [{"value": user}]})
    assert okta.house.rows("SELECT sys_id FROM sys_user_grmember") == [(row,)]
    assert okta.members(group) == {user}


def test_no_change_has_no_effect(okta: Directory) -> None:
    user = okta.user("ada", title="Manager")
    before = okta.house.count("sys_audit")
    same = {"op": "replace", "path": "title", "value": "Manager"}
    now = okta.patch(f"Users/{user['id']}", same).json()
    assert now["meta"]["version"] == user["meta"]["version"]
    assert okta.house.count("sys_audit") == before


def test_a_column_that_follows_is_not_set_back_by_what_did_not_change(okta: Directory) -> None:
    phones = [{"type": "mobile", "value": "+49 151 1"}, {"type": "work", "value": "0800 1"}]
    user = okta.user("ada", phoneNumbers=phones)["id"]
    columns = "SELECT mobile_phone, phone FROM sys_user"
    assert okta.house.rows(columns) == [("+49 151 1", "0800 1")]
    with okta.house.db.write() as tx:
        tx.exec_driver_sql("UPDATE sys_user SET phone = 'corrected here'")
    okta.patch(f"Users/{user}", {"op": "add", "path": "title", "value": "Manager"})
    assert okta.house.rows(columns) == [("+49 151 1", "corrected here")]
    path = 'phoneNumbers[type eq "work"].value'
    now = okta.patch(f"Users/{user}", {"op": "replace", "path": path, "value": "0800 2"}).json()
    assert okta.house.rows(columns) == [("+49 151 1", "0800 2")]
    assert now["phoneNumbers"][0] == phones[0], "values are kept as they were sent"


@ON_POSTGRESQL
def test_two_at_once_make_one_user(okta: Directory) -> None:
    statuses: list[int] = []
    start = threading.Barrier(6)

    def create() -> None:
        start.wait(10)
        statuses.append(okta.http.post("/scim/v2/Users", json={"userName": "ada"}).status_code)

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(statuses) == [201, *[409] * 5]
    assert okta.house.count("sys_user") == 1
