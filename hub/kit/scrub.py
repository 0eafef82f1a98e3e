"""Takes secrets and people out of recorded JSON, so that what refers to each other still does.

The same value gets the same pseudonym wherever it stands: in a field, a link, a cursor. What a
record says under a telling key (`first_name`) is replaced everywhere else too. Text of several
words is replaced whole: nobody can tell what it says.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

SHORTEST = 3
"""Characters; who is called less is replaced only where the key says so."""
EMAIL = re.compile(r"[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
OURS = re.compile(r"person\d+(@|%40)example\.com")
PHONE = re.compile(r"(?<![\w.:-])\+?\(?\d[\d ()/.-]{6,18}\d(?![\w:-])")
DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(\.\d+)?( ?(Z|[+-]\d\d:?\d\d))?)?")
SPACED = re.compile(r"\S+\s+\S")
ENCODED = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
SECRET = re.compile(
    r"passw|secret|token|api_?key|signature|cookie|assertion|authorization|session|credential"
    r"|private_?key|hmac|(^|_)(otp|pin)($|_)",
    re.IGNORECASE,
)
PAGING = re.compile(r"next|cursor|page|delta|skip|sync|continu", re.IGNORECASE)
"""What sounds secret (`next_page_token`) and only says where a list goes on."""
PERSONAL: Mapping[str, re.Pattern[str]] = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        "email": r"e_?-?mail|(^|_)upn$|principal",
        "phone": r"phone|mobile|(^|_)fax|(^|_)tel($|_)",
        "birth": r"birth|(^|_)dob$",
        "place": r"street|address|(^|_)zip|postal|postcode|(^|_)city$|(^|_)(lat|lng|lon|latitude"
        r"|longitude)$",
        "number": r"(^|_)(ssn|iban|vat|tax_?id|national_?id|passport|card_?number|ip)($|_)",
        "login": r"user_?name|(^|_)(login|alias|sam_?account)",
        "person": r"(^|_)(first|last|given|family|middle|full|sur|maiden|nick|display|formatted)_?name",
        "name": r"(?<!type)(?<!file)(?<!event)(?<!field)(?<!logical)(?<!schema)(?<!table)"
        r"(?<!entity)(?<!type_)(?<!file_)(?<!event_)(?<!field_)(?<!logical_)(?<!schema_)"
        r"(?<!table_)(?<!entity_)name$|formattedvalue$|^(person|contact|owner|author|assignee|requester|reporter|customer|company)$",
    }.items()
}


class Scrubber:
    """Replaces the given secrets (text to pseudonym), and whatever `learn` finds in records."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._known = {text: new for text, new in secrets.items() if text}
        self._counts: dict[str, int] = {}
        self._pattern: re.Pattern[str] | None = None

    def learn(self, value: Any) -> None:
        """Remember everything in a record that says who somebody is."""
        for key, text in _texts(value, ""):
            kind = personal(key)
            for found in EMAIL.findall(text):
                address = found.replace("%40", "@")
                self._named(address, "email")
                self.call(address.partition("@")[2], "example.com")
            if SECRET.search(key) and not PAGING.search(key):
                self._named(text, "secret")
            elif kind and not DATE.fullmatch(text):
                self._named(text, kind)
                for word in re.findall(r"[^\W\d_]{3,}", text) if kind == "person" else ():
                    self._named(word, "person")

    def record(self, value: Any, key: str = "") -> Any:
        """A record, or an answer with records, without secrets, people and free text."""
        return self._each(value, key, self._said)

    def answer(self, value: Any) -> Any:
        """An answer without records, such as a description of fields, without what is known."""
        return self._each(value, "", lambda text, _: self.text(text))

    def text(self, text: str) -> str:
        """A text with every known value in it replaced, however it is written there."""
        if text in self._known:
            return self._known[text]
        replaced = self._search().sub(lambda found: self._other(found[0]), text)
        replaced = EMAIL.sub(lambda found: self._address(found[0]), replaced)
        return self._named(text, "opaque") if self._hides(replaced) else replaced

    def left(self, value: Any) -> int:
        """How many known values are still somewhere in JSON: none, if all went well.

        What a key is called is not looked at: `Name` may well be somebody's value too.
        """
        ours = set(self._known.values())
        return sum(
            not any(found in new for new in ours)
            for _, text in _texts(value, "")
            for found in self._search().findall(text)
        )

    def call(self, text: str, pseudonym: str) -> None:
        """Have a text replaced by this, wherever it stands."""
        self._known[text] = pseudonym
        self._pattern = None

    def _each(self, value: Any, key: str, said: Callable[[str, str], str]) -> Any:
        match value:
            case dict():
                return {
                    EMAIL.sub(lambda found: self._address(found[0]), name): self._each(
                        item, name, said
                    )
                    for name, item in value.items()
                }
            case list():
                return [self._each(item, key, said) for item in value]
            case str():
                return said(value, key)
            case int() | float() if not isinstance(value, bool) and personal(key):
                return 0
            case _:
                return value

    def _said(self, text: str, key: str) -> str:
        """A text of a record; `key` is where it stands."""
        if DATE.fullmatch(text):
            return "1970-01-01" if personal(key) == "birth" else text
        if text in self._known or not text:
            return self._known.get(text, text)
        if SPACED.search(text) and not text.startswith(("http", "/")):
            return self._named(text, "text")
        return PHONE.sub(lambda found: self._phone(found[0]), self.text(text))

    def _phone(self, text: str) -> str:
        """Digits alone are as likely an id; where a key tells, they are known already."""
        return text if re.fullmatch(r"[\d.]+", text) else self._named(text, "phone")

    def _address(self, text: str) -> str:
        """The pseudonym of an e-mail address, as it is written there."""
        if OURS.fullmatch(text):
            return text
        new = self._named(text.replace("%40", "@").lower(), "email")
        return new.replace("@", "%40") if "%40" in text else new

    def _other(self, text: str) -> str:
        """The pseudonym of a known value, in whatever case or spelling it was found."""
        if EMAIL.fullmatch(text):
            return self._address(text)
        spelled = {form.lower(): new for form, new in self._spelled()}
        return spelled[text.lower()]

    def _named(self, text: str, kind: str) -> str:
        text = text.lower() if kind == "email" else text
        if text not in self._known:
            self._known[text] = self._pseudonym(kind)
            self._pattern = None
        return self._known[text]

    def _pseudonym(self, kind: str) -> str:
        n = self._counts[kind] = self._counts.get(kind, 0) + 1
        match kind:
            case "email":
                return f"person{n}@example.com"
            case "phone":
                return f"+1555{n:07}"
            case "birth":
                return "1970-01-01"
            case _:
                return f"{kind}-{n}"

    def _search(self) -> re.Pattern[str]:
        if self._pattern is None:
            forms = sorted({form for form, _ in self._spelled()}, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(_whole, forms)) or r"(?!)", re.IGNORECASE)
        return self._pattern

    def _spelled(self) -> Iterator[tuple[str, str]]:
        """Every known value with its pseudonym, also as it is written in URLs."""
        for known, new in self._known.items():
            if len(known) >= SHORTEST:
                yield from (
                    (form, new) for form in {known, quote(known, safe=""), quote_plus(known)}
                )

    def _hides(self, text: str) -> bool:
        """Whether a piece of the text is base64 of something that we know."""
        for piece in ENCODED.findall(text):
            padded = piece.replace("-", "+").replace("_", "/") + "=" * (-len(piece) % 4)
            try:
                inside = base64.b64decode(padded, validate=True).decode()
            except (binascii.Error, ValueError):
                continue
            if self._search().search(inside) or EMAIL.search(inside):
                return True
        return False


def personal(key: str) -> str:
    """Which part of a person a key stands for; empty for none."""
    flat = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key)
    return next((kind for kind, pattern in PERSONAL.items() if pattern.search(flat)), "")


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Every text below a value, with the key that it stands under; numbers of people too."""
    match value:
        case dict():
            for name, item in value.items():
                yield from _texts(item, name)
        case list():
            for item in value:
                yield from _texts(item, key)
        case str() if value.strip():
            yield key, value
        case int() if not isinstance(value, bool) and personal(key) in {"phone", "number"}:
            yield key, str(value)
        case _:
            return


def _whole(text: str) -> str:
    """Not in the middle of a word: `Ann` is no part of `Annual`."""
    before = r"(?<![^\W_])" if text[:1].isalnum() else ""
    after = r"(?![^\W_])" if text[-1:].isalnum() else ""
    return before + re.escape(text) + after
