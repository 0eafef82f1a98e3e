"""Pipes that a spoke's package brings: found by name, kept apart, failing as ours do, held to their law."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub import registry
from hub.mapping import BadMapping, Mapping, RecordFailed, explain
from hub.mapping.own import BrokenPipe, declared
from hub.packages import package_of
from hub.testing.conformance.laws import check_pipes
from tests.mapping.files import compiled, mapping_of

PIPES = """
from __future__ import annotations
from decimal import Decimal
from typing import Any
import hub

def as_gid(number: str, kind: str) -> str:
    if not number:
        raise ValueError("it is empty")
    return f"gid://acme/{kind}/{number}"

@hub.pipe(back=as_gid, like=r"gid://acme/Order/[0-9]{1,8}")
def gid(value: str, kind: str) -> str:
    start = f"gid://acme/{kind}/"
    if not value.startswith(start) or not value.removeprefix(start):
        raise ValueError(f"{value[:40]!r} is no id of a {kind}")
    return value.removeprefix(start)

def as_grams(kilos: Decimal) -> int:
    grams = kilos * 1000
    if abs(grams) > 10**9:
        raise ValueError("nothing weighs that much")
    if grams != int(grams):
        raise ValueError("they weigh in whole grams")
    return int(grams)

@hub.pipe(back=as_grams)
def kilos(grams: int) -> Decimal:
    return Decimal(grams) / 1000

@hub.pipe()
def initials(name: str) -> str:
    return "".join(word[0] for word in name.split())

@hub.pipe(back=lambda value: value)
def nameless(value): return value

@hub.pipe()
def breaks(value: Any) -> Any:
    return value.nothing_of_the_kind

def not_a_pipe(value: str) -> str:
    return value

def back_wrong(value: int) -> int:
    return value + 1

@hub.pipe(back=back_wrong)
def lossy(value: int) -> int:
    return value
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A spoke `acme` beside ours, of which only the pipes matter."""
    package = tmp_path / "acme"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "pipes.py").write_text(PIPES)
    spokes = __import__(registry.FOLDER)
    monkeypatch.setattr(spokes, "__path__", [*spokes.__path__, str(tmp_path)])
    yield package
    for name in [name for name in sys.modules if name.startswith("spokes.acme")]:
        del sys.modules[name]


def refused(field: str, expression: str) -> str:
    with pytest.raises(BadMapping) as caught:
        mapping_of(field, expression)
    (fault,) = caught.value.faults
    return fault.removeprefix(f"mappings/acme/Case.yaml:5:3: {field}: ")


@pytest.mark.usefixtures("acme")
def test_a_pipe_goes_both_ways_with_the_same_constants() -> None:
    mapping = mapping_of("number", 'id | acme.gid("Order")')
    assert mapping.inward({"id": "gid://acme/Order/7"}) == {"number": "7"}
    assert mapping.outward({"number": "7"}, {}) == {"id": "gid://acme/Order/7"}
    assert [line.arrow for line in explain(mapping)] == ["⇄"]
    assert mapping.inward({"id": None}) == {"number": None}
    assert mapping.outward({"number": None}, {}) == {"id": None}


@pytest.mark.usefixtures("acme")
def test_it_is_given_what_it_is_annotated_with() -> None:
    mapping = mapping_of("total", "weight | acme.kilos")
    assert mapping.inward({"weight": "1500"}) == {"total": Decimal("1.5")}
    assert mapping.outward({"total": Decimal("1.5")}, {}) == {"weight": 1500}
    with pytest.raises(RecordFailed, match=r"total: 1\.5 is no integer"):
        mapping.inward({"weight": 1.5})


@pytest.mark.usefixtures("acme")
def test_it_stands_between_others() -> None:
    mapping = mapping_of("description", "name | trim | acme.initials | lower")
    assert mapping.inward({"name": " Ada Amsel "}) == {"description": "aa"}
    assert "`acme.initials` has no inverse" in explain(mapping)[0].why


@pytest.mark.usefixtures("acme")
def test_what_it_refuses_is_a_fault_of_the_record() -> None:
    mapping = mapping_of("number", 'id | acme.gid("Order")')
    with pytest.raises(
        RecordFailed, match=r"Case\.yaml:5: number: 'x' is no id of a Order in `id \|"
    ):
        mapping.inward({"id": "x"})
    with pytest.raises(RecordFailed, match="'gid://acme/Order/7' is no id of a User"):
        mapping_of("number", 'id | acme.gid("User")').inward({"id": "gid://acme/Order/7"})


@pytest.mark.usefixtures("acme")
def test_one_that_breaks_costs_the_record_and_nothing_else() -> None:
    with pytest.raises(RecordFailed, match=r"the pipe acme\.breaks broke at 'x': AttributeError"):
        mapping_of("description", "x | acme.breaks").inward({"x": "x"})


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("x | acme.gud('Order')", "there is no pipe 'acme.gud'; did you mean 'gid'?"),
        ("x | acme.not_a_pipe", "there is no pipe 'acme.not_a_pipe'; known: breaks, gid"),
        ("x | acme.as_gid('Order')", "there is no pipe 'acme.as_gid'; did you mean 'gid'?"),
        ("x | acme.gid", "acme.gid takes 1 argument, not 0"),
        ("x | acme.gid(5)", "acme.gid takes a str for kind, not 5"),
        ("x | acme.gid(Order)", "acme.gid(…) takes constants only"),
        ("x | acme.gid(kind='Order')", "acme.gid(…) has no 'kind'"),
        ("x | acme.nameless", "cannot be used: acme.nameless: its first parameter must be annotated"),
        ("x | gid('Order')", "there is no pipe 'gid'"),
        ("x | acme2.gid('Order')", "there is no pipe 'acme2.gid', for there is no spoke 'acme2'"),
        ("x | plm.minutes", "the spoke plm has no pipes of its own"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_at_load(expression: str, told: str) -> None:
    assert told in refused("description", expression)


def test_pipes_that_do_not_import_are_refused_at_load(acme: Path) -> None:
    (acme / "pipes.py").write_text("import nothing_of_the_kind\n")
    told = refused("description", "x | acme.gid('Order')")
    assert "spokes.acme.pipes does not import: ModuleNotFoundError: No module named" in told


@pytest.mark.usefixtures("acme")
def test_ours_come_first_and_a_spokes_are_never_taken_for_them() -> None:
    assert mapping_of("description", "x | trim").inward({"x": " a "}) == {"description": "a"}
    assert set(declared("spokes.acme")) >= {"gid", "kilos"}
    assert package_of("acme") == "spokes.acme"
    assert package_of("no such") is None


# -- the law, as the kit holds spokes to it


def using(*expressions: str) -> list[Mapping]:
    if not expressions:
        return []
    lines = "".join(f"\n      u_{n}: {one!r}" for n, one in enumerate(expressions))
    return [compiled(f"    mapping: acme/Case\n    to: case\n    key: id\n    fields:{lines}\n")]


def test_the_law_holds_for_what_comes_back(acme: Path) -> None:
    good = PIPES.partition("@hub.pipe(back=lambda")[0]
    (acme / "pipes.py").write_text(good)
    check_pipes("spokes.acme", using('id | acme.gid("Order")'))


@pytest.mark.parametrize(
    ("pipe", "uses", "told"),
    [
        ("lossy", (), r"lossy: -?[0-9]+ is written as -?[0-9]+, and read as -?[0-9]+"),
        ("gid", (), "no mapping uses the pipe gid, so it cannot be tried"),
        ("nameless", (), "nameless: its first parameter must be annotated"),
    ],
)
def test_a_pipe_that_breaks_the_law_is_found(
    acme: Path, pipe: str, uses: tuple[str, ...], told: str
) -> None:
    start = {"lossy": "def back_wrong", "gid": "def as_gid", "nameless": "@hub.pipe(back=lambda"}[
        pipe
    ]
    text = PIPES[PIPES.index(start) :].split("\n\n")
    kept = "\n".join(text[:2])
    (acme / "pipes.py").write_text(f"from typing import Any\nimport hub\n{kept}\n")
    with pytest.raises(BaseException, match=told) as caught:
        check_pipes("spokes.acme", using(*uses))
    assert isinstance(caught.value, AssertionError | BrokenPipe | pytest.fail.Exception)


def test_a_pipe_for_which_nothing_can_be_made_up_says_what_to_add(acme: Path) -> None:
    text = PIPES.partition("def as_grams")[0].replace(', like=r"gid://acme/Order/[0-9]{1,8}"', "")
    strict = text.replace(
        'return f"gid',
        'if not number.isdigit() or len(number) < 9: raise ValueError("x")\n    return f"gid',
    )
    (acme / "pipes.py").write_text(strict)
    with pytest.raises(
        AssertionError, match="give it `like=`, a regular expression of what they send"
    ):
        check_pipes("spokes.acme", using('id | acme.gid("Order")'))


def test_a_package_without_pipes_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert declared("spokes.plm") == {}
    (tmp_path / "single_module_spoke.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert declared("single_module_spoke") == {}
    check_pipes("spokes.plm", [])


def minutes(value: Any) -> Any:
    return mapping_of("reopen_count", "spent | dynamics365.minutes").inward({"spent": value})


def test_dynamics_counts_minutes() -> None:
    assert minutes(45) == {"reopen_count": 2700}
    assert minutes(None) == {"reopen_count": None}
    mapping = mapping_of("reopen_count", "spent | dynamics365.minutes")
    assert mapping.outward({"reopen_count": 2700}, {}) == {"spent": 45}
    with pytest.raises(
        RecordFailed, match="no value of theirs for 90: Dataverse keeps whole minutes"
    ):
        mapping.outward({"reopen_count": 90}, {})
