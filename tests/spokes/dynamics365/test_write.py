"""Writing: one record per key, only to the version that was seen, and lookups by their address."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

import hub
from hub.testing import Fault
from spokes.dynamics365.sandbox import Dynamics365Sandbox
from spokes.dynamics365.spoke import Dynamics365
from tests.spokes.dynamics365.conftest import (
    ACCOUNTS,
    CONTACTS,
    INCIDENTS,
    ORDERS,
    Connect,
    first,
    rows,
)

KEY = "0123456789abcdef0123456789abcdef"


def new(field: Dynamics365Sandbox, **data: Any) -> hub.Write:
    """A creation, with what every work order needs."""
    store = {"_msdyn_serviceaccount_value": first(field, ACCOUNTS)}
    return hub.Write(None, {"csm_hubid": KEY, "msdyn_workordersummary": "Till"} | store | data, KEY)


def seen(spoke: Dynamics365, stream: hub.Stream, id: str) -> hub.Change:
    [change] = spoke.fetch(stream, [id])
    return change


def sent(field: Dynamics365Sandbox, number: int = -1) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(field.journal.of("/api/data", "PATCH")[number].body)
    return body


def test_a_creation_is_an_upsert_by_key_that_may_only_create(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    receipt = spoke.upsert(ORDERS, new(field))
    row = rows(field, ORDERS)[receipt.id]
    assert (row["csm_hubid"], row["msdyn_workordersummary"]) == (KEY, "Till")
    assert receipt.version == f"{row['versionnumber']:020d}"
    [entry] = field.journal.of("/api/data", "PATCH")
    assert entry.path.endswith(f"msdyn_workorders(csm_hubid='{KEY}')")
    assert entry.headers["if-none-match"] == "*"
    store, settings = first(field, ACCOUNTS), field.settings()
    assert sent(field) == {
        "msdyn_workordersummary": "Till",
        "msdyn_serviceaccount@odata.bind": f"/accounts({store})",
        "msdyn_pricelist@odata.bind": f"/pricelevels({settings['price_list']})",
        "msdyn_workordertype@odata.bind": f"/msdyn_workordertypes({settings['work_order_type']})",
        "msdyn_systemstatus": 690970000,
        "msdyn_taxable": False,
    }


def test_a_creation_after_a_lost_answer_finds_its_own_record(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    field.faults.add(Fault(method="PATCH", drop="after"))
    with pytest.raises(hub.Transient):
        spoke.upsert(ORDERS, new(field))
    [made] = [id for id, row in rows(field, ORDERS).items() if row["csm_hubid"] == KEY]
    version = rows(field, ORDERS)[made]["versionnumber"]
    assert spoke.upsert(ORDERS, new(field)) == hub.Receipt(made, f"{version:020d}")
    assert rows(field, ORDERS)[made]["versionnumber"] == version  # nothing was written again


def test_a_creation_does_not_undo_what_has_happened_to_its_record_since(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    id = spoke.upsert(ORDERS, new(field)).id
    change = {"msdyn_workordersummary": "Till 9, at the back"}
    field.mutate({"do": "update", "stream": ORDERS.name, "id": id, "data": change})
    with pytest.raises(hub.Conflict, match="changed since"):
        spoke.upsert(ORDERS, new(field))
    assert rows(field, ORDERS)[id]["msdyn_workordersummary"] == "Till 9, at the back"


def test_a_quote_in_a_key_stays_inside_it(field: Dynamics365Sandbox, spoke: Dynamics365) -> None:
    key = "O'Brien, (or)'='"
    receipt = spoke.upsert(ACCOUNTS, hub.Write(None, {"name": "x"}, key))
    assert rows(field, ACCOUNTS)[receipt.id]["csm_hubid"] == key


@pytest.mark.parametrize("state", ["Pending", ""])
def test_a_key_that_is_not_active_yet_is_waited_for(
    field: Dynamics365Sandbox, spoke: Dynamics365, state: str
) -> None:
    field.mutate({"do": "key", "stream": ORDERS.name, "state": state})
    with pytest.raises(hub.Transient, match="until its index, which is Pending, is Active"):
        spoke.upsert(ORDERS, new(field))
    field.mutate({"do": "key", "stream": ORDERS.name, "state": "Active"})
    assert spoke.upsert(ORDERS, new(field)).id


def test_a_creation_without_a_service_account_is_for_a_person(spoke: Dynamics365) -> None:
    write = hub.Write(None, {"msdyn_workordersummary": "x"}, KEY)
    with pytest.raises(hub.Permanent, match="msdyn_serviceaccount"):
        spoke.upsert(ORDERS, write)


def test_a_reference_to_a_row_that_is_gone_is_for_a_person(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    nobody = "0a0a0a0a-0000-4000-8000-000000000001"
    with pytest.raises(hub.Permanent, match="refers to, is not there") as caught:
        spoke.upsert(ORDERS, new(field, _msdyn_serviceaccount_value=nobody))
    assert not isinstance(caught.value, hub.NotFound)


def test_an_update_needs_the_version_that_was_seen(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    id = first(field, ORDERS)
    version = seen(spoke, ORDERS, id).version
    told = {"msdyn_instructions": "one"}
    written = spoke.upsert(ORDERS, hub.Write(id, told, "k1", version))
    assert field.journal.of("/api/data", "PATCH")[0].headers["if-match"] == f'W/"{int(version)}"'
    assert written.version == seen(spoke, ORDERS, id).version > version
    with pytest.raises(hub.Conflict, match="0x80060882"):
        spoke.upsert(ORDERS, hub.Write(id, {"msdyn_instructions": "two"}, "k2", version))
    spoke.upsert(ORDERS, hub.Write(id, {"msdyn_instructions": "two"}, "k2", written.version))
    assert rows(field, ORDERS)[id]["msdyn_instructions"] == "two"


def test_an_update_never_brings_a_deleted_row_back(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    id = first(field, ORDERS)
    field.mutate({"do": "delete", "stream": ORDERS.name, "id": id})
    for version in ("", "00000000000000000001"):
        with pytest.raises(hub.NotFound):
            spoke.upsert(ORDERS, hub.Write(id, {"msdyn_instructions": "x"}, "k", version))
    assert id not in rows(field, ORDERS)


def test_a_lookup_is_cleared_by_binding_nothing(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    id = first(field, CONTACTS)
    spoke.upsert(CONTACTS, hub.Write(id, {"_parentcustomerid_value": None}, "k"))
    assert sent(field) == {"parentcustomerid_account@odata.bind": None}
    assert rows(field, CONTACTS)[id]["parentcustomerid"] is None


def test_a_lookup_that_nobody_knows_is_refused_before_anything_is_sent(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    write = hub.Write(first(field, ORDERS), {"_msdyn_agreement_value": KEY}, "k")
    with pytest.raises(hub.Permanent, match="no lookup _msdyn_agreement_value can be written"):
        spoke.upsert(ORDERS, write)
    assert len(field.journal) == 0


@pytest.mark.parametrize("id", ["", "42", "../accounts", "x' or 1 eq 1"])
def test_what_is_no_guid_is_never_sent(
    field: Dynamics365Sandbox, spoke: Dynamics365, id: str
) -> None:
    with pytest.raises(hub.NotFound):
        spoke.upsert(ORDERS, hub.Write(id, {"msdyn_instructions": "x"}, "k"))
    with pytest.raises(hub.NotFound):
        spoke.delete(ORDERS, id)
    assert [change.data for change in spoke.fetch(ORDERS, [id])] == [None]
    assert len(field.journal) == 0


def test_a_table_read_by_time_is_written_by_the_etag_of_what_was_seen(
    field: Dynamics365Sandbox, connect: Connect
) -> None:
    spoke, id = connect(without_change_tracking=[ORDERS.name]), first(field, ORDERS)
    version = seen(spoke, ORDERS, id).version
    field.clock.advance(hub.Keyset().overlap)
    written = spoke.upsert(ORDERS, hub.Write(id, {"msdyn_instructions": "one"}, "k", version))
    assert written.version > version
    with pytest.raises(hub.Conflict, match="has changed"):
        spoke.upsert(ORDERS, hub.Write(id, {"msdyn_instructions": "two"}, "k", version))


def open_case(field: Dynamics365Sandbox) -> str:
    return next(id for id, row in rows(field, INCIDENTS).items() if row["statecode"] == 0)


def test_a_case_is_closed_by_its_action_and_once(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    id = open_case(field)
    told = {"statecode": 1, "statuscode": 1000, "title": "Till 4 was dead"}
    write = hub.Write(id, told, "k", seen(spoke, INCIDENTS, id).version)
    spoke.upsert(INCIDENTS, write)
    row = rows(field, INCIDENTS)[id]
    assert (row["statecode"], row["statuscode"], row["title"]) == (1, 1000, "Till 4 was dead")
    assert sent(field) == {"title": "Till 4 was dead"}
    again = hub.Write(id, {"statecode": 1, "statuscode": 5}, "k2", f"{row['versionnumber']:020d}")
    spoke.upsert(INCIDENTS, again)
    assert len(field.journal.of("CloseIncident")) == 1


def test_a_case_that_has_changed_is_not_closed(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    id = open_case(field)
    version = seen(spoke, INCIDENTS, id).version
    change = {"title": "It burns"}
    field.mutate({"do": "update", "stream": INCIDENTS.name, "id": id, "data": change})
    with pytest.raises(hub.Conflict):
        spoke.upsert(INCIDENTS, hub.Write(id, {"statecode": 1, "statuscode": 5}, "k", version))
    assert rows(field, INCIDENTS)[id]["statecode"] == 0


def test_a_case_is_cancelled_and_reopened_as_columns(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    id = open_case(field)
    for state, reason in ((2, 6), (0, 1)):
        spoke.upsert(INCIDENTS, hub.Write(id, {"statecode": state, "statuscode": reason}, "k"))
        row = rows(field, INCIDENTS)[id]
        assert (row["statecode"], row["statuscode"]) == (state, reason)


def test_a_case_made_and_resolved_in_the_hub_is_made_and_closed(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    told = {"title": "Short", "statecode": 1, "statuscode": 5}
    told |= {"_customerid_value": first(field, ACCOUNTS)}
    for _ in range(2):
        receipt = spoke.upsert(INCIDENTS, hub.Write(None, told, KEY))
        row = rows(field, INCIDENTS)[receipt.id]
        assert (row["statecode"], row["customerid@table"]) == (1, "account")
    assert len(rows(field, INCIDENTS)) == 61
