"""Secrets and people leave a record, and what refers to each other still does."""

from __future__ import annotations

from typing import Any

import pytest

from hub.kit.scrub import Scrubber, personal

RECORD = {
    "id": "7",
    "first_name": "Greta",
    "lastName": "Lindqvist",
    "Email": "Greta.L@Shop.example",
    "phones": [{"mobile": "+49 171 5550001"}, {"fax": 4930555}],
    "date_of_birth": "1981-02-03",
    "address": {"street": "Ahornweg 3", "zip": 88131, "city": "Lindau"},
    "iban": "DE02120300000000202051",
    "note": "Greta wants to be called",
    "status": "open",
    "changed": "2026-05-01T10:00:00Z",
    "owner": {"login": "glind", "name": "Greta Lindqvist"},
}


def scrubbed(record: Any, **secrets: str) -> Any:
    scrubber = Scrubber(secrets)
    scrubber.learn(RECORD)
    scrubber.learn(record)
    return scrubber.record(record)


def test_nothing_of_a_person_is_left() -> None:
    shown = str(scrubbed(RECORD))
    for value in ("Greta", "Lindqvist", "Shop.example", "5550001", "4930555", "1981", "Ahornweg",
                  "88131", "Lindau", "DE021203", "glind", "called"):  # fmt: skip
        assert value not in shown


def test_what_is_no_person_stays() -> None:
    found = scrubbed(RECORD)
    assert (found["id"], found["status"], found["changed"]) == ("7", "open", RECORD["changed"])


def test_the_same_value_has_the_same_name_everywhere() -> None:
    found = scrubbed(
        {"mail": "greta.l@shop.example", "who": "Greta", "see": "/u?m=GRETA.L%40shop.example"}
    )
    assert found["mail"] == "person1@example.com"
    assert found["see"] == "/u?m=person1%40example.com"
    assert found["who"] == scrubbed(RECORD)["first_name"]


@pytest.mark.parametrize(
    "text",
    [
        "x/s3cret-value/y",
        "?t=s3cret-value&u=1",
        "prefix s3cret-value",
        "S3CRET-VALUE",
        "czNjcmV0LXZhbHVl",  # in base64
        "eyJ0IjogInMzY3JldC12YWx1ZSJ9",  # {"t": "s3cret-value"}, in base64
    ],
)
def test_a_secret_goes_wherever_it_stands(text: str) -> None:
    found = scrubbed({"where": text}, **{"s3cret-value": "example-token-1"})
    assert "s3cret" not in str(found).lower()
    assert text not in found.values()


def test_a_word_is_replaced_whole_or_not_at_all() -> None:
    scrubber = Scrubber({})
    scrubber.learn({"first_name": "Ann"})
    assert scrubber.text("Ann/Annual/ann") == "person-1/Annual/person-1"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("firstName", "person"), ("FirstName", "person"), ("given_name", "person"),
        ("E-Mail", "email"), ("userPrincipalName", "email"), ("businessPhones", "phone"),
        ("Name", "name"), ("__typename", ""), ("fileName", ""), ("logicalname", ""),
        ("state", ""), ("id", ""), ("created_at", ""),
    ],
)  # fmt: skip
def test_a_key_tells_whose_value_it_is(key: str, kind: str) -> None:
    assert personal(key) == kind


def test_where_a_list_goes_on_is_no_secret() -> None:
    cursor = {"next_page_token": "abc-17", "session_token": "abc-18"}
    scrubber = Scrubber({})
    scrubber.learn(cursor)
    assert scrubber.record(cursor) == {"next_page_token": "abc-17", "session_token": "secret-1"}


def test_a_last_look_finds_what_is_left() -> None:
    scrubber = Scrubber({"s3cret-value": "example-token-1"})
    assert scrubber.left({"a": ["x", "the s3cret-value"]}) == 1
    assert scrubber.left(scrubber.record({"a": ["x", "the s3cret-value"]})) == 0
