"""What a spoke is judged by must be about that spoke."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.kit.subjects import check_fits
from hub.testing.example import BadExample, Example
from spokes.scim.spoke import Scim

FILE = Path("tests/spokes/scim/example.yaml")
STREAMS: dict[str, dict[str, dict[str, str]]] = {
    "Users": {"create": {}},
    "Groups": {"create": {}},
    "memberships": {"create": {}},
}
SETTINGS = {"url": "https://directory.example", "token": "example-token-1"}


def test_an_example_of_the_spoke_fits() -> None:
    check_fits(FILE, Example.model_validate({"settings": SETTINGS, "streams": STREAMS}), Scim)


def test_an_example_that_leaves_a_stream_out_does_not_fit() -> None:
    users = {"settings": SETTINGS, "streams": {"Users": STREAMS["Users"]}}
    with pytest.raises(
        BadExample, match="it names Users; the spoke has Groups, Users, memberships"
    ):
        check_fits(FILE, Example.model_validate(users), Scim)


def test_an_example_of_another_vendor_is_one_error_with_every_fault() -> None:
    other = {
        "settings": {"url": "https://x.example", "tokn": "t"},
        "streams": {"tickets": {"create": {}}},
    }
    with pytest.raises(BadExample) as refused:
        check_fits(FILE, Example.model_validate(other), Scim)
    assert str(refused.value).splitlines() == [
        "the example does not fit the spoke:",
        f"{FILE}: settings: token: is missing",
        f"{FILE}: settings: tokn: unknown key 'tokn'; did you mean 'token'?",
        f"{FILE}: streams: it names tickets; the spoke has Groups, Users, memberships",
    ]
