"""Filters become SQL: they find by index, whatever the case, and what others have sent before."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, event

from tests.real.conftest import real
from tests.web.scim.conftest import ENTERPRISE, Directory, Json

__all__ = ["real"]


def searched(okta: Directory, filter: str) -> tuple[str, Any]:
    """The statement, and its parameters, that counts what matches."""
    statements: list[tuple[str, Any]] = []

    def note(_: Connection, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if "count(*)" in statement:
            statements.append((statement, parameters))

    event.listen(okta.house.db.engine, "before_cursor_execute", note)
    okta.get("Users", filter=filter)
    event.remove(okta.house.db.engine, "before_cursor_execute", note)
    return statements[0]


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ('userName eq "Ada"', "ix_sys_user_user_name_folded"),
        ('userName eq "\u00c4DA"', "ix_sys_user_user_name_folded"),
        ('active eq true and userName eq "ada"', "ix_sys_user_user_name_folded"),
        ('externalId eq "X-1"', "external_ref"),
        ('id eq "1"', ""),
    ],
)
def test_a_search_for_one_user_reads_no_table(okta: Directory, asked: str, index: str) -> None:
    statement, parameters = searched(okta, asked)
    with okta.house.db.read() as tx:
        if okta.house.db.sqlite:
            rows = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        else:
            for way in ("seqscan", "hashjoin", "mergejoin", "bitmapscan"):
                tx.exec_driver_sql(f"SET LOCAL enable_{way} = off")
            rows = tx.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        plan = "\n".join(str(row[-1]) for row in rows)
    assert index in plan
    assert "SCAN sys_user" not in plan
    assert "Seq Scan" not in plan


def test_case_does_not_matter_in_names(okta: Directory) -> None:
    for name in ("Zo\u00eb.M\u00dcLLER", "stra\u00dfe", "ada"):
        okta.user(name)
    for name in (
        "zo\u00eb.m\u00fcller",
        "Zo\u00eb.M\u00dcLLER",
        "STRA\u00dfE",
        "ADA",
        "ada",
    ):
        assert len(okta.find("Users", f'userName eq "{name}"')) == 1, name
    assert okta.find("Users", 'userName eq "adb"') == []
    assert okta.find("Users", 'userName eq "ada\\u0000"') == []


def test_custom_and_listed_attributes_are_found(okta: Directory) -> None:
    emails = [{"type": "work", "value": "Ada@Example.com"}, {"type": "home", "value": "a@b.c"}]
    user = okta.user("ada", emails=emails, nickName="Addie", externalId="X-1")
    okta.user("bob")
    for asked in (
        'emails[type eq "work"].value eq "ada@example.com"',
        'emails.value eq "A@B.C" and active eq true',
        'nickName sw "add" or nickName eq "x"',
        'not (nickName pr) or externalId eq "X-1" and userName ne "bob"',
        f'externalId eq "X-1" and meta.lastModified ge "{user["meta"]["lastModified"]}"',
    ):
        names = [one["userName"] for one in okta.find("Users", asked)]
        assert "ada" in names, asked
    assert okta.find("Users", 'emails[type eq "home" and value sw "ada"]') == []


def test_groups_are_found_by_who_is_in_them_and_users_by_where_they_are(okta: Directory) -> None:
    user = okta.user("ada")["id"]
    group = okta.group("Stores", user)["id"]
    okta.group("Empty")
    assert [one["id"] for one in okta.find("Groups", f'members.value eq "{user}"')] == [group]
    assert [one["id"] for one in okta.find("Groups", "members pr")] == [group]
    assert [one["id"] for one in okta.find("Users", f'groups.value eq "{group}"')] == [user]
    [named] = okta.get(f"Users/{user}")["groups"]
    assert (named["display"], named["type"]) == ("Stores", "direct")
    assert named["$ref"].endswith(f"/scim/v2/Groups/{group}")


def test_everything_can_be_searched_at_once(okta: Directory) -> None:
    okta.group("Stores", okta.user("ada")["id"])
    answer = okta.http.post("/scim/v2/.search", json={"count": 10})
    kinds = [one["meta"]["resourceType"] for one in answer.json()["Resources"]]
    assert kinds == ["User", "Group"]


SENT = {"rfc7643-8.2-user-full.json", "rfc7643-8.3-enterprise_user.json"}


@pytest.mark.parametrize("name", sorted(SENT))
def test_the_users_of_the_rfc_come_back_as_they_were_sent(
    okta: Directory, real: Callable[[str], Path], name: str
) -> None:
    sent: Json = orjson.loads((real("scim-rfc7643") / name).read_bytes())
    answer = okta.http.post("/scim/v2/Users", json=sent)
    assert answer.status_code == 201, answer.text
    got = okta.get(f"Users/{answer.json()['id']}")
    ours = {"id", "meta", "password", "groups", "x509Certificates", "schemas"}
    for part in sent.keys() - ours - {ENTERPRISE}:
        assert got[part] == sent[part], part
    extension = sent.get(ENTERPRISE, {})
    assert got.get(ENTERPRISE, {}).items() >= {
        (key, value) for key, value in extension.items() if key != "manager"
    }
    [(email, phone, city)] = okta.house.rows("SELECT email, phone, city FROM sys_user")
    assert (email, phone, city) == ("bjensen@example.com", "555-555-5555", "Hollywood")


def test_the_patches_of_the_rfc_do_what_it_says(
    okta: Directory, real: Callable[[str], Path]
) -> None:
    folder = real("scim-rfc7643")
    users = [okta.user(f"u{n}")["id"] for n in range(3)]
    group = okta.group("Tour Guides", users[0])["id"]

    def patched(name: str) -> set[str]:
        text = (folder / f"rfc7644-3.5.2.{name}.json").read_text()
        text = re.sub("2819c223[-.0-9a-f]*", users[1], text)  # the RFC cuts some of them short
        text = re.sub("(08e1d05d|902c246b)[-.0-9a-f]*", users[2], text)
        answer = okta.http.patch(f"/scim/v2/Groups/{group}", content=text)
        assert answer.is_success, answer.text
        return okta.members(group)

    assert patched("1-patch_op-add_members") == {users[0], users[1]}
    assert patched("2-patch_op-remove_one_member") == {users[0]}
    assert patched("2-patch_op-remove_and_add_one_member") == {users[0], users[2]}
    assert patched("2-patch_op-remove_all_members") == set()
    assert patched("3-patch_op-replace_all_members") == {users[1], users[2]}
