"""The pipes: named conversions, each with its inverse where it has one.

Each function gives None for None (except `default`), and raises `Failure` for what it cannot
convert. `map` and `ref` are named here; their tables belong to a mapping.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import msgspec

from hub.mapping import kinds
from hub.mapping.conversion import Constant, Conversion
from hub.mapping.faults import BadExpression, Failure, shortened, suggestion
from hub.mapping.kinds import EXACT_MONEY, in_utc, unless_null
from hub.mapping.markup import text_of_html

MAX_ROUNDING = 10
QUICK_CENTS = 1e12  # amounts below it have exact cents as floats


def trim(value: Any) -> str | None:
    return None if value is None else text_of(value).strip()


def lower(value: Any) -> str | None:
    return None if value is None else text_of(value).lower()


def upper(value: Any) -> str | None:
    return None if value is None else text_of(value).upper()


def text_of(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Failure(f"{shortened(value)} is no text")
    return str(value)


def unchanged(value: Any, *_: Any) -> Any:
    return value


def whole(value: Any) -> int | None:
    return kinds.whole_number(value)


def rounded(value: Any, digits: int = 0) -> Any:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    exact = kinds.decimal(value)
    if exact.adjusted() > kinds.MAX_DIGITS // 2:
        raise Failure(f"{shortened(value)} is too large to round")
    result = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    if digits == 0:
        return int(result)
    return result if isinstance(value, Decimal) else float(result)


def cents(value: Any) -> int | None:
    """An amount as a whole number of hundredths."""
    if value is None:
        return None
    if value.__class__ is float and -QUICK_CENTS < value < QUICK_CENTS:
        whole = round(value * 100)
        if whole / 100 == value:  # the amount has no more than two decimals: no rounding to decide
            return whole
    return kinds.whole_number((kinds.decimal(value) * 100).to_integral_value(ROUND_HALF_EVEN))


def amount_of_cents(value: Any) -> float | None:
    return None if value is None else float(kinds.decimal(value) / 100)


def amount_as_text(value: Any) -> str | None:
    """The amount with its decimals, at least two: `12.50`, `0.1234`."""
    if value is None:
        return None
    exact = kinds.decimal(value).normalize()
    places = max(2, -int(exact.as_tuple().exponent))
    return f"{exact:.{places}f}"


def moment(value: Any, zone: str | None = None) -> datetime | None:
    """ISO 8601 with an offset. Without one it is a time in `zone`, or a `Failure`."""
    if value is None or value == "":
        return None
    try:
        told = value if isinstance(value, datetime) else _told(value)
    except (ValueError, TypeError):
        raise Failure(f"{shortened(value)} is no ISO 8601 date and time") from None
    if told.tzinfo is UTC:
        return told
    if told.tzinfo is None and zone is not None:
        told = told.replace(tzinfo=ZoneInfo(zone))
    if told.tzinfo is None:
        raise Failure(f'{told.isoformat()} has no time zone: datetime("UTC") says which one')
    try:
        return told.astimezone(UTC)
    except OverflowError:
        raise Failure(f"{shortened(value)} is not between the years 1 and 9999 in UTC") from None


def _told(text: str) -> datetime:
    """RFC 3339 as msgspec reads it, which also decodes pages; else ISO 8601 as Python does."""
    try:
        return msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return datetime.fromisoformat(text)


def moment_as_text(value: Any, *_: Any) -> Any:
    return kinds.iso(value) if isinstance(value, datetime) else value


def day(value: Any) -> date | None:
    """ISO 8601; of a date and time, the day in its own time zone."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(text_of(value).strip()).date()
    except ValueError:
        raise Failure(f"{shortened(value)} is no ISO 8601 date") from None


def day_as_text(value: Any) -> Any:
    if isinstance(value, datetime):
        value = value.astimezone(UTC).date()
    return value.isoformat() if isinstance(value, date) else value


_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_NUMBER = re.compile(r"(\+?)([\d\s().\-/]+)(?:(?:x|ext\.?)\s*(\d+))?", re.IGNORECASE)
_NO_DIGITS = re.compile(r"\D", re.ASCII)


def email(value: Any) -> str | None:
    """Lower case, trimmed; with one `@`, no blanks, and something on either side."""
    text = lower(trim(value))
    if not text:
        return None
    if not _EMAIL.fullmatch(text):
        raise Failure(f"{shortened(value)} is no e-mail address")
    return text


def phone(value: Any) -> str | None:
    """Digits, with a leading `+` and an extension (`x12`) where given."""
    text = trim(value)
    if not text:
        return None
    found = _NUMBER.fullmatch(text)
    digits = _NO_DIGITS.sub("", found[2]) if found else ""
    if not found or not digits:
        raise Failure(f"{shortened(value)} is no telephone number")
    return f"{found[1]}{digits}" + (f" x{found[3]}" if found[3] else "")


def html(value: Any) -> str | None:
    """The text of an HTML fragment; blocks begin on lines of their own."""
    if value is None:
        return None
    text = text_of(value)
    if "<" not in text and "&" not in text:
        return " ".join(text.split())  # nothing to read, and by far the most of them
    return text_of_html(text)


def default(value: Any, other: Constant) -> Any:
    return other if value is None else value


def split(value: Any, separator: str) -> list[str] | None:
    """The trimmed pieces of a text; empty ones are left out."""
    if value is None:
        return None
    pieces = map(str.strip, text_of(value).split(separator))
    return [piece for piece in pieces if piece]


def join(value: Any, separator: str) -> str | None:
    """The items of a list as one text; nulls are left out."""
    if value is None:
        return None
    if value.__class__ is list:
        try:
            text: str = separator.join(value)
        except TypeError:
            pass  # an item is no text
        else:
            if text.isascii() and "\0" not in text and len(text) <= kinds.MAX_TEXT:
                return text
    if not isinstance(value, list | tuple):
        raise Failure(f"{shortened(value)} is no list")
    return separator.join(kinds.string(item) or "" for item in value if item is not None)


def first(value: Any) -> Any:
    if value is None or isinstance(value, list | tuple):
        return value[0] if value else None
    raise Failure(f"{shortened(value)} is no list")


def _a_text(value: Constant) -> Constant:
    if not isinstance(value, str) or not value:
        raise BadExpression("takes a text that is not empty")
    return value


def _digits(value: Constant) -> Constant:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_ROUNDING:
        raise BadExpression(f"takes a number of digits between 0 and {MAX_ROUNDING}")
    return value


def _anything(value: Constant) -> Constant:
    return value


def _zone(value: Constant) -> Constant:
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = suggestion(value, available_timezones()) or "; write one as Europe/Berlin"
        raise BadExpression(f"takes a time zone, and {value!r} is none{hint}") from None
    return value


def _on_missing(value: Constant) -> Constant:
    if value not in {"defer", "create", "null"}:
        raise BadExpression(f"takes 'defer', 'create' or 'null' for on_missing, not {value!r}")
    return value


_OF_TEXT = unless_null("{v}.%s() if {v}.__class__ is str")
_CENTS = unless_null(
    "{t} if {v}.__class__ is float and -1e12 < {v} < 1e12"
    " and ({t} := ({v} * 100 + 0.5).__floor__()) / 100 == {v}"
)
_MOMENT = unless_null(  # the two readers agree on fractions of up to six digits
    "({t} if ({t} := from_iso({v}) if len({v}) < 27 or {v}[23] == '+'"
    " else convert({v}, datetime)).tzinfo is UTC"
    " else {slow} if {t}.tzinfo is None else {t}.astimezone(UTC))"
    " if {v}.__class__ is str and {v}"
)
_INSTANT = unless_null(
    "({t} if not ({t} := {t} if (z := ({t} := from_iso({v})).tzinfo) is UTC"
    f" else {in_utc('{t}')} if z else {{slow}}).microsecond"
    " else {slow} if {t}.microsecond == 999999"  # the other reader may have rounded it up
    " else {t} - timedelta(0, 0, {t}.microsecond)) if {v}"
)
_HUNDREDTHS = unless_null(
    "{t} if {v}.__class__ is float and -2e7 < {v} < 2e7"
    " and ({t} := ({v} * 100 + 0.5).__floor__()) / 100 == {v}"
)
_ADDRESS = unless_null(
    "{t} if {v}.__class__ is str and (p := ({t} := {v}.strip().lower()).partition('@'))[0]"
    " and p[2] and '@' not in p[2] and {t}.isprintable() and ' ' not in {t}"
)
_PIECES = unless_null(
    "{t} if {v}.__class__ is str and '' not in ({t} := {v}.split({a})"
    " if {v}.isprintable() and ' ' not in {v} else list(map(strip, {v}.split({a}))))"
)

PIPES: Mapping[str, Conversion] = {
    "trim": Conversion(trim, unchanged, fast=_OF_TEXT % "strip", of_text=True, gives="text"),
    "lower": Conversion(lower, unchanged, fast=_OF_TEXT % "lower", of_text=True, gives="text"),
    "upper": Conversion(upper, unchanged, fast=_OF_TEXT % "upper", of_text=True, gives="text"),
    "string": Conversion(kinds.string, unchanged, gives="text"),
    "int": Conversion(whole, gives="number"),
    "number": Conversion(kinds.number, gives="number"),
    "round": Conversion(rounded, takes=(_digits,), optional=1, gives="number"),
    "cents": Conversion(cents, amount_of_cents, fast=_CENTS, into={"integer": _HUNDREDTHS}, gives="number", exact=True),
    "money": Conversion(kinds.money, amount_as_text, fast=EXACT_MONEY, into={"money": EXACT_MONEY}, gives="number", exact=True),
    "datetime": Conversion(
        moment, moment_as_text, takes=(_zone,), optional=1,
        fast=_MOMENT, into={"instant": _INSTANT}, gives="moment", exact=True,
    ),
    "date": Conversion(day, day_as_text, gives="day"),
    "email": Conversion(email, unchanged, fast=_ADDRESS, of_text=True, gives="text"),
    "phone": Conversion(phone, unchanged, of_text=True, gives="text"),
    "html": Conversion(html, of_text=True, gives="text"),
    "default": Conversion(default, takes=(_anything,), fast="{v} if {v0} is not None else {a}"),
    "split": Conversion(split, join, takes=(_a_text,), fast=_PIECES, of_text=True, gives="list"),
    "join": Conversion(join, split, takes=(_a_text,), gives="text"),
    "first": Conversion(first),
    "map": Conversion(unchanged, unchanged, takes=(_a_text,), exact=True),
    "ref": Conversion(
        unchanged, unchanged, takes=(_a_text, _on_missing), optional=1, of_text=True, exact=True
    ),
}  # fmt: skip


def check_arguments(
    name: str, pipe: Conversion, given: tuple[Constant, ...], keywords: Mapping[str, Constant]
) -> tuple[Constant, ...]:
    """The arguments in order, checked; raises `BadExpression`."""
    allowed = {"on_missing"} if name == "ref" and len(given) == 1 else set[str]()
    unknown = keywords.keys() - allowed
    if unknown:
        word = min(unknown)
        raise BadExpression(f"{name}(…) has no {word!r}{suggestion(word, allowed)}")
    values = (*given, *keywords.values())
    most, least = len(pipe.takes), len(pipe.takes) - pipe.optional
    if not least <= len(values) <= most:
        amount = str(most or "no") if most == least else f"{least} or {most}"
        plural = "s" if most > 1 else ""
        raise BadExpression(f"{name} takes {amount} argument{plural}, not {len(values)}")
    try:
        return tuple(check(value) for check, value in zip(pipe.takes, values, strict=False))
    except BadExpression as error:
        raise BadExpression(f"{name} {error}") from None
