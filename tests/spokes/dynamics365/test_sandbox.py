"""The environment is as strict as Dataverse: what it does not know, it refuses in its words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import orjson
import pytest

from hub.testing import BadCommand
from spokes.dynamics365.sandbox import Dynamics365Sandbox
from spokes.dynamics365.sandbox.aad import CLIENT_ID, CLIENT_SECRET, PATH, TENANT
from tests.spokes.dynamics365.conftest import (
    ACCOUNTS,
    API,
    INCIDENTS,
    ORDERS,
    REAL,
    Ask,
    error,
    first,
    rows,
)

RECORDED = REAL / "dynamics365-fieldservice"
FORM = {
    "grant_type": "client_credentials",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
}
NOBODY = "0a0a0a0a-0000-4000-8000-000000000001"


def listed(answer: httpx.Response, column: str) -> list[Any]:
    return [row[column] for row in answer.json()["value"]]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"grant_type": "password"}, 400, "AADSTS70003"),
        ({"client_id": "another"}, 400, "AADSTS700016"),
        ({"client_secret": "wrong"}, 401, "AADSTS7000215"),
        ({"scope": "https://graph.microsoft.com/.default"}, 400, "AADSTS70011"),
    ],
)
def test_sign_in_is_refused_in_their_words(
    field: Dynamics365Sandbox, change: dict[str, str], status: int, said: str
) -> None:
    form = FORM | {"scope": f"{field.url}/.default"} | change
    answer = httpx.post(f"{field.url}/{TENANT}{PATH}", data=form)
    assert (answer.status_code, said in answer.json()["error_description"]) == (status, True)


def test_another_tenant_is_not_known(field: Dynamics365Sandbox) -> None:
    assert httpx.post(f"{field.url}/elsewhere{PATH}", data=FORM).status_code == 400


def test_nothing_is_told_without_a_living_token(field: Dynamics365Sandbox, ask: Ask) -> None:
    assert ask("GET", "WhoAmI").status_code == 200
    field.clock.advance(timedelta(seconds=3600))
    refused = ask("GET", "WhoAmI")
    assert (refused.status_code, "authorization_uri" in refused.headers["www-authenticate"]) == (
        401,
        True,
    )


@pytest.mark.parametrize(
    ("filter", "count"),
    [
        ("accountnumber eq 'BB'", 1),
        ("accountnumber ne 'BB'", 40),
        ("startswith(accountnumber,'bb-00')", 9),
        ("endswith(accountnumber,'0') and accountnumber gt 'BB-020'", 2),
        ("contains(name,'RIVERTON') or accountnumber eq 'BB'", None),
        ("not (accountnumber eq 'BB')", 40),
        ("numberofemployees ge 15 and numberofemployees le 90", 40),
        ("numberofemployees lt 15", 0),
        ("_parentaccountid_value eq null", 1),
        ("emailaddress1 eq null", 41),
        ("modifiedon gt 2020-01-01T00:00:00Z and statecode eq 0", 41),
    ],
)
def test_rows_are_filtered(ask: Ask, filter: str, count: int | None) -> None:
    answer = ask("GET", "accounts", params={"$filter": filter, "$select": "name"})
    assert answer.status_code == 200
    found = len(answer.json()["value"])
    assert found == count if count is not None else 1 < found < 41


@pytest.mark.parametrize(
    "query",
    [
        "accounts?$skip=1",
        "accounts?$expandx=1",
        "accounts?limit=5",
        "accounts?$select=colour",
        "accounts?$select=parentaccountid",
        "accounts?$filter=colour eq 1",
        "accounts?$filter=name eq 5",
        "accounts?$filter=statecode eq '0'",
        "accounts?$filter=modifiedon gt 'x'",
        "accounts?$filter=name like 'x'",
        "accounts?$filter=(name eq 'x'",
        "accounts?$filter=name eq 'x' name",
        "accounts?$filter=name;eq",
        "accounts?$orderby=name upwards",
        "accounts?$expand=colour",
        "accounts?$top=x",
        "accounts?$skiptoken=x",
        "accounts(42)",
        "accounts(colour='x')",
        "colours",
        "accounts/colours",
    ],
)
def test_what_a_query_may_not_say_is_refused(ask: Ask, query: str) -> None:
    assert error(ask("GET", query)) in {(400, "0x80060888"), (404, "0x80060888")}


def test_pages_are_ordered_and_followed_to_the_end(ask: Ask) -> None:
    link, numbers = "accounts?$select=accountnumber&$orderby=accountnumber desc&$count=true", []
    sizes = []
    while link:
        answer = ask("GET", link, prefer="odata.maxpagesize=15").json()
        sizes.append(len(answer["value"]))
        numbers += [row["accountnumber"] for row in answer["value"]]
        assert answer["@odata.count"] == 41
        link = answer.get("@odata.nextLink", "")
    assert (sizes, numbers) == ([15, 15, 11], sorted(numbers, reverse=True))
    assert len(set(numbers)) == 41
    assert len(ask("GET", "accounts?$top=3").json()["value"]) == 3
    assert ask("GET", "accounts/$count").text == "41"


def test_labels_and_other_rows_are_shown_when_asked(field: Dynamics365Sandbox, ask: Ask) -> None:
    id = next(iter(rows(field, ORDERS)))
    shown = "msdyn_systemstatus,_msdyn_serviceaccount_value,createdon,msdyn_taxable"
    expand = "msdyn_serviceaccount($select=name),msdyn_billingaccount"
    plain = ask("GET", f"msdyn_workorders({id})?$select={shown}&$expand={expand}").json()
    assert plain["msdyn_serviceaccount"]["name"].startswith("Brightbasket")
    assert plain["msdyn_billingaccount"] is None
    assert not [name for name in plain if "@" in name[1:] and "odata" not in name]
    prefer = 'odata.include-annotations="*",odata.maxpagesize=5'
    told = ask("GET", f"msdyn_workorders({id})?$select={shown}", prefer=prefer).json()
    assert told["msdyn_systemstatus@OData.Community.Display.V1.FormattedValue"] == "Canceled"
    lookup = "_msdyn_serviceaccount_value"
    assert told[f"{lookup}@Microsoft.Dynamics.CRM.lookuplogicalname"] == "account"
    name = f"{lookup}@Microsoft.Dynamics.CRM.associatednavigationproperty"
    assert told[name] == "msdyn_serviceaccount"
    assert told["msdyn_taxable@OData.Community.Display.V1.FormattedValue"] == "No"


@pytest.mark.parametrize("option", ["filter=name eq 'x'", "orderby=name", "top=1", "expand=x"])
def test_change_tracking_takes_no_other_options(ask: Ask, option: str) -> None:
    answer = ask("GET", f"accounts?${option}", prefer="odata.track-changes")
    assert error(answer) == (400, "0x80060888")
    assert "isn't supported when Change Tracking is enabled" in answer.text


def test_a_delta_link_has_their_form(ask: Ask) -> None:
    answer = ask("GET", "accounts?$select=name", prefer="odata.track-changes")
    assert answer.headers["preference-applied"] == "odata.track-changes"
    query = dict(parse_qsl(urlsplit(answer.json()["@odata.deltaLink"]).query))
    assert query["$select"] == "name"
    number, _, moment = query["$deltatoken"].partition("!")
    assert number.isdigit()
    assert len(moment) == len("08/22/2017 08:10:44")
    assert error(ask("GET", "accounts?$deltatoken=never")) == (400, "0x80040203")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"colour": "red"}, 400, "0x80048d19"),
        ({"name": 5}, 400, "0x80048d19"),
        ({"numberofemployees": "many"}, 400, "0x80048d19"),
        ({"numberofemployees": True}, 400, "0x80048d19"),
        ({"name": "x" * 161}, 400, "0x80044331"),
        ({"statecode": 7}, 400, "0x8004431A"),
        ({"_parentaccountid_value": NOBODY}, 400, "0x80048d19"),
        ({"parentaccountid@odata.bind": NOBODY}, 400, "0x80060888"),
        ({"parentaccountid@odata.bind": f"/contacts({NOBODY})"}, 400, "0x80048d19"),
        ({"parentaccountid@odata.bind": f"/accounts({NOBODY})"}, 404, "0x80040217"),
        ({"parentaccountid@odata.bind": "http://elsewhere.example/api/data/v9.2/accounts(1)"}, 400, "0x80060888"),
        ({"colourid@odata.bind": f"/accounts({NOBODY})"}, 400, "0x80048d19"),
        ({"@odata.type": "Microsoft.Dynamics.CRM.contact"}, 400, "0x80048d19"),
        ([], 400, "0x80048d19"),
    ],
)  # fmt: skip
def test_what_a_body_may_not_say_is_refused(
    field: Dynamics365Sandbox, ask: Ask, body: Any, status: int, code: str
) -> None:
    id = first(field, ACCOUNTS)
    before = dict(rows(field, ACCOUNTS)[id])
    assert error(ask("PATCH", f"accounts({id})", json=body)) == (status, code)
    assert rows(field, ACCOUNTS)[id] == before


def test_a_body_must_be_json(ask: Ask) -> None:
    assert error(ask("POST", "accounts", content=b"<x/>"))[0] == 415
    typed = {"Content-Type": "application/json"}
    assert error(ask("POST", "accounts", content=b"{", headers=typed)) == (400, "0x80048d19")


def test_etags_decide_what_may_be_written(field: Dynamics365Sandbox, ask: Ask) -> None:
    id = first(field, ACCOUNTS)
    where = f"accounts({id})"
    etag = ask("GET", where).headers["etag"]
    assert ask("GET", where, headers={"If-None-Match": etag}).status_code == 304
    written = ask("PATCH", where, json={"telephone1": "1"}, headers={"If-Match": etag})
    assert (written.status_code, written.headers["odata-entityid"].endswith(where)) == (204, True)
    stale = ask("PATCH", where, json={"telephone1": "2"}, headers={"If-Match": etag})
    assert error(stale) == (412, "0x80060882")
    assert error(ask("DELETE", where, headers={"If-Match": etag})) == (412, "0x80060882")
    there = ask("PATCH", where, json={"telephone1": "3"}, headers={"If-None-Match": "*"})
    assert error(there) == (412, "0x80040237")
    missing = ask("PATCH", f"accounts({NOBODY})", json={"name": "x"}, headers={"If-Match": "*"})
    assert error(missing) == (404, "0x80040217")
    assert ask("DELETE", where, headers={"If-Match": "*"}).status_code == 204
    assert error(ask("DELETE", where)) == (404, "0x80040217")


def test_a_patch_without_conditions_creates_what_is_not_there(
    field: Dynamics365Sandbox, ask: Ask
) -> None:
    prefer, select = "return=representation", "?$select=name"
    made = ask("PATCH", f"accounts({NOBODY}){select}", prefer=prefer, json={"name": "x"})
    assert (made.status_code, made.json()["accountid"]) == (201, NOBODY)
    again = ask("PATCH", f"accounts({NOBODY}){select}", prefer=prefer, json={"name": "y"})
    assert (again.status_code, again.json()["name"]) == (200, "y")
    keyed = ask("PATCH", "accounts(csm_hubid='k1')", json={"name": "z"})
    assert keyed.status_code == 204
    assert ask("GET", "accounts(csm_hubid='k1')").json()["name"] == "z"
    assert error(ask("GET", "accounts(csm_hubid='k2')")) == (404, "0x80060891")
    differs = ask("PATCH", "accounts(csm_hubid='k1')", json={"csm_hubid": "k9"})
    assert error(differs) == (400, "0x80048d19")
    taken = ask("POST", "accounts", json={"name": "w", "csm_hubid": "k1"})
    assert error(taken) == (412, "0x80040237")
    assert len(rows(field, ACCOUNTS)) == 43


def test_a_case_is_not_closed_by_its_columns(field: Dynamics365Sandbox, ask: Ask) -> None:
    id = next(id for id, row in rows(field, INCIDENTS).items() if row["statecode"] == 0)
    refused = ask("PATCH", f"incidents({id})", json={"statecode": 1, "statuscode": 5})
    assert "use the CloseIncidentRequest message instead" in refused.text
    mixed = ask("PATCH", f"incidents({id})", json={"statecode": 2, "statuscode": 1})
    assert error(mixed) == (400, "0x80048408")
    resolution = {"subject": "Done", "incidentid@odata.bind": f"/incidents({id})"}
    body = {"IncidentResolution": resolution, "Status": 5}
    assert error(ask("POST", "CloseIncident", json=body | {"Status": 1})) == (400, "0x80040203")
    assert error(ask("POST", "CloseIncident", json={"Status": 5})) == (400, "0x80048d19")
    assert ask("POST", "CloseIncident", json=body).status_code == 204
    assert rows(field, INCIDENTS)[id]["statecode"] == 1
    assert error(ask("POST", "CloseIncident", json=body)) == (400, "0x80040203")


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"real records are not there: {RECORDED}")
def test_the_documented_requests_are_understood(field: Dynamics365Sandbox, ask: Ask) -> None:
    ids = {"accounts": "e1a2b3c4-5678-9abc-def0-1234567890ab"}
    ids |= {"msdyn_workordertypes": "a1b2c3d4-5678-9abc-def0-1234567890cd"}
    ids |= {"pricelevels": "f1e2d3c4-5678-9abc-def0-1234567890ef"}
    for stream, id in ids.items():
        field.mutate({"do": "create", "stream": stream, "id": id, "data": {}})
    one = orjson.loads((RECORDED / "create_request.json").read_bytes())
    made = ask("POST", "msdyn_workorders", json=one)
    assert (made.status_code, "msdyn_workorders(" in made.headers["odata-entityid"]) == (204, True)
    several = orjson.loads((RECORDED / "create_multiple_request.json").read_bytes())
    name = "Microsoft.Dynamics.CRM.CreateMultiple"
    answer = ask("POST", f"msdyn_workorders/{name}", json=several).json()
    documented = orjson.loads((RECORDED / "create_multiple_response.json").read_bytes())
    assert answer.keys() == documented.keys()
    assert [rows(field, ORDERS)[id]["msdyn_instructions"] for id in answer["Ids"]] == [
        target["msdyn_instructions"] for target in several["Targets"]
    ]
    shown = orjson.loads((RECORDED / "retrieve_response.json").read_bytes())
    columns = "msdyn_name,msdyn_systemstatus,msdyn_address1,msdyn_city"
    read = ask("GET", f"msdyn_workorders({answer['Ids'][0]})?$select={columns}").json()
    assert read.keys() == shown.keys()
    del several["Targets"][1]["msdyn_pricelist@odata.bind"]
    assert ask("POST", f"msdyn_workorders/{name}", json=several).status_code == 400
    assert len(rows(field, ORDERS)) == 93  # all of them, or none


def test_the_rest_of_a_limit_is_told(field: Dynamics365Sandbox, ask: Ask) -> None:
    field.mutate({"do": "limits", "requests": 2})
    left = ask("GET", "WhoAmI").headers["x-ms-ratelimit-burst-remaining-xrm-requests"]
    assert left == "1"
    ask("GET", "WhoAmI")
    refused = ask("GET", "WhoAmI")
    assert (error(refused), refused.headers["retry-after"]) == ((429, "0x80072322"), "5")
    assert ask("GET", "WhoAmI").headers["retry-after"] == "10"
    field.clock.advance(timedelta(seconds=301))
    assert ask("GET", "WhoAmI").status_code == 200


def test_other_versions_of_odata_are_not_spoken(ask: Ask) -> None:
    assert ask("GET", "WhoAmI", headers={"OData-Version": "3.0"}).status_code == 400
    assert ask("GET", f"{API.replace('9.2', '8.2')}/WhoAmI").status_code == 404


@pytest.mark.parametrize(
    "command",
    [
        {},
        {"do": "explode"},
        {"do": "create", "stream": "colours", "data": {}},
        {"do": "create", "stream": "accounts", "data": {"colour": "red"}},
        {"do": "create", "stream": "accounts", "data": {}, "at": "yesterday"},
        {"do": "update", "stream": "accounts", "id": "nobody", "data": {}},
        {"do": "delete", "stream": "accounts", "id": "nobody"},
        {"do": "book", "order": "nobody", "resource": "nobody"},
        {"do": "progress", "booking": "nobody", "status": "Traveling"},
        {"do": "key", "stream": "accounts", "state": "Broken"},
    ],
)
def test_a_command_that_makes_no_sense_is_refused(
    field: Dynamics365Sandbox, command: dict[str, Any]
) -> None:
    with pytest.raises(BadCommand):
        field.mutate(command)


def test_the_environment_is_the_same_every_time_but_for_the_clock() -> None:
    one, other = Dynamics365Sandbox(), Dynamics365Sandbox()
    for table in one.rows:
        twin = other.rows.of_name(table.schema.name)
        title = table.schema.title
        assert {id: row[title] for id, row in table.rows.items()} == {
            id: row[title] for id, row in twin.rows.items()
        }


def test_it_takes_no_seed(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="takes no seed"):
        Dynamics365Sandbox(seed=tmp_path)
