"""Words for what is wrong in a configuration file: where it stands, what it is, what was meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Where = tuple[str | int, ...]
"""Where in a file: keys and indices from its root."""


class BadConfig(Exception):
    """Every fault of a configuration, each with its file and line."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(self.faults))


def explained(model: type[BaseModel], error: ValidationError) -> Iterator[tuple[Where, str]]:
    """Each fault that pydantic found, with its path in the file. No value of the file is shown."""
    for fault in error.errors(include_url=False, include_input=False):
        # A union's tags are in the path: ours stand in brackets (hub.config.files).
        where = tuple(step for step in fault["loc"] if not str(step).startswith("("))
        yield where, _what(model, fault, where)


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """`unknown key 'prot'; did you mean 'port'?`, or what there is."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
    return f"unknown {what} {name!r}; {hint}"


def _what(model: type[BaseModel], fault: ErrorDetails, where: Where) -> str:
    match fault["type"]:
        case "extra_forbidden":
            *parents, key = (str(step) for step in where)
            return unknown("key", key, _part(model, parents).model_fields)
        case "missing":
            return "is missing"
        case _:
            return fault["msg"].removeprefix("Value error, ").replace("Input should", "should")


def _part(model: type[BaseModel], parents: list[str]) -> type[BaseModel]:
    """The model of the part of a file that stands under these keys."""
    for step in parents:
        if step in model.model_fields:
            model = _model_in(model.model_fields[step].annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in inner if model), None)
