"""What Entra, Okta and canaille do that SCIM does not say, and what they must find in answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.scim.conftest import ENTERPRISE, USER, Directory, Json

WORK = 'emails[type eq "work"].value'


@pytest.fixture
def ada(okta: Directory) -> Json:
    return okta.user("ada@example.com", externalId="x-1", name={"givenName": "Ada"})


def path_of(user: Json) -> str:
    return f"Users/{user['id']}"


# -- Entra -------------------------------------------------------------------------------------


def test_a_connection_test_for_nobody_finds_an_empty_list(okta: Directory) -> None:
    for kind, asked in [
        ("Users", 'userName eq "0f5c2d7a-nobody"'),
        ("Users", 'externalId eq "nobody"'),
        ("Users", 'emails[type eq "work"].value eq "nobody@example.com"'),
        ("Groups", 'displayName eq "nobody"'),
    ]:
        answer = okta.get(kind, filter=asked)
        assert answer["totalResults"] == 0
        assert answer.get("Resources", []) == []


@pytest.mark.parametrize("value", ["False", "false", False, [{"$ref": None, "value": "False"}]])
def test_false_may_be_a_word(okta: Directory, ada: Json, value: Any) -> None:
    answer = okta.patch(path_of(ada), {"op": "Replace", "path": "active", "value": value})
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    [(active,)] = okta.house.rows("SELECT active FROM sys_user")
    assert not active


def test_a_value_without_a_path_may_have_dotted_and_qualified_keys(
    okta: Directory, ada: Json
) -> None:
    value = {
        "displayName": "Ada Sparrow",
        "name.familyName": "Sparrow",
        f"{ENTERPRISE}:department": "Stores",
        f"{ENTERPRISE}:employeeNumber": "4711",
        f"{ENTERPRISE}:manager": ada["id"],
    }
    now = okta.patch(path_of(ada), {"op": "Add", "value": value}).json()
    assert (now["displayName"], now["name"]) == (
        "Ada Sparrow",
        {"givenName": "Ada", "familyName": "Sparrow"},
    )
    assert now[ENTERPRISE]["department"] == "Stores"
    assert now[ENTERPRISE]["manager"]["value"] == ada["id"]
    columns = "first_name, last_name, name, employee_number, manager"
    [row] = okta.house.rows(f"SELECT {columns} FROM sys_user")
    assert row == ("Ada", "Sparrow", "Ada Sparrow", "4711", ada["id"])


def test_replacing_an_address_that_is_not_there_adds_it(okta: Directory, ada: Json) -> None:
    now = okta.patch(path_of(ada), {"op": "Replace", "path": WORK, "value": "ada@work.example"})
    assert now.json()["emails"] == [{"type": "work", "value": "ada@work.example"}]
    again = okta.patch(path_of(ada), {"op": "Replace", "path": WORK, "value": "Ada@Work.example"})
    assert again.json()["emails"] == [{"type": "work", "value": "Ada@Work.example"}]
    assert okta.house.rows("SELECT email FROM sys_user") == [("ada@work.example",)]


def test_a_new_primary_address_is_the_only_one(okta: Directory, ada: Json) -> None:
    for kind in ("work", "home"):
        value = [{"type": kind, "value": f"{kind}@a.example", "primary": True}]
        okta.patch(path_of(ada), {"op": "Add", "path": "emails", "value": value})
    emails = okta.get(path_of(ada))["emails"]
    assert {one["type"]: one.get("primary") for one in emails} == {"work": False, "home": True}


@pytest.mark.parametrize("value", ["boss", [{"$ref": "../Users/boss", "value": "boss"}]])
def test_a_manager_may_come_bare(okta: Directory, ada: Json, value: Any) -> None:
    """Entra has sent both. Whom we do not know yet is kept, and nobody's manager here."""
    path = f"{ENTERPRISE}:manager"
    now = okta.patch(path_of(ada), {"op": "Add", "path": path, "value": value}).json()
    assert now[ENTERPRISE]["manager"]["value"] == "boss"
    assert okta.house.rows("SELECT manager FROM sys_user") == [(None,)]
    now = okta.patch(path_of(ada), {"op": "Replace", "path": path, "value": ""}).json()
    assert "manager" not in now.get(ENTERPRISE, {})


def test_members_are_removed_both_ways(okta: Directory) -> None:
    a, b, c = (okta.user(name)["id"] for name in ("a", "b", "c"))
    group = okta.group("Stores", a, b, c)["id"]
    by_value = {"op": "Remove", "path": "members", "value": [{"value": a}]}
    assert okta.patch(f"Groups/{group}", by_value).status_code == 204
    assert okta.members(group) == {b, c}
    by_path = {"op": "remove", "path": f'members[value eq "{b}"]'}
    assert okta.patch(f"Groups/{group}", by_path, by_path).status_code == 204
    assert okta.members(group) == {c}
    assert okta.patch(f"Groups/{group}", by_value).status_code == 204, "gone is gone"


def test_a_removal_may_carry_a_value_that_means_nothing(okta: Directory, ada: Json) -> None:
    assert okta.patch(
        path_of(ada), {"op": "Remove", "path": "name.givenName", "value": "Ada"}
    ).is_success
    assert "name" not in okta.get(path_of(ada))


def test_groups_are_found_without_their_members(okta: Directory) -> None:
    group = okta.group("Stores", okta.user("a")["id"])
    [found] = okta.find("Groups", 'displayName eq "stores"', excludedAttributes="members")
    assert found["id"] == group["id"]
    assert "members" not in found
    [user] = okta.find("Users", "userName pr")
    asked = f'id eq "{group["id"]}" and members eq "{user["id"]}"'
    assert [found["id"] for found in okta.find("Groups", asked)] == [group["id"]]
    assert okta.find("Groups", f'members[value eq "{group["id"]}"]') == []


# -- Okta --------------------------------------------------------------------------------------


def test_a_whole_body_comes_back_by_put(okta: Directory, ada: Json) -> None:
    """Okta reads, changes, and sends all of it again, with what only we write and a password."""
    body = {
        **okta.get(path_of(ada)),
        "schemas": [USER],
        "name": {"givenName": "Ada", "familyName": "Sparrow"},
        "emails": [{"primary": True, "value": "ada@example.com", "type": "work"}],
        "password": "secret-1",
        "groups": [],
        "locale": "en-US",
        "active": True,
    }
    answer = okta.http.put(f"/scim/v2/{path_of(ada)}", json=body)
    assert answer.status_code == 200, answer.text
    now = answer.json()
    assert (now["name"]["familyName"], now["locale"], now["externalId"]) == (
        "Sparrow",
        "en-US",
        "x-1",
    )
    assert "password" not in now
    body.pop("locale")
    assert "locale" not in okta.http.put(f"/scim/v2/{path_of(ada)}", json=body).json()


def test_a_put_that_says_nothing_of_active_reactivates_nobody(okta: Directory, ada: Json) -> None:
    okta.patch(path_of(ada), {"op": "replace", "value": {"active": False}})
    body = {"schemas": [USER], "userName": "ada@example.com", "title": "Manager"}
    assert okta.http.put(f"/scim/v2/{path_of(ada)}", json=body).is_success
    [(active,)] = okta.house.rows("SELECT active FROM sys_user")
    assert not active


def test_a_creation_with_empty_groups_and_a_password(okta: Directory) -> None:
    made = okta.user("bob", password="hush", groups=[])
    assert made["id"]
    assert {"password", "groups"}.isdisjoint(made)


def test_a_group_is_renamed_by_a_value_with_its_id(okta: Directory) -> None:
    group = okta.group("Old")
    value = {"id": group["id"], "displayName": "New"}
    assert okta.patch(f"Groups/{group['id']}", {"op": "replace", "value": value}).is_success
    assert okta.get(f"Groups/{group['id']}")["displayName"] == "New"


def test_one_patch_removes_and_adds_members_and_another_sends_all(okta: Directory) -> None:
    a, b, c = (okta.user(name)["id"] for name in ("a", "b", "c"))
    path = f"Groups/{okta.group('Stores', a, b)['id']}"
    okta.patch(
        path,
        {"op": "remove", "path": f'members[value eq "{a}"]'},
        {"op": "add", "path": "members", "value": [{"value": c, "display": "c"}]},
    )
    assert okta.members(path[7:]) == {b, c}
    whole = {"op": "replace", "path": "members", "value": [{"value": a}, {"value": a}]}
    okta.patch(path, whole)
    assert okta.members(path[7:]) == {a}
    okta.patch(path, {"op": "replace", "path": "members", "value": []})
    assert okta.members(path[7:]) == set()


def test_a_group_is_deleted_and_its_users_stay(okta: Directory) -> None:
    user = okta.user("a")["id"]
    group = okta.group("Stores", user)["id"]
    assert okta.http.delete(f"/scim/v2/Groups/{group}").status_code == 204
    assert okta.http.get(f"/scim/v2/Groups/{group}").status_code == 404
    assert okta.get(f"Users/{user}")["userName"] == "a"
    assert "groups" not in okta.get(f"Users/{user}")
    [(active,)] = okta.house.rows("SELECT active FROM sys_user_group")
    assert not active


# -- canaille ----------------------------------------------------------------------------------


def test_an_if_match_of_their_own_says_nothing(okta: Directory, ada: Json) -> None:
    body = {"schemas": [USER], "userName": "ada@example.com", "title": "Manager"}
    theirs = {"If-Match": 'W/"1f0a9b8c7d6e5f40"'}
    answer = okta.http.put(f"/scim/v2/{path_of(ada)}", json=body, headers=theirs)
    assert answer.status_code == 200, answer.text


def test_an_if_match_of_ours_is_kept(okta: Directory, ada: Json) -> None:
    stale = ada["meta"]["version"]
    change: Json = {"op": "replace", "path": "title", "value": "Manager"}
    now = okta.patch(path_of(ada), change, **{"If-Match": stale})
    assert now.status_code == 200
    assert now.headers["ETag"] == now.json()["meta"]["version"] != stale
    change["value"] = "Owner"
    assert okta.patch(path_of(ada), change, **{"If-Match": stale}).status_code == 412
    assert okta.get(path_of(ada))["title"] == "Manager"
    both = f'W/"strange", {now.headers["ETag"]}'
    assert okta.patch(path_of(ada), change, **{"If-Match": both}).status_code == 200


def test_a_version_changes_with_the_members_of_a_group(okta: Directory) -> None:
    user, group = okta.user("a")["id"], okta.group("Stores")
    before = okta.http.get(f"/scim/v2/Groups/{group['id']}").headers["ETag"]
    add = {"op": "add", "path": "members", "value": [{"value": user}]}
    okta.patch(f"Groups/{group['id']}", add)
    after = okta.http.get(f"/scim/v2/Groups/{group['id']}").headers["ETag"]
    assert before != after
    okta.patch(f"Groups/{group['id']}", add)
    assert okta.http.get(f"/scim/v2/Groups/{group['id']}").headers["ETag"] == after
    same = okta.http.get(f"/scim/v2/Groups/{group['id']}", headers={"If-None-Match": after})
    assert same.status_code == 304


def test_plain_json_is_taken_and_other_types_are_not(okta: Directory) -> None:
    body = f'{{"schemas": ["{USER}"], "userName": "a"}}'
    kinds = {"application/json": 201, "application/scim+json": 409, "text/plain": 415}
    for kind, status in kinds.items():
        answer = okta.http.post("/scim/v2/Users", content=body, headers={"Content-Type": kind})
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/scim+json"
