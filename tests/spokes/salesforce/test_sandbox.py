"""The sandbox is as strict as the real one: what it does not know, it refuses with their error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr

import hub
from hub.http import Client, MemoryTokens, Response
from hub.testing import BadCommand, serve
from spokes.salesforce.sandbox import SalesforceSandbox, soql
from spokes.salesforce.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, USERNAME
from spokes.salesforce.sandbox.refusal import Refused
from spokes.salesforce.spoke import Salesforce
from tests.spokes.salesforce.conftest import Quick

DATA = "/services/data/v66.0"
JSON = {"Content-Type": "application/json"}
Ask = Callable[..., Response]


@pytest.fixture
def ask(spoke: Salesforce) -> Ask:
    """Send one signed request, and give the answer as it is."""
    return partial(spoke.http.request, check=False)


@pytest.fixture(scope="module")
def still() -> Iterator[Ask]:
    """The same for an org that nobody changes."""
    with serve(SalesforceSandbox()) as org:
        spoke = Quick.model_validate(org.settings())
        yield partial(spoke.http.request, check=False)
        spoke.http.close()


def code(answer: Response) -> tuple[int, str]:
    [error] = answer.json()
    return answer.status_code, error["errorCode"]


def find(ask: Ask, query: str, resource: str = "query") -> list[dict[str, Any]]:
    answer = ask("GET", f"{DATA}/{resource}", params={"q": query})
    assert answer.status_code == 200, answer.text
    records: list[dict[str, Any]] = answer.json()["records"]
    return records


# -- the door


def test_versions_need_no_sign_in_and_everything_else_does(org: SalesforceSandbox) -> None:
    stranger = Client(org.url, ca_file=org.ca_file)
    assert stranger.get("/services/data/").json()[-1]["version"] == "66.0"
    answer = stranger.get(f"{DATA}/limits", check=False)
    assert code(answer) == (401, "INVALID_SESSION_ID")
    stranger.close()


@pytest.mark.parametrize(
    ("method", "path", "options", "expected"),
    [
        ("GET", "/nothing", {}, (404, "NOT_FOUND")),
        ("GET", f"{DATA}/nothing", {}, (404, "NOT_FOUND")),
        ("GET", f"{DATA}/sobjects/Lead/describe", {}, (404, "NOT_FOUND")),
        ("GET", "/services/data/v99.0/limits", {}, (404, "NOT_FOUND")),
        ("GET", "/services/data/v29.0/limits", {}, (410, "UNSUPPORTED_API_VERSION")),
        ("POST", f"{DATA}/sobjects/Case", {"content": b"a=b"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        (
            "POST",
            f"{DATA}/sobjects/Case",
            {"content": b"{", "headers": JSON},
            (400, "JSON_PARSER_ERROR"),
        ),
        ("POST", f"{DATA}/sobjects/Case", {"json": [1]}, (400, "JSON_PARSER_ERROR")),
        ("POST", f"{DATA}/sobjects/Case", {"json": {"Colour": "red"}}, (400, "INVALID_FIELD")),
        (
            "POST",
            f"{DATA}/sobjects/Case",
            {"json": {"CaseNumber": "7"}},
            (400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ),
        ("POST", f"{DATA}/sobjects/Case", {"json": {"AccountId": "x"}}, (400, "MALFORMED_ID")),
        (
            "POST",
            f"{DATA}/sobjects/Case",
            {"json": {"AccountId": "0015g00000zzzzz"}},
            (400, "INVALID_CROSS_REFERENCE_KEY"),
        ),
        (
            "POST",
            f"{DATA}/sobjects/Contact",
            {"json": {"LastName": "Xu", "Email": "no"}},
            (400, "INVALID_EMAIL_ADDRESS"),
        ),
        (
            "PATCH",
            f"{DATA}/sobjects/Case/Hub_Id__c/k",
            {"json": {"Hub_Id__c": "k"}},
            (400, "INVALID_FIELD"),
        ),
        ("PUT", f"{DATA}/sobjects/Case", {"json": {}}, (405, "METHOD_NOT_ALLOWED")),
        ("GET", f"{DATA}/query", {}, (400, "MALFORMED_QUERY")),
        ("GET", f"{DATA}/query/01gNOBODY-2000", {}, (400, "INVALID_QUERY_LOCATOR")),
    ],
)
def test_what_it_does_not_know_it_refuses(
    still: Ask, method: str, path: str, options: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert code(still(method, path, **options)) == expected


def test_an_address_that_is_too_long_is_refused(ask: Ask) -> None:
    assert ask("GET", f"{DATA}/query", params={"q": "x" * 20_000}).status_code == 414


def test_a_session_ends_when_it_is_not_used(org: SalesforceSandbox, ask: Ask) -> None:
    ask("GET", f"{DATA}/limits")
    org.clock.advance(timedelta(hours=3))
    org.journal.clear()
    assert ask("GET", f"{DATA}/limits").status_code == 200  # our client signed in again
    assert [entry.status for entry in org.journal] == [401, 200, 200]


def test_every_answer_tells_the_quota_until_it_is_used_up(org: SalesforceSandbox, ask: Ask) -> None:
    org.mutate({"do": "quota", "used": 8, "allowed": 10})
    answer = ask("GET", f"{DATA}/limits")
    assert answer.headers["sforce-limit-info"] == "api-usage=9/10"
    assert answer.json()["DailyApiRequests"] == {"Max": 10, "Remaining": 1}
    ask("GET", f"{DATA}/limits")
    assert code(ask("GET", f"{DATA}/limits")) == (403, "REQUEST_LIMIT_EXCEEDED")


# -- tokens


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials"}, "invalid_client_id"),
        (
            {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": "no"},
            "invalid_client",
        ),
        ({"grant_type": "password", "username": "u", "password": "p"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "no"}, "invalid_grant"),
        (
            {
                "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "assertion": "a.b.c",
            },
            "invalid_grant",
        ),
    ],
)
def test_the_token_endpoint_refuses(
    org: SalesforceSandbox, form: dict[str, str], error: str
) -> None:
    stranger = Client(org.url, ca_file=org.ca_file)
    answer = stranger.post(
        "/services/oauth2/token",
        content="&".join(f"{name}={value}" for name, value in form.items()).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        check=False,
    )
    stranger.close()
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_a_refresh_token_is_good(org: SalesforceSandbox) -> None:
    auth = hub.RefreshToken(
        f"{org.url}/services/oauth2/token",
        CLIENT_ID,
        SecretStr(CLIENT_SECRET),
        SecretStr(REFRESH_TOKEN),
        MemoryTokens(),
        loopback=True,
    )
    client = Client(org.url, auth=auth, ca_file=org.ca_file)
    assert client.get(f"{DATA}/limits").status_code == 200
    client.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "somebody else"},
        {"username": "nobody@example.com"},
        {"audience": "https://brightbasket.my.salesforce.com"},
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(
    connect: Callable[..., Salesforce], wrong: dict[str, str]
) -> None:
    spoke = connect(**({"username": USERNAME} | wrong))
    with pytest.raises(hub.AuthFailed, match="invalid_"):
        spoke.http.get(f"{DATA}/limits")


def test_an_assertion_from_a_clock_that_is_late_is_refused(
    org: SalesforceSandbox, connect: Callable[..., Salesforce]
) -> None:
    org.clock.advance(timedelta(minutes=10))
    with pytest.raises(hub.AuthFailed, match="expired"):
        connect(username=USERNAME).http.get(f"{DATA}/limits")


# -- queries


@pytest.mark.parametrize(
    "query",
    [
        "",
        "SELECT",
        "SELECT Id",
        "SELECT * FROM Case",
        "SELECT Id FROM Case WHERE",
        "SELECT Id FROM Case WHERE Subject = ",
        "SELECT Id FROM Case WHERE Subject = 'open",
        "SELECT Id FROM Case WHERE Subject = 'a' AND Status = 'b' OR Status = 'c'",
        "SELECT Id FROM Case WHERE (Subject = 'a'",
        "SELECT Id FROM Case WHERE Subject IN ()",
        "SELECT Id FROM Case WHERE Subject == 'a'",
        "SELECT Id FROM Case ORDER Subject",
        "SELECT Id FROM Case LIMIT ten",
        "SELECT Id FROM Case; DELETE",
        "SELECT COUNT(Id) FROM Case",
        "SELECT COUNT(), Id FROM Case",
        "SELECT COUNT() FROM Case ORDER BY Id",
        "SELECT Id FROM Case GROUP BY Status",
        "SELECT Id FROM Case WHERE Subject = 'a\\q'",
        "SELECT Id FROM Case WHERE " + "(" * 200 + "Subject = 'a'" + ")" * 200,
        "SELECT Id FROM Account.Name",
    ],
)
def test_what_is_no_query_is_malformed(still: Ask, query: str) -> None:
    with pytest.raises(Refused):
        soql.parse(query)
    answer = still("GET", f"{DATA}/query", params={"q": query})
    assert code(answer) == (400, "MALFORMED_QUERY")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT Colour FROM Case", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE Colour = 'red'", "INVALID_FIELD"),
        ("SELECT Id FROM Case ORDER BY Colour", "INVALID_FIELD"),
        ("SELECT Region__r.Name FROM Case", "INVALID_FIELD"),
        ("SELECT Owner.Username FROM Case", "INVALID_FIELD"),
        ("SELECT Account.Name, Account FROM Case", "INVALID_FIELD"),
        ("SELECT Id FROM Lead", "INVALID_TYPE"),
        ("SELECT Id FROM Case WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE SystemModstamp > 2026-01-01", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE IsDeleted = 'false'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE NumberOfEmployees > '5'", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE Subject = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Case WHERE Id LIKE '500%'", "INVALID_QUERY_FILTER_OPERATOR"),
    ],
)
def test_a_query_that_names_what_is_not_there_is_refused(
    still: Ask, query: str, expected: str
) -> None:
    assert code(still("GET", f"{DATA}/query", params={"q": query})) == (400, expected)


@pytest.fixture(scope="module")
def few() -> Iterator[Ask]:
    """Asks an org whose only contacts are four with telling titles."""
    org = SalesforceSandbox()
    for contact in org.mutate({"do": "list", "stream": "Contact"}):
        org.mutate({"do": "delete", "stream": "Contact", "id": contact})
    account = org.mutate({"do": "list", "stream": "Account"})[0]
    for name, title, birthdate, at in (
        ("Ada", "50%_off", "1990-01-31", "2026-01-01T10:00:00Z"),
        ("Ben", "it's", None, "2026-01-01T10:00:00Z"),
        ("Cem", None, "1980-12-24", "2026-01-02T10:00:00Z"),
        ("Dea", "CASHIER", None, "2026-01-03T10:00:00Z"),
    ):
        data = {"LastName": name, "Title": title, "Birthdate": birthdate, "AccountId": account}
        org.mutate({"do": "create", "stream": "Contact", "data": data, "at": at})
    with serve(org):
        spoke = Quick.model_validate(org.settings())
        yield partial(spoke.http.request, check=False)
        spoke.http.close()


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("Title = 'cashier'", "Dea"),
        ("Title != 'cashier'", "Ada Ben Cem"),
        ("Title = null", "Cem"),
        ("Title <> null", "Ada Ben Dea"),
        ("Title LIKE '%s%'", "Ben Dea"),
        ("Title LIKE '50\\%\\_%'", "Ada"),
        ("Title LIKE '_t\\'s'", "Ben"),
        ("LastName IN ('ada', 'Cem', 'Zoe')", "Ada Cem"),
        ("NOT LastName IN ('ada', 'Cem')", "Ben Dea"),
        ("NOT (Title = null OR LastName = 'Ada')", "Ben Dea"),
        ("LastName > 'B' AND LastName <= 'Cem'", "Ben Cem"),
        ("Birthdate < 1985-01-01", "Cem"),
        ("Birthdate = 1990-01-31", "Ada"),
        ("SystemModstamp = 2026-01-01T10:00:00Z", "Ada Ben"),
        ("SystemModstamp >= 2026-01-02T12:00:00+02:00 AND IsDeleted = false", "Cem Dea"),
        ("(LastName = 'Ada' OR LastName = 'Ben') AND (Title LIKE 'it%')", "Ben"),
        ("Account.Name LIKE 'BrightBasket%' AND Account.Parent.Name = null", "Ada Ben Cem Dea"),
        ("ReportsTo.LastName = null", "Ada Ben Cem Dea"),
    ],
)
def test_conditions_mean_what_they_say(few: Ask, where: str, names: str) -> None:
    found = find(few, f"SELECT LastName FROM Contact WHERE {where} ORDER BY LastName")
    assert [row["LastName"] for row in found] == names.split()


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("LastName DESC", "Dea Cem Ben Ada"),
        ("Title", "Cem Ada Dea Ben"),
        ("Title DESC, LastName", "Ben Dea Ada Cem"),
        ("Title ASC NULLS LAST", "Ada Dea Ben Cem"),
        ("SystemModstamp DESC, LastName DESC", "Dea Cem Ben Ada"),
        ("LastName LIMIT 2", "Ada Ben"),
    ],
)
def test_rows_come_in_the_order_that_is_asked_for(few: Ask, order: str, names: str) -> None:
    found = find(few, f"SELECT LastName FROM Contact ORDER BY {order}")
    assert [row["LastName"] for row in found] == names.split()


def test_only_query_all_shows_the_recycle_bin(org: SalesforceSandbox, ask: Ask) -> None:
    gone = org.mutate({"do": "list", "stream": "Contact"})[0]
    org.mutate({"do": "delete", "stream": "Contact", "id": gone})
    deleted = f"SELECT Id FROM Contact WHERE IsDeleted = true AND Id = '{gone}'"
    assert find(ask, deleted) == []
    assert len(find(ask, deleted, "queryAll")) == 1
    org.mutate({"do": "purge", "stream": "Contact", "id": gone})
    assert find(ask, deleted, "queryAll") == []


def test_a_batch_is_not_always_as_large_as_asked(ask: Ask) -> None:
    sizes, path = [], f"{DATA}/queryAll?q=SELECT+Id+FROM+Case"
    while path:
        answer = ask("GET", path, headers={"Sforce-Query-Options": "batchSize=200"}).json()
        sizes.append(len(answer["records"]))
        path = answer.get("nextRecordsUrl", "")
        assert path.startswith(f"{DATA}/query/") is bool(path)
    assert sizes == [200, 195, 195, 10]


# -- records


def test_each_record_of_a_collection_has_its_own_result(org: SalesforceSandbox, ask: Ask) -> None:
    rows: list[dict[str, Any]] = [
        {"attributes": {"type": "Case"}, "Subject": "one", "Hub_Id__c": "1"},
        {"attributes": {"type": "Case"}, "Subject": "two", "Status": "Exploded"},
        {"attributes": {"type": "Contact"}, "FirstName": "nobody"},
    ]
    answer = ask("POST", f"{DATA}/composite/sobjects", json={"records": rows})
    assert answer.status_code == 200
    made, bad, missing = answer.json()
    assert (made["success"], made["errors"]) == (True, [])
    assert [e["statusCode"] for e in bad["errors"]] == ["INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"]
    assert [e["fields"] for e in missing["errors"]] == [["LastName"]]
    again = ask("PATCH", f"{DATA}/composite/sobjects/Case/Hub_Id__c", json={"records": rows[:1]})
    assert again.json() == [{"id": made["id"], "success": True, "errors": [], "created": False}]
    changed = {"attributes": {"type": "Case"}, "id": made["id"], "Subject": "uno"}
    assert ask("PATCH", f"{DATA}/composite/sobjects", json={"records": [changed]}).json()[0][
        "success"
    ]
    assert org.tables["Case"].rows[made["id"]]["Subject"] == "uno"
    gone = ask("DELETE", f"{DATA}/composite/sobjects", params={"ids": f"{made['id']},500x"}).json()
    assert [row["success"] for row in gone] == [True, False]


def test_deleted_and_updated_records_are_listed(org: SalesforceSandbox, ask: Ask) -> None:
    gone, changed = list(org.tables["Case"].rows)[:2]
    org.mutate({"do": "delete", "stream": "Case", "id": gone})
    org.mutate({"do": "update", "stream": "Case", "id": changed, "data": {"Subject": "x"}})
    now = org.clock.now()
    span = {
        "start": (now - timedelta(minutes=5)).isoformat(),
        "end": (now + timedelta(minutes=1)).isoformat(),
    }
    deleted = ask("GET", f"{DATA}/sobjects/Case/deleted/", params=span).json()
    assert [row["id"] for row in deleted["deletedRecords"]] == [gone]
    assert ask("GET", f"{DATA}/sobjects/Case/updated/", params=span).json()["ids"] == [changed]
    long_ago = span | {"start": (now - timedelta(days=20)).isoformat()}
    refused = ask("GET", f"{DATA}/sobjects/Case/deleted/", params=long_ago)
    assert code(refused) == (400, "INVALID_REPLICATION_DATE")


def test_a_record_reads_as_it_was_written(ask: Ask) -> None:
    made = ask("POST", f"{DATA}/sobjects/Case", json={"Subject": "", "Status": "Closed"}).json()
    row = ask("GET", f"{DATA}/sobjects/Case/{made['id'][:15]}").json()
    assert (row["Subject"], row["IsClosed"], row["Priority"]) == (None, True, "Medium")
    assert row["ClosedDate"] == row["CreatedDate"]
    names = [entry["name"] for entry in ask("GET", f"{DATA}/sobjects").json()["sobjects"]]
    assert names == ["Account", "Contact", "Case", "CaseComment", "ContentVersion", "User", "Group"]


@pytest.mark.parametrize(
    "command",
    [
        {},
        {"do": "explode"},
        {"do": "create", "stream": "Lead", "data": {}},
        {"do": "create", "stream": "Case", "data": {"Colour": "red"}},
        {"do": "create", "stream": "Case", "data": {}, "at": "yesterday"},
        {"do": "update", "stream": "Case", "id": "nobody", "data": {}},
        {"do": "purge", "stream": "Case", "id": "nobody"},
        {"do": "hide", "stream": "Case", "field": "Colour"},
    ],
)
def test_a_command_that_makes_no_sense_is_refused(
    org: SalesforceSandbox, command: dict[str, Any]
) -> None:
    with pytest.raises(BadCommand):
        org.mutate(command)
