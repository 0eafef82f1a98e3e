"""An address that nobody has verified makes nobody somebody else, in any mapping that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.mapping import Mapping
from tests.sync.world import mapped

FOLDER = Path(__file__).parents[2] / "mappings"
SHIPPED = [mapping for file in sorted(FOLDER.glob("*/*.yaml")) for mapping in mapped(file)]

BY_ADDRESS: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("shopify/customers", "consumer"): [{"verifiedEmail": False}, {"verifiedEmail": None}],
    ("shopify/customers", "contact"): [{"verifiedEmail": False}, {"verifiedEmail": None}],
    ("entra/users", "contact"): [
        {"externalUserState": state} for state in ("PendingAcceptance", None, "", "Declined")
    ],
    ("loyalty/members", "consumer"): [{"email_verified": False}, {"email_verified": None}],
    ("scim/Users", "user"): [],  # a directory vouches for its addresses: docs/scim.md
}
"""Mappings that match by an address alone, and what they say of one that is not verified."""

ADDRESS = {
    "defaultEmailAddress": {"emailAddress": "zoe@b.example"},
    "mail": "zoe@b.example",
    "email": "zoe@b.example",
}


def test_these_match_by_an_address_alone_and_no_others() -> None:
    alone = {
        (mapping.name, mapping.to)
        for mapping in SHIPPED
        for rule in mapping.match
        if rule.fields == ("email",) and not rule.ask
    }
    assert alone == BY_ADDRESS.keys()


@pytest.mark.parametrize("mapping", SHIPPED, ids=lambda m: f"{m.name}-{m.to}")
def test_nothing_is_matched_by_one_that_is_not_verified(mapping: Mapping) -> None:
    odd = BY_ADDRESS.get((mapping.name, mapping.to), [])
    for said in odd:
        assert mapping.inward({**ADDRESS, **said}).get("email") is None


@pytest.mark.parametrize("mapping", SHIPPED, ids=lambda m: f"{m.name}-{m.to}")
def test_a_name_to_sign_in_with_comes_from_directories_only(mapping: Mapping) -> None:
    """What a token or a role goes by is never what somebody has typed into a form."""
    if {"user_name", "hub_user_type", "locked_out"} & mapping.reads:
        assert mapping.name.partition("/")[0] in {"entra", "scim", "request_tracker"}
