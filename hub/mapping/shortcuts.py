"""Shortcuts in generated source that belong to no one pipe or column; `kinds.Coercion` reads them."""

from __future__ import annotations

from hub.mapping.kinds import STORABLE, unless_null

IN_WHOLE_SECONDS = (
    "{v} if {v0} is None or {v}.tzinfo is UTC and not {v}.microsecond"
    " else {t} if not ({t} := {v}.astimezone(UTC)).microsecond else instant({t})"
)
IN_UTC = "{v} if {v0} is None or {v}.tzinfo is UTC else {v}.astimezone(UTC)"
JOIN_CHECKED = "None if {v0} is None else {a}.join({v})"
JOIN_TEXTS = unless_null(
    f"{{t}} if ({{t}} := {{a}}.join({{v}})) is not None and {STORABLE.replace('{v}', '{t}')}"
)
SHOW = "'' if {v0} is None else {v} if {v}.__class__ is str else {slow}"
MAKE_CHECKED_REF = unless_null("Ref({a}, {v}, {b}) if {v}")
MAKE_REF = unless_null(
    f"Ref({{a}}, {{v}}, {{b}}) if {{v}}.__class__ is str and {{v}} and {STORABLE}"
)
