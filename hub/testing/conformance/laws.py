"""The law of a pipe that a spoke brings: what its way back wrote, it reads as what it was."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, get_type_hints

import pytest

from hub.mapping import Mapping
from hub.mapping.conversion import Constant, Conversion
from hub.mapping.faults import Failure
from hub.mapping.language import Pipe, walk
from hub.mapping.own import conversion, declared
from hub.pipes import OwnPipe

TRIED = 200
ENOUGH = 20
"""Values with a way back that must be among them."""
Arguments = tuple[Constant, ...]


def check_pipes(package: str, mappings: Iterable[Mapping]) -> None:
    """Try every pipe that a package declares, with the constants that its mappings write.

    Fails for one that does not bring back what its own way back was given, or takes nothing back.
    Raises `BrokenPipe`.
    """
    uses = _uses(mappings)
    for name, own in declared(package).items():
        pipe = conversion(own, name)
        if own.back is not None:
            for arguments in sorted(uses.get(name) or _without_any(name, own), key=repr):
                _check(name, own, pipe, arguments)


def _uses(mappings: Iterable[Mapping]) -> dict[str, set[Arguments]]:
    """The arguments of the pipes in some mappings, by the name that a spoke gave them."""
    found: dict[str, set[Arguments]] = {}
    for mapping in mappings:
        declaration = mapping.declaration
        rules = [*declaration.rules, *(rule for part in declaration.parts for rule in part.rules)]
        for node in [node for rule in rules if rule.read for node in walk(rule.read)]:
            if isinstance(node, Pipe) and node.own:
                found.setdefault(node.name.partition(".")[2], set()).add(node.arguments)
    return found


def _without_any(name: str, own: OwnPipe) -> set[Arguments]:
    parameters = list(inspect.signature(own.inward).parameters.values())[1:]
    if any(one.default is one.empty for one in parameters):
        pytest.fail(f"no mapping uses the pipe {name}, so it cannot be tried: which constants?")
    return {()}


def _check(name: str, own: OwnPipe, pipe: Conversion, arguments: Arguments) -> None:
    pytest.importorskip("hypothesis", reason="the law of a pipe is tried by Hypothesis")
    from hypothesis import given, settings
    from hypothesis import strategies as st

    assert own.back
    assert pipe.outward
    outward, tried = pipe.outward, 0
    theirs = st.from_regex(own.like, fullmatch=True) if own.like else _values(own.inward)
    # most of what is made up has no way back; what they may have sent has
    ours = theirs.map(lambda value: _or_none(pipe.inward, value, arguments)) | _values(own.back)

    @settings(max_examples=TRIED, database=None, deadline=None)
    @given(ours)
    def law(value: Any) -> None:
        nonlocal tried
        written = _or_none(outward, value, arguments)
        if written is None:
            return  # null, or it says that it has no counterpart
        tried += 1
        try:
            again = pipe.inward(written, *arguments)
        except Failure as failure:
            pytest.fail(
                f"{name}: {value!r} is written as {written!r}, and cannot be read: {failure}"
            )
        assert again == value, f"{name}: {value!r} is written as {written!r}, and read as {again!r}"

    law()
    what = "give it `like=`, a regular expression of what they send"
    assert tried >= ENOUGH, f"{name}: of {TRIED} values {tried} had a way back: {what}"


def _values(function: Callable[..., Any]) -> Any:
    """Values of the type that a function's first parameter is annotated with."""
    from hypothesis import strategies as st

    kind = get_type_hints(function)[next(iter(inspect.signature(function).parameters))]
    if kind is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    return st.integers() | st.text() if kind is Any else st.from_type(kind)


def _or_none(convert: Callable[..., Any], value: Any, arguments: Arguments) -> Any:
    try:
        return convert(value, *arguments)
    except Failure:
        return None
