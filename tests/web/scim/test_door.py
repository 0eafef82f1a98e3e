"""Who comes in, how much they may send, and what they are told when it does not work."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest
from structlog.testing import capture_logs

from hub import web
from hub.running import Web, serving
from hub.store import access
from hub.store.access import BadName
from hub.store.database import Database
from tests.databases import locked
from tests.web.conftest import House, inside
from tests.web.scim.conftest import USER, Directory, Enroll

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def told(answer: httpx.Response) -> dict[str, Any]:
    """An error, which has SCIM's form."""
    assert answer.headers["Content-Type"] == "application/scim+json"
    said: dict[str, Any] = answer.json()
    assert said["schemas"] == [ERROR]
    assert said["status"] == str(answer.status_code)
    return said


# -- tokens --------------------------------------------------------------------------------------


def test_unknown_and_wrong_tokens_are_refused_alike(hub_house: House, okta: Directory) -> None:
    with hub_house.db.write() as tx:
        admin = access.create(tx, "ada", hub_house.clock())
    stranger = inside(hub_house.app)
    answers = [
        stranger.get("/scim/v2/Users", headers={"Authorization": given} if given else {})
        for given in ("", "Bearer", "Bearer hub_scim_guess", f"Bearer {admin}", "Basic b2t0YTp4")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {'Bearer realm="SCIM"'}
    assert told(answers[0])
    assert okta.http.get("/scim/v2/Users").status_code == 200


def test_a_directorys_token_opens_nothing_else(okta: Directory) -> None:
    assert okta.http.get("/admin/api/status").status_code == 401


def test_a_stranger_learns_of_no_path_and_no_body(hub_house: House) -> None:
    stranger = inside(hub_house.app)
    assert stranger.get("/scim/v2/Nothing").status_code == 401
    assert stranger.post("/scim/v2/Users", content=b"{" * 2_000_000).status_code == 401
    assert stranger.get("/scim/v2/ServiceProviderConfig").status_code == 200


def test_two_tokens_are_good_while_they_rotate(hub_house: House) -> None:
    def status(token: str) -> int:
        asked = {"Authorization": f"bearer {token}"}
        return inside(hub_house.app, asked).get("/scim/v2/Users").status_code

    with hub_house.db.write() as tx:
        (one, old), (two, new) = (access.create_for(tx, "okta", 1.0) for _ in range(2))
        with pytest.raises(BadName, match="revoke"):
            access.create_for(tx, "okta", 1.0)
    assert (one, two) == ("okta/1", "okta/2")
    assert (status(old), status(new)) == (200, 200)
    with hub_house.db.write() as tx:
        assert access.revoke(tx, one)
        third, _ = access.create_for(tx, "okta", 1.0)
    assert third == one
    assert (status(old), status(new)) == (401, 200)
    kept = hub_house.rows("SELECT name, digest, tenant FROM hub_token")
    assert not {old, new} & {value for row in kept for value in row}
    assert {row[2] for row in kept} == {"okta"}


def test_its_use_is_noted(okta: Directory) -> None:
    okta.get("Users")
    assert okta.house.rows("SELECT last_used_at FROM hub_token") == [(okta.house.clock(),)]


# -- bodies --------------------------------------------------------------------------------------


def test_too_much_is_refused(okta: Directory) -> None:
    answer = okta.http.post("/scim/v2/Users", content=b" " * (1024 * 1024 + 1))
    assert (answer.status_code, told(answer)["status"]) == (413, "413")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", "invalidSyntax"),
        (b"[1]", "invalidSyntax"),
        (b'{"userName": "a\\u0000b"}', "invalidValue"),
        (b'{"userName": "\\ud800"}', "invalidSyntax"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "invalidSyntax"),
        (b"{}", "invalidValue"),
        (b'{"userName": {"a": 1}}', "invalidValue"),
    ],
)
def test_what_cannot_be_read_is_the_senders_to_mend(
    okta: Directory, content: bytes, kind: str
) -> None:
    answer = okta.http.post("/scim/v2/Users", content=content)
    assert answer.status_code == 400, answer.text
    assert told(answer)["scimType"] == kind
    assert okta.house.count("sys_user") == 0


def test_a_password_is_neither_kept_nor_logged_nor_answered(okta: Directory) -> None:
    secret = "$pbkdf2-sha512$25000$hush"
    with capture_logs() as logs:
        user = okta.user("ada", password=secret)
        path = f"Users/{user['id']}"
        said = [
            okta.patch(path, {"op": "replace", "path": "password", "value": secret}).text,
            okta.patch(path, {"op": "replace", "value": {"password": secret}}).text,
            okta.http.put(f"/scim/v2/{path}", json={"userName": "ada", "password": secret}).text,
            okta.http.put(f"/scim/v2/{path}", json={"userName": 7, "password": secret}).text,
            okta.http.get(f"/scim/v2/Users?attributes=password&filter=password eq {secret!r}").text,
            str(okta.get("Users", attributes="userName,password")),
        ]
    kept = okta.house.rows("SELECT hub_custom FROM sys_user")
    kept += okta.house.rows("SELECT oldvalue, newvalue FROM sys_audit")
    assert "hush" not in "".join(map(str, [kept, said, logs]))


def test_a_patch_is_all_or_nothing(okta: Directory) -> None:
    user = okta.user("ada", title="Manager")
    okta.user("bob")
    for last in (
        {"op": "replace", "path": "userName", "value": "bob"},
        {"op": "replace", "path": "nothing[", "value": 1},
        {"op": "replace", "path": "active", "value": "perhaps"},
        {"op": "remove"},
    ):
        first = {"op": "replace", "path": "title", "value": "Owner"}
        answer = okta.patch(f"Users/{user['id']}", first, last)
        assert answer.status_code in {400, 409}
        assert told(answer)
    assert okta.get(f"Users/{user['id']}")["title"] == "Manager"


# -- listing -------------------------------------------------------------------------------------


def test_a_list_is_paged_by_whole_numbers_in_a_stable_order(okta: Directory) -> None:
    made = [okta.user(f"u{n}")["id"] for n in range(5)]
    seen = []
    for start in (1, 3, 5):
        page = okta.get("Users", startIndex=start, count=2)
        assert (page["totalResults"], page["startIndex"]) == (5, start)
        assert page["itemsPerPage"] == len(page["Resources"])
        assert all(type(page[key]) is int for key in ("totalResults", "itemsPerPage", "startIndex"))
        seen += [one["id"] for one in page["Resources"]]
    assert seen == made
    nothing = okta.get("Users", count=0)
    assert (nothing["totalResults"], nothing["itemsPerPage"]) == (5, 0)
    assert nothing.get("Resources", []) == []
    beyond = okta.get("Users", startIndex=99)
    assert (beyond["totalResults"], beyond.get("Resources", [])) == (5, [])


def test_a_filter_that_cannot_be_is_refused(okta: Directory) -> None:
    for asked in ("userName", 'userName xx "a"', 'nothing eq "a"', "active gt true", "("):
        answer = okta.http.get("/scim/v2/Users", params={"filter": asked})
        assert (answer.status_code, told(answer)["scimType"]) == (400, "invalidFilter")


def test_what_is_not_there_is_not_found(okta: Directory) -> None:
    assert told(okta.http.get("/scim/v2/Devices"))["status"] == "404"
    answer = okta.http.delete("/scim/v2/Users")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    assert okta.http.get("/scim/v2/Me").status_code == 501
    assert okta.http.post("/scim/v2/Bulk", json={}).status_code == 501


# -- trouble -------------------------------------------------------------------------------------


def test_a_busy_database_is_worth_another_try(database_url: str, enroll: Enroll) -> None:
    okta = enroll("okta")
    impatient = Database(database_url, wait=0.05)
    app = web.create(impatient, okta.house.connections, clock=okta.house.clock)
    client = inside(app, dict(okta.http.headers))
    with locked(okta.house.db):
        answer = client.post("/scim/v2/Users", json={"schemas": [USER], "userName": "ada"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert told(answer)
        assert client.get("/scim/v2/Users").status_code == 200, "reading goes on"
    assert okta.house.count("sys_user") == 0
    impatient.close()


def test_a_bug_of_ours_is_told_by_an_id_alone(okta: Directory) -> None:
    with okta.house.db.write() as tx:
        tx.exec_driver_sql("DROP TABLE sys_user_grmember")
    with capture_logs() as logs:
        answer = okta.http.get("/scim/v2/Users")
        assert answer.status_code == 200, "nobody to look up"
        answer = okta.http.post("/scim/v2/Users", json={"userName": "ada"})
    [entry] = [one for one in logs if one["event"] == "request failed"]
    assert answer.status_code == 500
    assert entry["error_id"] in told(answer)["detail"]
    assert "grmember" not in answer.text


def test_it_is_served_by_real_http(hub_house: House, okta: Directory) -> None:
    with serving(Web(hub_house.app)) as address:
        headers = {"Authorization": okta.http.headers["Authorization"]}
        with httpx.Client(base_url=address, headers=headers) as client:
            made = client.post("/scim/v2/Users", content=orjson.dumps({"userName": "ada"}))
            assert made.status_code == 201
            location = made.headers["Location"]
            assert location == f"{address}/scim/v2/Users/{made.json()['id']}"
            assert made.json()["meta"]["location"] == location
            assert client.get(location).headers["ETag"] == made.headers["ETag"]
            assert client.head(location).content == b""
