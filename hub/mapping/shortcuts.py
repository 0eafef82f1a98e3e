"""Shortcuts in generated source that belong to no one pipe or column; `kinds.Coercion` reads them."""

from __future__ import annotations

from hub.mapping.kinds import STORABLE, in_utc, unless_null

IN_WHOLE_SECONDS = (
    "None if {v0} is None else {t} if not"
    f" ({{t}} := {{v}} if (z := {{v}}.tzinfo) is UTC else {in_utc('{v}')}).microsecond"
    " else {t} - timedelta(0, 0, {t}.microsecond)"
)
IN_UTC = "{v} if {v0} is None or {v}.tzinfo is UTC else {v}.astimezone(UTC)"
JOIN_CHECKED = "None if {v0} is None else {a}.join({v})"
JOIN_TEXTS = unless_null(
    f"{{t}} if ({{t}} := {{a}}.join({{v}})) is not None and {STORABLE.replace('{v}', '{t}')}"
)
SHOW = "'' if {v0} is None else {v} if {v}.__class__ is str else {slow}"
MAKE_CHECKED_REF = unless_null("Ref({a}, {v}, {b}) if {v}.__class__ is str and {v}")
MAKE_REF = unless_null(
    f"Ref({{a}}, {{v}}, {{b}}) if {{v}}.__class__ is str and {{v}} and {STORABLE}"
)
