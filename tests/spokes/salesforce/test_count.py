"""Counting: as many as a pull would bring, in one call, or an error of theirs."""

from __future__ import annotations

from datetime import timedelta

import pytest

import hub
from hub.testing import Fault
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.spoke import Salesforce
from tests.spokes.salesforce.conftest import CASE, CONTACT, asked, changes, settle


def test_what_is_in_the_recycle_bin_counts_as_it_is_pulled(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    gone = next(iter(org.tables["Case"].rows))
    org.mutate({"do": "delete", "stream": "Case", "id": gone})
    settle(org)
    before = asked(org, "/queryAll")
    assert spoke.count(CASE, None) == len(changes(spoke, CASE)[0]) == 600
    assert asked(org, "/queryAll") == before + 2
    assert spoke.usage is not None


def test_what_changed_since_a_moment_is_counted(org: SalesforceSandbox, spoke: Salesforce) -> None:
    moment = org.clock.now()
    settle(org)
    assert spoke.count(CONTACT, moment) == 0
    org.mutate({"do": "many", "stream": "Contact", "count": 7, "data": {"LastName": "Late"}})
    assert spoke.count(CONTACT, moment) == 7
    assert spoke.count(CONTACT, org.clock.now() + timedelta(seconds=1)) == 0


def test_an_object_that_we_may_not_see_is_theirs_to_refuse(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    body = [{"errorCode": "INVALID_TYPE", "message": "sObject type 'Case' is not supported."}]
    org.faults.add(Fault(path="/queryAll", status=400, body=body))
    with pytest.raises(hub.SyncError, match="INVALID_TYPE"):
        spoke.count(CASE, None)
