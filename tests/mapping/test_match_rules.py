"""What a match rule may say, and what is wrong with one that cannot work, with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.mapping import BadMapping, Mapping, load
from hub.store import entities

HEAD = "mapping: acme/customers\nto: contact\nkey: id\n"
FIELDS = "fields: {email: email, last_name: name}\n"
ORDERS = "through: case.contact, where: {hub_order_number: '[o.number for o in orders]'}"


def loaded(folder: Path, text: str) -> Mapping:
    file = folder / "customers.yaml"
    file.write_text(HEAD + text + FIELDS)
    [mapping] = load(file, shape_of=lambda name: entities.find(name).shape, shown_as="c.yaml")
    return mapping


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("match: [{through: contact, where: {a: b}}]", "4:10: match.0.through: an entity and its"),
        (
            "match: [{through: cse.contact, where: {a: b}}]",
            "4:10: match.0.through: .*did you mean 'case'",
        ),
        (
            "match: [{through: case.acount, where: {hub_order_number: b}}]",
            "4:10: match.0.through: case has no reference 'acount' to a contact; did you mean 'contact'",
        ),
        (
            "match: [{through: case.account, where: {hub_order_number: b}}]",
            "match.0.through: case has no reference 'account' to a contact",
        ),
        (
            "match: [{through: case.contact, where: {order_number: b}}]",
            "4:33: match.0.where: case has no text field 'order_number'; did you mean 'hub_",
        ),
        (
            "match: [{through: case.contact, where: {opened_at: b}}]",
            "4:33: match.0.where: case has no text field 'opened_at'",
        ),
        (
            "match: [{through: case.contact, where: {u_order: b}}]",
            "4:33: match.0.where: 'u_order' is a custom field, by which nothing can be looked up",
        ),
        (
            "match: [{through: case.contact, where: {hub_order_number: a | b | c}}]",
            "4:63: match.0.where.hub_order_number: there is no pipe 'b'",
        ),
        ("match: [{through: case.contact}]", "match.0.where: one field of those records and"),
        ("match: [{by: email, where: {a: b}}]", "match.0.through: an entity and its reference"),
        (
            f"match: [{{{ORDERS}, ask: false}}]",
            "match.0.ask: what goes through other records alone is not certain: add `by`",
        ),
        ("match: [{when: a}]", "4:9: match.0: by must be given"),
        ("creates: false", "creates: without `match` it would never be a record of ours"),
        ("creates: maybe", "4:1: creates: 'maybe' is neither true nor false"),
        ("creates: false\nstamp: Hub\nmatch: [email]", "4:1: creates: a `stamp` is for records"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(BadMapping, match=fault):
        loaded(tmp_path, text + "\n")


def test_what_goes_through_other_records_alone_only_asks(tmp_path: Path) -> None:
    alone = loaded(tmp_path, f"match: [{{{ORDERS}}}]\n")
    named = loaded(tmp_path, f"match: [{{by: last_name, {ORDERS}}}]\n")
    asking = loaded(tmp_path, f"match: [{{by: last_name, {ORDERS}, ask: true}}]\n")
    assert [m.match[0].ask for m in (alone, named, asking)] == [True, False, True]
    assert [str(m.match[0]) for m in (alone, named)] == [
        "case.hub_order_number", "last_name, case.hub_order_number",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("orders", "known"),
    [
        ([{"number": " #1 "}, {"number": "#2"}, {"number": "#1"}], ["#1", "#2"]),
        ([{"number": 7}, {"number": None}, {"number": ""}, {"number": True}], ["7"]),
        ([], []),
        (None, []),
        ("all", []),
        ([{"number": {"odd": 1}}, 5], []),
        ([{"number": str(n)} for n in range(99)], [str(n) for n in range(50)]),
    ],
)
def test_it_is_known_by_what_can_be_told(tmp_path: Path, orders: Any, known: list[str]) -> None:
    mapping = loaded(tmp_path, f"match: [{{{ORDERS}}}]\n")
    assert mapping.known_by(0, {"id": "1", "orders": orders}) == known
    assert mapping.known_by(0, {"id": "1"}) == []


def test_one_value_does_as_well_as_a_list(tmp_path: Path) -> None:
    mapping = loaded(
        tmp_path, "match: [{through: case.contact, where: {hub_order_number: last.number}}]\n"
    )
    assert mapping.known_by(0, {"last": {"number": "#9"}}) == ["#9"]
    assert "last.number" in mapping.paths
