"""What a hub's folder means when nothing is wrong with it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hub.config import HubFile
from hub.sync.schedule import Cron, Interval
from tests.config.conftest import CRM, SHOP, House

LAMP = '''
import hub

class Lamp(hub.Spoke, hub.Pulls):
    """Street lamps."""
    streams = (hub.Stream("lamps"),)
    def pull(self, stream, cursor): return iter(())
'''


@pytest.fixture
def _lamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with a spoke for which we ship no mappings."""
    info = tmp_path / "lamps-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lamps\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[csm_hub.spokes]\nlamp = config_lamp.spoke:Lamp\n")
    (tmp_path / "config_lamp").mkdir()
    (tmp_path / "config_lamp" / "__init__.py").write_text("")
    (tmp_path / "config_lamp" / "spoke.py").write_text(LAMP)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_folder_without_hub_yaml_has_the_defaults(house: House) -> None:
    assert house.load().hub == HubFile()


def test_the_database_is_beside_hub_yaml_wherever_the_command_runs(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(house.folder.parent)
    house.folder = Path(house.folder.name)
    assert house.load().database == f"sqlite:///{house.folder.absolute() / 'hub.db'}"


def test_the_environment_overrules_the_database(house: House, tmp_path: Path) -> None:
    house.write("hub.yaml", "database: sqlite:///hub.db")
    house.environment["HUB_DATABASE"] = f"sqlite:///{tmp_path}/other.db"
    assert house.load().database == f"sqlite:///{tmp_path}/other.db"


def test_streams_are_polled_as_the_connection_says(house: House) -> None:
    off = ", ".join(f"{name}: false" for name in ("Contact", "CaseComment", "ContentVersion"))
    house.write("connections/crm.yaml", CRM + f"streams: {{Case: {{every: 90s}}, {off}}}\n")
    crm = house.load().connections["crm"]
    polled = {stream.name: crm.schedule(stream.name) for stream in crm.polled()}
    minutely, told = Interval(timedelta(minutes=1)), Interval(timedelta(seconds=90))
    assert polled == {"Account": minutely, "Case": told}


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("{cron: '30 2 * * *', time_zone: Europe/Berlin}", "Europe/Berlin"),
        ("{cron: 30 2 * * *}", "UTC"),
    ],
)
def test_a_stream_may_be_polled_at_times_of_the_day(house: House, written: str, zone: str) -> None:
    house.write("connections/crm.yaml", CRM + f"streams: {{Case: {written}}}\n")
    nightly = house.load().connections["crm"].schedule("Case")
    assert nightly == Cron("30 2 * * *", ZoneInfo(zone))


def test_an_own_mapping_replaces_the_shipped_one_for_its_connection_alone(house: House) -> None:
    house.write("connections/other.yaml", CRM)
    own = "mapping: salesforce/Case\nto: case\nkey: Id\nfields: {short_description: Name}\n"
    house.write("mappings/crm/Case.yaml", own)
    connections = house.load().connections
    assert "Name" in connections["crm"].mappings["Case"][0].paths
    assert "Name" not in connections["other"].mappings["Case"][0].paths


@pytest.mark.usefixtures("_lamps")
def test_a_stream_that_is_asked_for_needs_a_mapping(house: House) -> None:
    lamp = "spoke: lamp\nsettings: {url: https://lamps.example}\n"
    house.write("connections/lamps.yaml", lamp)
    assert list(house.load().connections["lamps"].polled()) == []
    house.write("connections/lamps.yaml", lamp + "streams: {lamps: {every: 1m}}\n")
    (told,) = house.faults()
    assert told == (
        "connections/lamps.yaml:3:11: streams.lamps: has no mapping; "
        "write mappings/lamps/lamps.yaml"
    )


def test_two_connections_may_share_a_spoke(house: House) -> None:
    house.write("connections/eu-shop_2.yaml", SHOP)
    house.write("connections/us-shop.yaml", SHOP)
    assert list(house.load().connections) == ["crm", "eu-shop_2", "us-shop"]


def test_secrets_do_not_show_in_a_loaded_configuration(house: House) -> None:
    assert "hush-hush" not in repr(house.load())
