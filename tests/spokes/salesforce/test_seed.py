"""What an org holds at the start: the made-up chain, many synthetic cases, or real sample files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest

from hub.testing import serve
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.sandbox.retail import CHAIN
from spokes.salesforce.spoke import Salesforce
from tests.spokes.salesforce.conftest import CASE, CONTACT, REAL, changes

SAMPLES = REAL / "salesforce-trailhead-sample-data"


def test_the_chain_is_as_large_as_promised_and_the_same_every_time() -> None:
    orgs = SalesforceSandbox(), SalesforceSandbox()
    first, second = ({t.sobject.name: list(t.rows.values()) for t in o.tables} for o in orgs)
    assert {name: len(rows) for name, rows in first.items() if name[0] in "AC"} == {
        "Account": 61, "Contact": 300, "Case": 600, "CaseComment": 40,
        "ContentVersion": 0,
    }  # fmt: skip
    assert [row["Name"] for row in first["Contact"]] == [row["Name"] for row in second["Contact"]]
    assert {row["ParentId"] for row in first["Account"]} == {None, first["Account"][0]["Id"]}
    assert first["Account"][0]["Name"] == CHAIN
    emails = [row["Email"] for row in first["Contact"]]
    assert len(set(emails)) == len(emails)


def test_exactly_one_case_is_poisoned() -> None:
    org = SalesforceSandbox()
    statuses = Counter(row["Status"] for row in org.tables["Case"].rows.values())
    known = org.tables["Case"].sobject.fields["Status"].values
    assert statuses["Exploded"] == 1
    assert {status for status in statuses if status not in known} == {"Exploded"}


def test_every_first_record_is_older_than_a_pulls_horizon_and_younger_than_sixty_days() -> None:
    org = SalesforceSandbox()
    now = org.clock.now()
    for name in ("Account", "Contact", "Case"):
        for row in org.tables[name].rows.values():
            made, changed = (
                datetime.fromisoformat(row[f]) for f in ("CreatedDate", "SystemModstamp")
            )
            assert now - timedelta(days=61) < made <= changed < now - timedelta(hours=1)


def test_many_synthetic_cases_are_made_for_measuring() -> None:
    org = SalesforceSandbox(count=5_000)
    assert len(org.tables["Case"].rows) == 5_000
    assert "Exploded" not in {row["Status"] for row in org.tables["Case"].rows.values()}


def write(folder: Path, name: str, content: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(orjson.dumps(content))


def tree(kind: str, *records: Mapping[str, object]) -> dict[str, object]:
    return {
        "records": [
            {"attributes": {"type": kind, "referenceId": f"{kind}Ref{n}"}, **record}
            for n, record in enumerate(records, start=1)
        ]
    }


def test_a_plan_says_what_is_loaded_and_in_which_order(tmp_path: Path) -> None:
    plan = [{"sobject": "Visit__c", "files": ["gone.json", "visits.json"]}, {"files": ["z.json"]}]
    write(tmp_path, "plan.json", plan)
    write(tmp_path, "visits.json", tree("Visit__c", {"Score__c": 8, "With__c": "@ContactRef1"}))
    write(tmp_path, "z.json", tree("Contact", {"LastName": "Xu", "Loyal__c": True}))
    write(tmp_path, "a.json", tree("Contact", {"LastName": "not planned"}))
    org = SalesforceSandbox(seed=tmp_path)
    [contact] = org.tables["Contact"].rows.values()
    [visit] = org.tables["Visit__c"].rows.values()
    assert (contact["Name"], contact["Loyal__c"]) == ("Xu", True)
    assert (visit["Score__c"], visit["With__c"]) == (8, None)  # planned before what it refers to
    assert [note.partition(": ")[2] for note in org.notes] == [
        "named by a plan, but not there",
        "not in the folder's plan, left out",
    ]


def test_references_lead_to_the_records_of_their_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, "z-accounts.json", tree("Account", {"Name": name}))
        case = {"Subject": name, "AccountId": "@AccountRef1"}
        write(tmp_path / name, "b-cases.json", tree("Case", case))
        write(tmp_path / name, "other.json", [{"Id": "a003B000004fG1VQAU"}])
    org = SalesforceSandbox(seed=tmp_path)
    names = {row["Id"]: row["Name"] for row in org.tables["Account"].rows.values()}
    assert [names[c["AccountId"]] == c["Subject"] for c in org.tables["Case"].rows.values()] == [
        True, True
    ]  # fmt: skip
    assert [note.partition(": ")[2] for note in org.notes] == ["not a tree file, left out"] * 2


def test_a_folder_with_nothing_to_load_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no sObject Tree files"):
        SalesforceSandbox(seed=tmp_path)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"real sample data is not there: {SAMPLES}")
def test_the_real_sample_data_is_served() -> None:
    with serve(SalesforceSandbox(seed=SAMPLES)) as org:
        counts = {t.sobject.name: len(t.rows) for t in org.tables if t.rows}
        assert counts == {
            "Account": 3, "Contact": 156, "Case": 2,
            "Guest_Review__c": 10, "Product_Family__c": 4, "Product__c": 16,
        }  # fmt: skip
        spoke = Salesforce.model_validate(org.settings()).using(clock=org.clock.now)
        cases, people = changes(spoke, CASE)[0], changes(spoke, CONTACT)[0]
        spoke.http.close()
    [sofia] = [c for c in people if c.data and c.data["Name"] == "Sofia Rodriguez"]
    assert {c.data["ContactId"] for c in cases if c.data} == {sofia.id}
    assert sofia.data is not None
    assert sofia.data["External_Id__c"]
    assert {c.data["Priority"] for c in cases if c.data} == {"High"}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"real sample data is not there: {SAMPLES}")
def test_without_a_plan_the_large_file_is_loaded_too(tmp_path: Path) -> None:
    for name in ("data-Contact.json", "data-Contact-large.json"):
        (tmp_path / name).write_bytes((SAMPLES / "coral-cloud" / name).read_bytes())
    rows = SalesforceSandbox(seed=tmp_path).tables["Contact"].rows.values()
    assert len(rows) == 156 + 992  # the small file's people are in the large one, too
    assert len({row["External_Id__c"] for row in rows}) == 941  # and some share a number
