"""What can be wrong with a hub's folder, and how it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub import config
from hub.config import BadConfig
from tests.config.conftest import CRM, SHOP, House

CRM_FILE = "connections/crm.yaml"


def with_line(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("hub_yaml", "fault"),
    [
        ("threads: many", "hub.yaml:1:1: threads: should be a valid integer"),
        ("threads: 0", "hub.yaml:1:1: threads: should be greater than or equal to 1"),
        ("listen:\n  port: 65536", "hub.yaml:2:3: listen.port: should be less than or equal to"),
        ("listen:\n  prot: 80", "hub.yaml:2:3: listen.prot: unknown key 'prot'; did you mean 'po"),
        (
            "hooks: {public_url: 'http://hub.example.com'}",
            "hub.yaml:1:9: hooks.public_url: must begin with https://: others will send us their",
        ),
        (
            "hooks: {public_url: 'https://me:secret@hub.example.com'}",
            "hub.yaml:1:9: hooks.public_url: must be an address without user, ? and #",
        ),
        (
            "hooks: {public_url: 'https://hub.example.com/?a=b'}",
            "hub.yaml:1:9: hooks.public_url: must be an address without user, ? and #",
        ),
        ("thread: 4", "hub.yaml:1:1: thread: unknown key 'thread'; did you mean 'threads'?"),
        ("zebra: 4", "hub.yaml:1:1: zebra: unknown key 'zebra'; known: database, threads, li"),
        ("listen: everywhere", "hub.yaml:1:1: listen: should be a valid dictionary"),
        ("log: {level: loud}", "hub.yaml:1:7: log.level: should be 'debug', 'info', 'warning' o"),
        ("threads: 4\nthreads: 5", "hub.yaml:2:1: the key 'threads' stands here twice"),
        ("listen:\n\tport: 80", "hub.yaml:2:1: there is a tab: indent with spaces"),
        ("listen: {port: 80", "hub.yaml:"),
        ("- threads", "hub.yaml:1:1: must be a mapping of keys to values"),
        ("threads: 4\n---\nthreads: 5", "hub.yaml: holds 2 documents; write one"),
        ("database: sqlite+x:///d", "hub.yaml:1:1: database: 'sqlite+x' is not supported; write s"),
        ("database: hub.db", "hub.yaml:1:1: database: not an address; write sqlite:///hub.db"),
        ("database: 'sqlite://'", "hub.yaml:1:1: database: names no file; write sqlite:///hub.db"),
        ("database: sqlite:///no/x.db", "hub.yaml:1:1: database: no folder '"),
    ],
)
def test_a_fault_of_the_hubs_settings_is_told_with_its_place(
    house: House, hub_yaml: str, fault: str
) -> None:
    house.write("hub.yaml", hub_yaml)
    (told,) = house.faults()
    assert told.startswith(fault)


def test_a_tab_is_explained(house: House) -> None:
    house.write("hub.yaml", "listen:\n\tport: 80")
    assert house.faults()[0].endswith("there is a tab: indent with spaces")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("spoke: salesforce", "spoke: salesfroce",
         ":1:1: spoke: no spoke is called 'salesfroce'; did you mean salesforce?"),
        ("spoke: salesforce", "spok: salesforce", ":1:1: spoke: is missing"),
        ("${SECRET}", "${SECERT}",
         ":5:3: settings.client_secret: environment variable 'SECERT' is not set; export it"),
        ("${SECRET}", "${file:/no/such/file}",
         ":5:3: settings.client_secret: file '/no/such/file': No such file or directory"),
        ("client_id: hub", "client_ids: hub",
         ":4:3: settings.client_ids: unknown key 'client_ids'; did you mean 'client_id'?"),
        ("client_id: hub", "client_id: hub\n  ca_file: /no/ca.pem",
         ":5:3: settings.ca_file: no file '/no/ca.pem'"),
        ("client_id: hub", "client_id: [hub]",
         ":4:3: settings.client_id: should be a valid string"),
        ("client_id: hub", "client_id: hub\n  username: bob\n  private_key: ${SECRET}",
         ":2:1: settings: give client_secret, or username and private_key, but not both"),
        ("https://acme.my.salesforce.com", "https://acme.example.com",
         ":2:1: settings: https://acme.example.com: the host must be one of *.my.salesforce.com"),
        ("https://acme.my.salesforce.com", "acme", ":2:1: settings: acme: a full address is need"),
        ("https://acme.my.salesforce.com", "http://acme.my.salesforce.com",
         ":2:1: settings: http://acme.my.salesforce.com: only https is allowed"),
    ],
)  # fmt: skip
def test_a_fault_of_a_connection_is_told_with_its_place(
    house: House, old: str, new: str, fault: str
) -> None:
    house.write(CRM_FILE, with_line(CRM, old, new))
    assert any(told.startswith(f"{CRM_FILE}{fault}") for told in house.faults())


@pytest.mark.parametrize(
    ("streams", "fault"),
    [
        ("{Caes: {every: 5m}}", "streams.Caes: unknown stream 'Caes'; did you mean 'Case'?"),
        ("{Case: {every: 5 minutes}}", "streams.Case.every: '5 minutes' is no duration; write a nu"),
        ("{Case: {every: 300}}", "streams.Case.every: 300 is no duration; write a number and s, m, h"),
        ("{Case: {every: 0s}}", "streams.Case.every: '0s' is too short; write 1s or more"),
        ("{Case: {every: 40d}}", "streams.Case.every: '40d' is too long; write 31d or less, or a c"),
        (f"{{Case: {{every: {'9' * 40}d}}}}", "streams.Case.every: '9999999999"),
        ("{Case: {evry: 5m}}", "streams.Case.evry: unknown key 'evry'; did you mean 'every'?"),
        ("{Case: 5m}", "streams.Case: should be a valid dictionary"),
        ("{Case: {cron: 0 25 * * *}}", "streams.Case.cron: '0 25 * * *': no hour is '25'; write 0-"),
        ("{Case: {cron: 0 2 * *}}", "streams.Case.cron: '0 2 * *' has 4 fields; write five: minut"),
        ("{Case: {cron: 0 0 31 2 *}}", "streams.Case.cron: '0 0 31 2 *' never comes; write days th"),
        ("{Case: {cron: '@daily'}}", "streams.Case.cron: '@daily' is not known here; write '0 0 * *"),
        ("{Case: {cron: 5}}", "streams.Case.cron: 5 is no cron expression; write five fields: '30"),
        ("{Case: {cron: */5 * * * *}}", "6:24: what begins with * needs quotes"),
        ("{Case: {every: 5m, cron: 0 2 * * *}}",
         ":6:29: streams.Case.cron: '0 2 * * *' stands beside every: keep one of the two"),
        ("{Case: {cron: 0 2 * * *, time_zone: Europe/Berln}}",
         ":6:35: streams.Case.time_zone: unknown time zone 'Europe/Berln'; did you mean 'Europe/Be"),
        ("{Case: {every: 5m, time_zone: UTC}}", "streams.Case.time_zone: 'UTC' is for cron, which is"),
        ("{Case: {time_zone: UTC}}", "streams.Case.time_zone: 'UTC' is for cron, which is not here"),
        ("{Case: {cron: 0 25 * * *, time_zone: UTC}}", "streams.Case.cron: '0 25 * * *': no hour is"),
    ],
)  # fmt: skip
def test_a_fault_of_a_stream_is_told_with_its_place(house: House, streams: str, fault: str) -> None:
    house.write(CRM_FILE, CRM + f"streams: {streams}\n")
    (told,) = house.faults()
    assert told.startswith(f"{CRM_FILE}:6:")
    assert fault in told


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("crm prod.yaml", "crm-prod.yaml"),
        ("CRM.yaml", "crm.yaml"),
        ("-crm.yaml", "crm.yaml"),
        ("crm.yml", "crm.yaml"),
        ("größe.yaml", "gr-e.yaml"),
        (f"{'x' * 81}.yaml", f"{'x' * 80}.yaml"),
    ],
)
def test_a_connection_has_a_name_that_fits_paths_urls_and_the_command_line(
    house: House, name: str, better: str
) -> None:
    (house.folder / CRM_FILE).unlink()
    house.write(f"connections/{name}", CRM)
    (told,) = house.faults()
    assert told.startswith(f"connections/{name}: not a connection's name")
    assert told.endswith(f"rename it, as {better}")


@pytest.mark.parametrize("name", [".crm.yaml", "crm.yaml.example", "notes.txt", "crm.yaml~"])
def test_a_file_that_nobody_takes_for_a_connection_is_left_alone(house: House, name: str) -> None:
    house.write(f"connections/{name}", "what: ever")
    assert list(house.load().connections) == ["crm"]


OWN = """\
mapping: salesforce/Case
to: case
key: Id
version: SystemModstamp
fields:
  short_description: Subject
"""


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        (OWN + "  colour: Colour__c\n",
         "mappings/crm/Case.yaml:7:3: colour: case has no such field"),
        (OWN + "  state: Status | map(state)\nmaps:\n  state: {New: brand_new}\n",
         "mappings/crm/Case.yaml:9:"),
        (OWN + "examples:\n  - name: a case\n    given: {Id: a, Subject: Broken}\n"
         "    want: {short_description: Whole}\n",
         "mappings/crm/Case.yaml:8: example 'a case': short_description: want 'Whole', got 'Broke"),
        (OWN.replace("/Case", "/Contact"),
         "mappings/crm/Case.yaml: maps salesforce/Contact; this file is for salesforce/Case"),
        ("", "mappings/crm/Case.yaml: holds no mapping"),
    ],
)  # fmt: skip
def test_a_fault_of_an_own_mapping_is_told_with_its_place(
    house: House, mapping: str, fault: str
) -> None:
    house.write("mappings/crm/Case.yaml", mapping)
    told = house.faults(examples=True)
    assert [one for one in told if one.startswith(fault)] == told


def test_a_choice_that_does_not_exist_names_those_that_do(house: House) -> None:
    house.write(
        "mappings/crm/Case.yaml",
        OWN + "  state: Status | map(state)\nmaps:\n  state: {New: opne}\n",
    )
    assert "opne" in house.faults()[0]
    assert "open" in house.faults()[0]


def test_examples_are_run_only_when_they_are_asked_for(house: House) -> None:
    wrong = "examples:\n  - {name: a, given: {Id: a, Subject: b}, want: {short_description: c}}\n"
    house.write("mappings/crm/Case.yaml", OWN + wrong)
    assert house.load().connections["crm"].mappings["Case"]
    assert len(house.faults(examples=True)) == 1


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("mappings/crm/Caes.yaml", "unknown stream 'Caes'; did you mean 'Case'?"),
        ("mappings/crm/Case.yml", "not a mapping: name it after its stream, <stream>.yaml"),
        ("mappings/crn/Case.yaml", "mappings of an unknown connection 'crn'; did you mean 'crm'?"),
    ],
)
def test_a_mapping_that_nobody_would_read_is_a_fault(house: House, name: str, fault: str) -> None:
    house.write(name, OWN)
    (told,) = house.faults()
    assert told.endswith(fault)


def test_a_stream_that_is_asked_for_needs_a_mapping(house: House, tmp_path: Path) -> None:
    del tmp_path
    shop = SHOP + "streams: {orders: {every: 1m}, returns: false}\n"
    house.write("connections/shop.yaml", shop)
    assert "returns" not in house.load().connections["shop"].mappings


def test_all_faults_are_told_at_once(house: House) -> None:
    house.write("hub.yaml", "threads: none\nlisten: {port: 70000}\n")
    house.write(
        CRM_FILE,
        with_line(CRM, "acme.my.salesforce.com", "evil.example").replace("client_id", "id")
        + "streams: {Cases: false}\n",
    )
    house.write("connections/shop.yaml", SHOP.replace("access_token: ${SECRET}", "access_token: 1"))
    house.write("connections/other.yaml", "spoke: sap")
    house.write("mappings/crm/Case.yaml", OWN + "  colour: Colour__c\n")
    house.environment = {}
    places = [told.partition(": ")[0] for told in house.faults()]
    assert places == [
        "hub.yaml:1:1",
        "hub.yaml:2:10",
        "connections/crm.yaml:5:3",  # SECRET
        "connections/crm.yaml:2:1",  # client_id is missing
        "connections/crm.yaml:4:3",  # id is unknown
        "mappings/crm/Case.yaml:7:3",
        "connections/crm.yaml:6:11",  # Cases
        "connections/other.yaml:1:1",
        "connections/shop.yaml:5:3",  # SECRET
        "connections/shop.yaml:4:3",  # access_token
    ]


@pytest.mark.parametrize("url", ["https://${DOMAIN}.my.salesforce.com", "${DOMAIN}"])
def test_what_could_not_be_resolved_is_not_also_called_wrong(house: House, url: str) -> None:
    house.write(CRM_FILE, with_line(CRM, "https://acme.my.salesforce.com", url))
    (told,) = house.faults()
    assert "'DOMAIN' is not set" in told


def test_no_message_shows_a_value_that_may_be_secret(house: House) -> None:
    secret = "sesame-opens"
    house.environment = {"SECRET": secret, "HUB_DATABASE": f"mysql://hub:{secret}@db/hub"}
    house.write(
        CRM_FILE,
        with_line(CRM, "https://acme.my", "https://hub:${SECRET}@acme.my")
        + "  page_size: ${SECRET}\n  api_version: ${SECRET}\n  sandbox: ${SECRET}\n",
    )
    told = house.faults()
    assert len(told) > 3
    assert secret not in "\n".join(told)


def test_the_environments_database_is_blamed_on_the_environment(house: House) -> None:
    house.write("hub.yaml", "threads: 4")
    house.environment["HUB_DATABASE"] = "oracle://db"
    (told,) = house.faults()
    assert told.startswith("environment variable HUB_DATABASE: 'oracle' is not supported")


def test_a_folder_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"nowhere: no such folder; `hub init .*nowhere` makes one"):
        config.load(tmp_path / "nowhere", environment={})


def test_a_folder_of_something_else_is_not_taken_for_a_hub_without_connections(
    tmp_path: Path,
) -> None:
    with pytest.raises(BadConfig, match=r"holds neither hub\.yaml nor connections/"):
        config.load(tmp_path, environment={})
