"""Counting: users and groups, as far as the replica that counts knows them."""

from __future__ import annotations

import httpx
import pytest

import hub
from hub.testing import Fault
from spokes.entra.sandbox import EntraSandbox
from spokes.entra.spoke import Entra

USERS, GROUPS, PAIRS = Entra.streams


def people(tenant: EntraSandbox, number: int) -> list[str]:
    return [
        tenant.mutate({
            "do": "create", "stream": "users",
            "data": {"userPrincipalName": f"u{n}@x.example", "displayName": f"U {n}"},
        })
        for n in range(number)
    ]  # fmt: skip


def test_users_and_groups_are_counted_and_nothing_else(tenant: EntraSandbox, spoke: Entra) -> None:
    gone, *_ = people(tenant, 4)
    tenant.mutate({"do": "delete", "stream": "users", "id": gone})
    assert (spoke.count(USERS, None), spoke.count(GROUPS, None)) == (3, 0)
    asked = len(tenant.journal)
    assert spoke.count(PAIRS, None) is None
    assert spoke.count(USERS, tenant.clock.now()) is None
    assert len(tenant.journal) == asked


def test_whoever_may_not_read_them_may_not_count_them(tenant: EntraSandbox, spoke: Entra) -> None:
    tenant.mutate({"do": "revoke", "role": "Group.Read.All"})
    with pytest.raises(hub.AuthFailed, match=r"grant the app User\.Read\.All and Group\.Read\.All"):
        spoke.count(GROUPS, None)


def test_what_is_no_number_is_worth_another_try(tenant: EntraSandbox, spoke: Entra) -> None:
    tenant.faults.add(Fault(path="count", status=200, body="<html>"))
    with pytest.raises(hub.Transient, match="answered a count with '<html>'"):
        spoke.count(USERS, None)


def test_the_sandbox_counts_for_whom_eventual_is_good_enough(
    tenant: EntraSandbox, spoke: Entra
) -> None:
    token = spoke.http.token()
    headers = {"Authorization": f"Bearer {token.access.get_secret_value()}"}
    told = httpx.get(f"{tenant.url}/v1.0/users/$count", headers=headers)
    assert (told.status_code, "not currently supported" in told.text) == (400, True)
