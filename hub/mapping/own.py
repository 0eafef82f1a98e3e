"""The pipes that a spoke's package brings: found by name, checked, and made to fail as ours do."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from typing import Any, get_type_hints

from hub.mapping import kinds, pipes
from hub.mapping.conversion import Constant, Conversion
from hub.mapping.faults import BadExpression, Failure, shortened, suggestion
from hub.packages import package_of
from hub.pipes import OwnPipe

MODULE = "pipes"

_VALUES: dict[Any, Callable[[Any], Any]] = {
    str: pipes.text_of,
    int: kinds.whole_number,
    float: kinds.number,
    Decimal: kinds.decimal,
    Any: pipes.unchanged,
}
"""What a value is made before a function sees it that is annotated so."""
_CONSTANTS: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    bool: (bool,),
}
"""What a mapping may write for a parameter that is annotated so."""


class BrokenPipe(Exception):
    """The pipes of a spoke cannot be used; the message names the function and says why."""


def find(name: str) -> Conversion:
    """The pipe `spoke.pipe`; raises `BadExpression` if there is none, or it cannot be used."""
    spoke, _, own = name.partition(".")
    package = package_of(spoke)
    if package is None:
        raise BadExpression(f"there is no pipe {name!r}, for there is no spoke {spoke!r}")
    try:
        known = declared(package)
        if own in known:
            return conversion(known[own], name)
    except BrokenPipe as error:
        raise BadExpression(f"the pipe {name!r} cannot be used: {error}") from error
    if not known:
        raise BadExpression(f"there is no pipe {name!r}: the spoke {spoke} has no pipes of its own")
    raise BadExpression(f"there is no pipe {name!r}{suggestion(own, known)}")


def declared(package: str) -> dict[str, OwnPipe]:
    """What a spoke's package declares in its module `pipes`, by name; raises `BrokenPipe`."""
    where = f"{package}.{MODULE}"
    try:
        if not hasattr(import_module(package), "__path__") or find_spec(where) is None:
            return {}
        module = import_module(where)
    except Exception as error:
        raise BrokenPipe(f"{where} does not import: {type(error).__name__}: {error}") from error
    return {name: one for name, one in vars(module).items() if isinstance(one, OwnPipe)}


def conversion(own: OwnPipe, name: str) -> Conversion:
    """The pipe as the compiler knows it; raises `BrokenPipe` for one without proper annotations."""
    accepts, takes, optional = _signature(own.inward, name)
    outward = None
    if own.back is not None:
        back_accepts, back_takes, back_optional = _signature(own.back, name)
        if (len(back_takes), back_optional) != (len(takes), optional):
            raise BrokenPipe(f"{name} and its way back must have the same parameters")
        outward = _guarded(own.back, back_accepts, name, "no value of theirs for ")
    inward = _guarded(own.inward, accepts, name, "")
    return Conversion(inward, outward, takes, optional, exact=outward is not None)


def _signature(
    function: Callable[..., Any], name: str
) -> tuple[Callable[[Any], Any], tuple[Callable[[Constant], Constant], ...], int]:
    """What makes a value fit the function, what checks its constants, and how many may be left out."""
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError) as error:
        raise BrokenPipe(f"{name}: its annotations cannot be read: {error}") from error
    parameters = list(inspect.signature(function).parameters.values())
    accepts = _VALUES.get(hints.get(parameters[0].name)) if parameters else None
    if accepts is None:
        known = ", ".join(getattr(kind, "__name__", str(kind)) for kind in _VALUES)
        raise BrokenPipe(f"{name}: its first parameter must be annotated as one of {known}")
    constants = parameters[1:]
    for one in constants:
        if one.kind is not one.POSITIONAL_OR_KEYWORD or hints.get(one.name) not in _CONSTANTS:
            raise BrokenPipe(f"{name}: its parameter {one.name} is no str, int, float or bool")
    takes = tuple(_constant(one.name, hints[one.name]) for one in constants)
    return accepts, takes, sum(one.default is not one.empty for one in constants)


def _constant(name: str, kind: type) -> Callable[[Constant], Constant]:
    def check(value: Constant) -> Constant:
        fits = isinstance(value, _CONSTANTS[kind])
        if not fits or (isinstance(value, bool) and kind is not bool):
            raise BadExpression(f"takes a {kind.__name__} for {name}, not {value!r}")
        return value

    return check


def _guarded(
    function: Callable[..., Any], accepts: Callable[[Any], Any], name: str, lack: str
) -> Callable[..., Any]:
    """The function behind null and its annotation; whatever it raises is a `Failure`."""

    def convert(value: Any, *arguments: Constant) -> Any:
        if value is None:
            return None
        fit = accepts(value)
        try:
            return function(fit, *arguments)
        except ValueError as error:
            told = str(error) or f"{name} does not take it"
            raise Failure(f"{lack}{shortened(value)}: {told}" if lack else told) from error
        except Exception as error:
            raise Failure(
                f"the pipe {name} broke at {shortened(value)}: {type(error).__name__}: {error}"
            ) from error

    return convert
