"""Reads a `spoke.yaml` into its declaration, and finds everything that is wrong with it.

Two rounds, whose faults are told together: what each key may say (`language`), then what only all
of them together tell (`checks`), asked of what is left when the faulty keys are taken out.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hub import marked
from hub.marked import BadYaml, Document
from hub.rest import checks
from hub.rest.checks import Where, suggestion
from hub.rest.language import Declaration

MAX_BYTES = 100_000
ROUNDS = 5
"""How often faulty keys are taken out; whoever needs more has other worries."""


class BadSpoke(ValueError):
    """A `spoke.yaml` cannot be used. `faults` has one `file:line:column: …` per fault."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(dict.fromkeys(faults))
        super().__init__("\n".join(self.faults))


def read(path: Path) -> Declaration:
    """The declaration in a file; raises `BadSpoke` with all faults.

    The file is shown as `folder/spoke.yaml`, and the folder is what the spoke must be called.
    """
    shown = f"{path.parent.name}/{path.name}"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadSpoke([f"{shown}: is larger than {MAX_BYTES:,} bytes"])
        documents = marked.read(path, shown_as=shown)
    except OSError as error:
        raise BadSpoke([f"{shown}: cannot be read: {error.strerror or error}"]) from error
    except BadYaml as error:
        raise BadSpoke([str(error)]) from error
    return declared(documents, shown, name=path.parent.name)


def declared(documents: list[Document], shown: str, *, name: str = "") -> Declaration:
    """As `read`, of documents at hand."""
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        what = f"holds {len(documents)} documents; write one" if documents else "is empty"
        if len(documents) == 1:
            what = "must be a mapping with spoke, about and streams"
        raise BadSpoke([f"{shown}: {what}"])
    (document,) = documents
    declaration, found = _structure(document.data)
    if declaration is not None:
        faulty = {_section(where) for where, _ in found}
        known = checks.faults(declaration, document.data)
        found += [fault for fault in known if _section(fault[0]) not in faulty]
        if name and declaration.spoke != name and ("spoke",) not in faulty:
            found.append((("spoke",), f"is {declaration.spoke!r}, but its folder is called {name}"))
        found = found or list(checks.unused(declaration, document.data))
    if found or declaration is None:
        found.sort(key=lambda fault: document.places.get(fault[0], (0, 0)))
        raise BadSpoke(_line(document, where, what) for where, what in found)
    return declaration


def _line(document: Document, where: Where, what: str) -> str:
    return ": ".join(filter(None, (document.at(*where), ".".join(map(str, where)), what)))


def _section(where: Where) -> Where:
    """What is checked as a whole: a stream, the webhooks, ...; after a fault in it, not at all."""
    return where[:2] if where[:1] == ("streams",) else where[:1]


def _structure(data: dict[Any, Any]) -> tuple[Declaration | None, list[tuple[Where, str]]]:
    """What the file declares, faulty keys left out, and what is wrong with those."""
    found: dict[Where, str] = {}
    rest = copy.deepcopy(data)  # a fault above another is what taking that one out has caused
    for _ in range(ROUNDS):
        try:
            return Declaration.model_validate(rest), list(found.items())
        except ValidationError as error:
            told = [(_where(fault, rest), fault) for fault in error.errors(include_url=False)]
            for where, fault in reversed(told):  # a list's later items first
                if not any(other[: len(where)] == where for other in found):
                    found[where] = _what(fault, where)
                _take_out(rest, where[:-1] if fault["type"] == "missing" else where)
    return None, list(found.items())


def _where(fault: ErrorDetails, data: Any) -> Where:
    """The path of a fault as far as it is one of the file: a short form has none inside."""
    where: list[str | int] = []
    for step in fault["loc"]:
        if step == "[key]":  # pydantic's word for a faulty key, which is the step before
            break
        inside = isinstance(data, dict) or (isinstance(data, list) and isinstance(step, int))
        if not inside:
            break
        where.append(step)
        data = data.get(step) if isinstance(data, dict) else data[int(step)]
    return tuple(where)


def _take_out(data: Any, where: Where) -> None:
    """Remove what is faulty, if it is still there."""
    *parents, last = where or ("",)
    for step in parents:
        data = data.get(step) if isinstance(data, dict) else data[int(step)]
        if not isinstance(data, dict | list):
            return
    if isinstance(data, dict):
        data.pop(last, None)
    elif int(last) < len(data):
        del data[int(last)]


def _what(fault: ErrorDetails, where: Where) -> str:
    context = fault.get("ctx", {})
    match fault["type"]:
        case "extra_forbidden":
            return f"unknown key{suggestion(where[-1], _keys(where[:-1]))}"
        case "missing":
            return "is missing"
        case "literal_error":
            words = [
                word.strip(" '")
                for word in str(context["expected"]).replace(" or ", ", ").split(",")
            ]
            return f"must be {context['expected']}{_close(fault['input'], words)}"
        case "string_pattern_mismatch":
            return f"does not look as it should: {context['pattern']}"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"must be a mapping{_of_keys(where)}"
        case _:
            return fault["msg"].removeprefix("Value error, ").replace("Input should be", "must be")


def _close(word: object, known: list[str]) -> str:
    near = get_close_matches(str(word), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _of_keys(where: Where) -> str:
    keys = _keys(where)
    return f" with {', '.join(keys)}" if keys else ""


def _keys(where: Where) -> list[str]:
    """The keys that belong at a place of the file."""
    kind: Any = Declaration
    for step in where:
        if kind is not None and step in getattr(kind, "model_fields", {}):
            kind = _inner(kind.model_fields[step].annotation)
    return list(getattr(kind, "model_fields", {}))


def _inner(annotation: Any) -> Any:
    """The model inside `X | None`, `list[X]` or `dict[str, X]`."""
    return next(_models(annotation), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
