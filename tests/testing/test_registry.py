"""Finding spokes: beside the hub, in installed packages, and what is said when one is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub import registry
from hub.registry import BrokenSpoke, UnknownSpoke
from hub.testing import Sandbox

SPOKE = '''
import hub

class Lamp(hub.Spoke, hub.Fetches):
    """Street lamps.

    More about them.
    """
    kind = "field_service"
    token: hub.Secret
    streams = (hub.Stream("lamps"), hub.Stream("poles"))
    def fetch(self, stream, ids): return iter(())
'''
SANDBOX = """
from hub.testing import Answer, Sandbox

class LampSandbox(Sandbox):
    name = "lamp"
    def answer(self, request): return Answer(404)
    def mutate(self, command): return None
    def settings(self): return {}
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site-packages folder with a distribution that announces five spokes."""
    points = [
        f"{name} = {package}.spoke:Lamp"
        for name, package in (
            ("lamp", "lamp_spoke"),
            ("bare_lamp", "bare_lamp"),
            ("typo", "typo_lamp"),
            ("half", "half_lamp"),
            ("twins", "twin_lamps"),
        )
    ]
    info = tmp_path / "lamps-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lamps\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[csm_hub.spokes]\n" + "\n".join(points))
    without_fetch = SPOKE.replace("def fetch", "def fetched")
    for package, source in (
        ("lamp_spoke", SPOKE),
        ("bare_lamp", SPOKE),
        ("typo_lamp", "import hub\n\nhub.Spok\n"),
        ("half_lamp", without_fetch),
        ("twin_lamps", SPOKE + "\n\nclass Other(Lamp): ...\n"),
    ):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
        (tmp_path / package / "spoke.py").write_text(source)
    (tmp_path / "lamp_spoke" / "sandbox").mkdir()
    (tmp_path / "lamp_spoke" / "sandbox" / "vendor.py").write_text(SANDBOX)
    (tmp_path / "lamp_spoke" / "sandbox" / "__init__.py").write_text(
        "from lamp_spoke.sandbox.vendor import LampSandbox"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("installed")
def test_a_spoke_of_an_installed_package_is_found_by_its_entry_point() -> None:
    assert "lamp" in registry.names()
    assert registry.find("lamp").__name__ == "Lamp"
    assert issubclass(registry.sandbox("lamp"), Sandbox)


def test_the_spokes_beside_the_hub_are_found_by_their_folder() -> None:
    folder = Path(registry.__file__).parents[1] / "spokes"
    beside = {path.parent.name for path in folder.glob("*/spoke.py")}
    assert beside <= set(registry.names())


@pytest.mark.usefixtures("installed")
def test_a_description_derives_what_a_spoke_can_do_from_its_bases() -> None:
    told = registry.describe("lamp")
    assert (told.title, told.kind) == ("Street lamps.", "field_service")
    assert told.capabilities == ("fetches",)
    assert told.streams == ("lamps", "poles")
    assert told.settings["properties"]["token"]["format"] == "password"
    assert told.has_sandbox
    assert not registry.describe("bare_lamp").has_sandbox


@pytest.mark.usefixtures("installed")
def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UnknownSpoke) as caught:
        registry.find("lmap")
    assert str(caught.value) == "no spoke is called 'lmap'; did you mean lamp?"
    with pytest.raises(LookupError, match=r"there are: .*bare_lamp"):
        registry.sandbox("zzzzz")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("typo", "spoke typo: typo_lamp.spoke does not import: AttributeError: .*Spok"),
        ("half", "spoke half: half_lamp.spoke lacks fetch"),
        ("twins", "spoke twins: twin_lamps.spoke must define one Spoke, not Lamp, Other"),
    ],
)
def test_a_broken_spoke_is_named_with_its_fault(name: str, told: str) -> None:
    with pytest.raises(BrokenSpoke, match=told):
        registry.find(name)


@pytest.mark.usefixtures("installed")
def test_a_spoke_without_a_sandbox_says_so() -> None:
    with pytest.raises(UnknownSpoke, match="the spoke bare_lamp has no sandbox"):
        registry.sandbox("bare_lamp")
