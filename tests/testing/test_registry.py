"""Finding spokes: beside the hub, in installed packages, and what is said when one is broken."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import spokes
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


# -- in YAML alone


YAML = """
spoke: {name}
about: Street lamps, in YAML alone.
streams: {{lamps: {{id: id, path: /lamps}}}}
"""


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another folder of spokes beside the hub's own."""
    monkeypatch.setattr(spokes, "__path__", [*spokes.__path__, str(tmp_path)])
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.startswith("spokes."):
            del sys.modules[name]


def write(folder: Path, name: str, **files: str) -> None:
    (folder / name).mkdir()
    for file, text in files.items():
        stem, _, suffix = file.rpartition("_")
        (folder / name / f"{stem}.{suffix}").write_text(text)


def test_a_spoke_in_yaml_is_found_by_its_folder_with_its_sandbox(beside: Path) -> None:
    write(beside, "lamps", spoke_yaml=YAML.format(name="lamps"), __init___py="", sandbox_py=SANDBOX)
    assert "lamps" in registry.names()
    found = registry.find("lamps")
    assert Path(inspect.getfile(found)).parent == beside / "lamps"
    told = registry.describe("lamps")
    assert (told.title, told.capabilities) == ("Street lamps, in YAML alone.", ("pulls",))
    assert told.has_sandbox
    assert registry.sandbox("lamps").name == "lamp"


def test_a_faulty_spoke_in_yaml_is_named_with_its_faults(beside: Path) -> None:
    write(
        beside,
        "bent",
        spoke_yaml=YAML.format(name="bent").replace("path:", "paht:"),
        __init___py="",
    )
    with pytest.raises(BrokenSpoke, match=r"spoke bent: bent/spoke\.yaml:4:27: .*'path'"):
        registry.find("bent")


def test_a_spoke_is_written_in_one_language(beside: Path) -> None:
    write(beside, "both", spoke_yaml=YAML.format(name="both"), spoke_py=SPOKE, __init___py="")
    with pytest.raises(BrokenSpoke, match=r"spoke both: has a spoke\.py and a spoke\.yaml"):
        registry.find("both")


def test_a_spoke_in_yaml_lies_in_a_package(beside: Path) -> None:
    write(beside, "bare", spoke_yaml=YAML.format(name="bare"))
    with pytest.raises(BrokenSpoke, match=r"spoke bare: spokes/bare needs an __init__\.py"):
        registry.find("bare")
