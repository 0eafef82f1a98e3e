"""Flows between our own records are switched on, replaced and added as mappings of a connection."""

from __future__ import annotations

import pytest

from hub.config import mappings
from tests.config.conftest import House

HARDWARE = """\
mapping: hub/case
to: work_order
key: sys_id
when: u_service_issue_type == "hardware"
fields:
  short_description: short_description
  initiated_from: {in: sys_id, out: {}}
"""


@pytest.fixture
def flowing(house: House) -> House:
    house.write("connections/hub.yaml", "spoke: hub\n")
    return house


def told(house: House) -> list[tuple[str, str, str]]:
    """(stream, entity, file) of every flow."""
    found = house.load(examples=True).connections["hub"].mappings
    return [
        (stream, one.to, one.file.replace(f"{house.folder}/", ""))
        for stream, those in found.items()
        for one in those
    ]


SHIPPED = [
    ("case", "incident", "mappings/hub/case_to_incident.yaml"),
    ("case", "work_order", "mappings/hub/case_to_work_order.yaml"),
]


def test_a_connection_of_the_hub_has_the_flows_that_ship(flowing: House) -> None:
    assert told(flowing) == SHIPPED
    names = [file.path.stem for file in mappings.chosen(flowing.folder, "hub/case")]
    assert names == ["case_to_incident", "case_to_work_order"]


def test_a_file_more_is_a_flow_more(flowing: House) -> None:
    mine = "mappings/hub/incident_to_work_order.yaml"
    flowing.write(mine, HARDWARE.replace("hub/case", "hub/incident"))
    assert told(flowing) == [*SHIPPED, ("incident", "work_order", mine)]


def test_a_flow_is_replaced_by_a_file_of_its_name_or_laid_over(flowing: House) -> None:
    file = flowing.write("mappings/hub/case_to_work_order.yaml", HARDWARE)
    assert sorted(told(flowing)) == SHIPPED
    [mine, _] = flowing.load().connections["hub"].mappings["case"]
    assert (mine.file, mine.owner_of("priority")) == (str(file), "newest")
    flowing.write(
        "mappings/hub/case_to_incident.yaml", "extends: hub/case_to_incident\nowner: theirs\n"
    )
    laid, _ = flowing.load().connections["hub"].mappings["case"]
    assert (laid.owner, laid.stamp) == ("theirs", "incident")


def test_the_flows_of_an_entity_can_be_left_out(flowing: House) -> None:
    flowing.write("connections/hub.yaml", "spoke: hub\nstreams: {case: false}\n")
    assert told(flowing) == []


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        (
            {"mappings/hub/case_to_incident.yaml": HARDWARE},
            (
                "mappings/hub/case_to_incident.yaml: maps to work_order; "
                "a file of this name maps to incident"
            ),
        ),
        (
            {"mappings/hub/incident_to_work_order.yaml": HARDWARE},
            (
                "mappings/hub/incident_to_work_order.yaml: maps hub/case; "
                "this file is for hub/incident"
            ),
        ),
        (
            {"mappings/hub/cases_to_work_order.yaml": HARDWARE},
            ("mappings/hub/cases_to_work_order.yaml: unknown stream 'cases'; did you mean 'case'?"),
        ),
        (
            {
                "mappings/hub/case.yaml": HARDWARE,
                "mappings/hub/case_to_work_order.yaml": HARDWARE,
            },
            (
                "mappings/hub/case_to_work_order.yaml: maps hub/case to work_order, as "
                "mappings/hub/case.yaml does; remove one of them"
            ),
        ),
        (
            {"connections/hub.yaml": "spoke: hub\nsettings: {sandbox: true}\n"},
            "connections/hub.yaml:2:1: settings: the hub's own store has no settings: remove them",
        ),
        (
            {"connections/other.yaml": "spoke: hub\n"},
            (
                "connections/other.yaml: is the hub itself, as another file is already; "
                "keep one of them"
            ),
        ),
    ],
)
def test_what_is_wrong_with_a_flow_is_one_sentence(
    flowing: House, files: dict[str, str], fault: str
) -> None:
    for name, text in files.items():
        flowing.write(name, text)
    assert flowing.faults() == [fault]
