"""Fetching by id, creating, changing and deleting, whatever breaks in between."""

from __future__ import annotations

import pytest

import hub
from hub.testing import Fault
from spokes.salesforce.ids import id18
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.spoke import Salesforce
from tests.spokes.salesforce.conftest import ACCOUNT, CASE, CONTACT, Connect, asked, settle

TILL = {"Subject": "Till 4 does not start", "Status": "New", "Origin": "Phone"}


def read(spoke: Salesforce, stream: hub.Stream, id: str) -> hub.JsonObject:
    [change] = spoke.fetch(stream, [id])
    assert change.data is not None
    return change.data


def test_short_ids_are_answered_under_their_long_form(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    long = next(iter(org.tables["Case"].rows))
    [change] = spoke.fetch(CASE, [long[:15], long])
    assert change.id == long
    assert id18(long[:15]) == long


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("001D000000IqhSL", "001D000000IqhSLIAZ"),  # vendor's own example
        ("0017e00001W4GYR", "0017e00001W4GYRAA3"),
        ("001D000000IqhSLIAZ", "001D000000IqhSLIAZ"),
        ("not an id", "not an id"),
    ],
)
def test_ids_get_the_checksum_of_their_capitals(short: str, long: str) -> None:
    assert id18(short) == long


def test_what_is_deleted_or_unknown_is_fetched_as_gone(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    kept, gone = list(org.tables["Case"].rows)[:2]
    org.mutate({"do": "delete", "stream": "Case", "id": gone})
    nobody = id18("5005g00000zzzzz")
    told = {change.id: change.data is None for change in spoke.fetch(CASE, [gone, nobody, kept])}
    assert told == {gone: True, nobody: True, kept: False}


@pytest.mark.parametrize(
    "id",
    ["') OR (Id != '", "5005g0000012345'", "\\'", "5005g00000zzzzz\n", "", "' OR Name LIKE '%"],
)
def test_an_id_cannot_smuggle_a_query(org: SalesforceSandbox, spoke: Salesforce, id: str) -> None:
    assert [(c.id, c.data) for c in spoke.fetch(CASE, [id])] == [(id, None)]
    assert asked(org, "query") == 0
    with pytest.raises(hub.NotFound, match="cannot be a Salesforce id"):
        spoke.delete(CASE, id)


def test_five_hundred_ids_are_split(org: SalesforceSandbox, spoke: Salesforce) -> None:
    ids = list(org.tables["Case"].rows)[:500]
    assert [change.id for change in spoke.fetch(CASE, ids)] == ids
    assert asked(org, "queryAll") == 3


def test_a_creation_is_repeated_without_a_second_record(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    before = len(org.tables["Case"].rows)
    org.faults.add(Fault(path="Hub_Id__c", drop="after"))
    write = hub.Write(None, TILL, key="1f0e8f3b6f2d4a3e")
    with pytest.raises(hub.Transient):
        spoke.upsert(CASE, write)
    receipt = spoke.upsert(CASE, write)
    assert len(org.tables["Case"].rows) == before + 1
    data = read(spoke, CASE, receipt.id)
    assert (data["Hub_Id__c"], data["Subject"]) == ("1f0e8f3b6f2d4a3e", TILL["Subject"])


@pytest.mark.parametrize("key", ["a/b?c=d#e", "50% 'off' \\ \"now\"", "Zoë Ω", "a..b"])
def test_any_key_reaches_them_as_it_is(spoke: Salesforce, key: str) -> None:
    receipt = spoke.upsert(CASE, hub.Write(None, TILL, key=key))
    assert read(spoke, CASE, receipt.id)["Hub_Id__c"] == key
    assert spoke.upsert(CASE, hub.Write(None, TILL, key=key)) == receipt


def test_values_are_written_as_they_are(spoke: Salesforce) -> None:
    text = "it's \\ 'quoted' \"twice\" \n\t %_ 🧾"
    receipt = spoke.upsert(CASE, hub.Write(None, TILL | {"Description": text}, key="k"))
    assert read(spoke, CASE, receipt.id)["Description"] == text


def test_the_stamp_in_the_data_of_a_creation_does_no_harm(spoke: Salesforce) -> None:
    receipt = spoke.upsert(CASE, hub.Write(None, TILL | {"Hub_Id__c": "s1"}, key="s1"))
    assert read(spoke, CASE, receipt.id)["Hub_Id__c"] == "s1"


def test_two_records_with_one_external_id_are_for_a_person(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    for _ in range(2):
        org.mutate({"do": "create", "stream": "Case", "data": TILL | {"Hub_Id__c": "twice"}})
    with pytest.raises(hub.Permanent, match="several records"):
        spoke.upsert(CASE, hub.Write(None, TILL, key="twice"))


def test_an_org_without_the_external_id_field_says_so(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    org.mutate({"do": "hide", "stream": "Case", "field": "Hub_Id__c"})
    with pytest.raises(hub.Permanent, match=r"Case\.Hub_Id__c is not an external id") as caught:
        spoke.upsert(CASE, hub.Write(None, TILL, key="k"))
    assert not isinstance(caught.value, hub.NotFound)  # which the engine would take for "gone"


def test_an_update_changes_only_what_it_names(org: SalesforceSandbox, spoke: Salesforce) -> None:
    till = next(iter(org.tables["Case"].rows))
    before = read(spoke, CASE, till)
    assert spoke.upsert(CASE, hub.Write(till[:15], {"Priority": "Critical"}, key="k")).id == till
    after = read(spoke, CASE, till)
    assert {name for name in after if after[name] != before[name]} <= {
        "Priority", "SystemModstamp", "LastModifiedDate", "LastModifiedById"
    }  # fmt: skip


def test_a_record_that_they_changed_since_is_a_conflict(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    till = next(iter(org.tables["Case"].rows))
    [seen] = spoke.fetch(CASE, [till])
    spoke.upsert(CASE, hub.Write(till, {"Subject": "Mine"}, key="k", version=seen.version))
    settle(org)
    with pytest.raises(hub.Conflict):
        spoke.upsert(CASE, hub.Write(till, {"Subject": "Again"}, key="k", version=seen.version))
    assert read(spoke, CASE, till)["Subject"] == "Mine"


def test_an_expired_token_does_not_make_an_update_unconditional(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    till = next(iter(org.tables["Case"].rows))
    [seen] = spoke.fetch(CASE, [till])
    settle(org)
    org.mutate({"do": "update", "stream": "Case", "id": till, "data": {"Subject": "Theirs"}})
    org.mutate({"do": "expire_tokens"})
    with pytest.raises(hub.Conflict):
        spoke.upsert(CASE, hub.Write(till, {"Subject": "Ours"}, key="k", version=seen.version))
    assert read(spoke, CASE, till)["Subject"] == "Theirs"


def test_writes_say_who_they_are_and_assign_nobody(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    spoke.upsert(CASE, hub.Write(None, TILL, key="k"))
    [sent] = [entry.headers for entry in org.journal if entry.method == "PATCH"]
    assert sent["sforce-auto-assign"] == "FALSE"
    assert sent["sforce-duplicate-rule-header"] == "allowSave=true"
    assert sent["sforce-call-options"] == "client=csm-hub"
    assert "x-prettyprint" not in sent


def test_refused_data_names_the_field(spoke: Salesforce) -> None:
    with pytest.raises(hub.Permanent, match=r"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST.*Status"):
        spoke.upsert(CASE, hub.Write(None, {"Status": "Exploded"}, key="k"))
    with pytest.raises(hub.Permanent, match=r"REQUIRED_FIELD_MISSING.*LastName"):
        spoke.upsert(CONTACT, hub.Write(None, {"FirstName": "Ann"}, key="k"))
    with pytest.raises(hub.Permanent, match=r"STRING_TOO_LONG.*Subject"):
        spoke.upsert(CASE, hub.Write(None, {"Subject": "x" * 300}, key="k"))


def test_an_external_id_taken_by_another_record_is_a_conflict(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    first, second = list(org.tables["Account"].rows)[:2]
    spoke.upsert(ACCOUNT, hub.Write(first, {"Hub_Id__c": "taken"}, key="k"))
    with pytest.raises(hub.Conflict, match="DUPLICATE_VALUE"):
        spoke.upsert(ACCOUNT, hub.Write(second, {"Hub_Id__c": "taken"}, key="k"))


def test_deleting_twice_says_that_it_is_gone(org: SalesforceSandbox, spoke: Salesforce) -> None:
    till = next(iter(org.tables["Case"].rows))
    spoke.delete(CASE, till)
    with pytest.raises(hub.NotFound, match="ENTITY_IS_DELETED"):
        spoke.delete(CASE, till)
    with pytest.raises(hub.NotFound):
        spoke.upsert(CASE, hub.Write(till, {"Subject": "x"}, key="k"))


def test_a_locked_row_is_worth_another_try(org: SalesforceSandbox, spoke: Salesforce) -> None:
    locked = [{"message": "unable to obtain exclusive access", "errorCode": "UNABLE_TO_LOCK_ROW"}]
    org.faults.add(Fault(method="PATCH", status=400, body=locked))
    with pytest.raises(hub.Transient):
        spoke.upsert(CASE, hub.Write(None, TILL, key="k"))
    assert spoke.upsert(CASE, hub.Write(None, TILL, key="k")).id


def test_the_jwt_way_signs_in_too(connect: Connect) -> None:
    spoke = connect(username="hub@brightbasket.example")
    assert spoke.client_secret is None
    assert spoke.upsert(CASE, hub.Write(None, TILL, key="k")).id
