"""Law 3 for one field of any mapping, with values drawn from the field's kind."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.mapping import Mapping, RecordFailed
from hub.mapping.kinds import Ref
from hub.shape import Field

SHORT_INTEGER = st.integers(-(2**63) + 1, 2**63 - 1)  # longer ones are no JSON to a database
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
IDS = st.text("abcdef0123456789", min_size=1, max_size=8)


def values_of(mapping: Mapping, name: str) -> st.SearchStrategy[Any]:
    """What a column of this kind may hold. Some of it may have no counterpart of theirs."""
    column = next(rule.field for rule in mapping.declaration.rules if rule.field.name == name)
    pipes = {pipe.name for pipe in _inverse(mapping, name).pipes}
    return st.none() | _of_kind(column, pipes, mapping)


def _of_kind(  # noqa: C901, PLR0911 -- a case per kind
    column: Field, pipes: set[str], mapping: Mapping
) -> st.SearchStrategy[Any]:
    match column.kind:
        case "choice":
            return st.sampled_from(sorted(column.choices.values()))
        case "reference":
            return IDS
        case "integer":
            return st.integers(-(2**31) + 1, 2**31 - 1)
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "money":
            return st.decimals(-(10**10), 10**10, places=4).map(Decimal)
        case "boolean":
            return st.booleans()
        case "instant":
            moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001
            return moments.map(lambda moment: moment.replace(microsecond=0, tzinfo=UTC))
        case "json":
            inner = st.lists(TEXT | SHORT_INTEGER | st.none(), max_size=3)
            return inner | st.dictionaries(TEXT, inner, max_size=3)
        case "list":
            return st.lists(IDS, min_size=1, max_size=3).map(",".join)
        case "string" | "journal":
            return _texts(pipes, mapping)


def _texts(pipes: set[str], mapping: Mapping) -> st.SearchStrategy[str]:
    if "email" in pipes:
        return st.emails()
    if "phone" in pipes:
        return st.from_regex(r"\+?[1-9][0-9 ()./-]{3,12}[0-9]", fullmatch=True)
    if "date" in pipes:
        return st.dates().map(lambda day: day.isoformat())
    if "datetime" in pipes:
        return st.datetimes().map(lambda moment: f"{moment.replace(microsecond=0).isoformat()}Z")
    if "map" in pipes:
        ours = [value for table in mapping.declaration.maps.values() for value in table.values()]
        return st.sampled_from(sorted({str(value) for value in ours}))
    return TEXT


def _inverse(mapping: Mapping, name: str) -> Any:
    return next(rule.inverse for rule in mapping.declaration.rules if rule.field.name == name)


def two_way(mapping: Mapping) -> list[str]:
    """The fields whose inverse is derived."""
    rules = mapping.declaration.rules
    return [rule.field.name for rule in rules if rule.inverse is not None and rule.read is not None]


def round_trips(mapping: Mapping, name: str) -> int:
    """Assert the law on the field; how many values were tried that have a counterpart.

    What a pipe normalises (`trim`) comes back normalised, and from then on as it is.
    """
    tried = 0

    @settings(
        max_examples=50, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(values_of(mapping, name))
    def law(value: Any) -> None:
        nonlocal tried
        once = _there_and_back(mapping, name, value)
        if once is _NOWHERE:
            return
        tried += 1
        assert _there_and_back(mapping, name, once) == once
        if _inverse(mapping, name).exact:
            assert once == value

    law()
    return tried


_NOWHERE = object()


def _there_and_back(mapping: Mapping, name: str, value: Any) -> Any:
    links = (
        {(stream, value): value for stream in mapping.ref_streams.values()}
        if isinstance(value, str)
        else {}
    )
    try:
        sent = mapping.outward({name: value}, links)
    except RecordFailed as error:
        reason = error.faults[0].reason
        assert reason.startswith("no value of theirs for"), reason
        return _NOWHERE
    again = mapping.inward_alone(name, sent)[name]
    return again.id if isinstance(again, Ref) else again
