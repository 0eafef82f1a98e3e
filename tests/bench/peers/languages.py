"""The benches' mapping in three mapping languages of Python: glom, JMESPath, JSONata.

Each says as much of it as it can in its own words, and has plain functions for the rest, which is
how one uses it: none of them knows moments with an offset, references or addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from hub.mapping import Ref
from tests.bench import cases
from tests.bench.hand import PRIORITIES, STATES, moment
from tests.bench.mapping import dict_by_hand, each_record
from tests.bench.scene import Scene

Inward = Callable[[Any], dict[str, Any]]


def by_glom(scene: Scene) -> None:
    """A glom spec, compiled beforehand as far as glom does that."""
    glom = import_module("glom")
    Coalesce, T = glom.Coalesce, glom.T  # noqa: N806 -- as glom's users know them

    def of(path: str, *then: Any) -> Any:
        return (Coalesce(path, default=None), *then)

    spec = glom.Spec(
        {
            "correlation_id": of("Id"),
            "correlation_display": of("CaseNumber"),
            "short_description": of("Subject", trimmed),
            "description": Coalesce("Description", "Comments", skip=("", None), default=None),
            "state": of("Status", state),
            "priority": of("Priority", priority),
            "contact_type": of("Origin", lowered),
            "escalation": of("IsEscalated", escalation),
            "subcategory": Coalesce("Type", skip=(None,), default="other"),
            "cause": of("Reason"),
            "account": of("AccountId", account),
            "opened_at": of("CreatedDate", moment),
            "closed_at": of("ClosedDate", moment),
            "follow_up": of("LastModifiedDate", moment),
            "reassignment_count": of("Amount__c", cents),
            "close_notes": of("Tags__c", listed),
            "resolution_code": of("BillingAddress.postalCode"),
            "contact_time_zone": of("BillingAddress.city"),
            "business_impact": (
                T["BillingAddress"],
                lambda a: address(a["street"], a["postalCode"], a["city"]),
            ),
            "u_email": of("SuppliedEmail", email),
        }
    )
    play(scene, spec.glom)


def by_jmespath(scene: Scene) -> None:
    """One multi-select hash, with functions of our own registered."""
    jmespath, functions = import_module("jmespath"), import_module("jmespath.functions")

    def known(*types: str) -> dict[str, list[str]]:
        return {"types": [*types]}

    kinds: dict[str, Callable[[Any], Any]] = {
        "trimmed": trimmed, "state": state, "priority": priority, "lowered": lowered,
        "escalation": escalation, "account": account, "moment": moment, "cents": cents,
        "listed": listed, "email": email,
    }  # fmt: skip

    class Ours(functions.Functions):  # type: ignore[name-defined,misc]
        """Functions of ours beside its own."""

    for name, function in kinds.items():
        Ours.FUNCTION_TABLE = Ours.FUNCTION_TABLE | {
            name: {"function": _alone(function), "signature": (known(),)}
        }
    Ours.FUNCTION_TABLE = Ours.FUNCTION_TABLE | {
        "address": {"function": lambda _, *three: address(*three), "signature": (known(),) * 3}
    }
    text = """{
        correlation_id: Id, correlation_display: CaseNumber, short_description: trimmed(Subject),
        description: Description || Comments, state: state(Status), priority: priority(Priority),
        contact_type: lowered(Origin), escalation: escalation(IsEscalated),
        subcategory: not_null(Type, 'other'), cause: Reason, account: account(AccountId),
        opened_at: moment(CreatedDate), closed_at: moment(ClosedDate),
        follow_up: moment(LastModifiedDate), reassignment_count: cents(Amount__c),
        close_notes: listed(Tags__c), resolution_code: BillingAddress.postalCode,
        contact_time_zone: BillingAddress.city,
        business_impact: address(BillingAddress.street, BillingAddress.postalCode, BillingAddress.city),
        u_email: email(SuppliedEmail)
    }"""
    compiled, options = jmespath.compile(text), jmespath.Options(custom_functions=Ours())
    play(scene, lambda record: compiled.search(record, options))


def _alone(function: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda _, value: function(value)


def by_jsonata(scene: Scene) -> None:
    """One object constructor; what is a function of JSONata's own is written so."""
    jsonata = import_module("jsonata")

    text = """{
        "correlation_id": Id, "correlation_display": CaseNumber, "short_description": $trimmed(Subject),
        "description": Description ? Description : Comments, "state": $state(Status),
        "priority": $priority(Priority), "contact_type": $lowered(Origin),
        "escalation": IsEscalated ? "2" : "0", "subcategory": Type ? Type : "other",
        "cause": Reason, "account": $account(AccountId), "opened_at": $moment(CreatedDate),
        "closed_at": $moment(ClosedDate), "follow_up": $moment(LastModifiedDate),
        "reassignment_count": $cents(Amount__c), "close_notes": $listed(Tags__c),
        "resolution_code": BillingAddress.postalCode, "contact_time_zone": BillingAddress.city,
        "business_impact": BillingAddress.street & ", " & BillingAddress.postalCode & " " & BillingAddress.city,
        "u_email": $email(SuppliedEmail)
    }"""
    expression = jsonata.Jsonata(text)
    for name, function in (
        ("trimmed", trimmed), ("state", state), ("priority", priority), ("lowered", lowered),
        ("account", account), ("moment", moment), ("cents", cents), ("listed", listed),
        ("email", email),
    ):  # fmt: skip
        expression.register_lambda(name, _without_its_null(function))
    play(scene, expression.evaluate)


def _without_its_null(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """JSONata hands over an object of its own for null."""
    return lambda value: function(value if isinstance(value, str | int | float) else None)


def play(scene: Scene, inward: Inward) -> None:
    """Hold it to what one writes by hand, and time it; a language may leave nulls out."""
    blank = dict.fromkeys(dict_by_hand(cases.case(0)))
    for number in range(cases.PAGE):
        record = cases.case(number)
        mine, wanted = blank | dict(inward(record)), dict_by_hand(record)
        assert mine == wanted, f"{mine}\nis not\n{wanted}"
    each_record(scene, inward)


# -- what no language has ------------------------------------------------------------------------------


def trimmed(text: str | None) -> str | None:
    return None if text is None else text.strip()


def lowered(text: str | None) -> str | None:
    return None if text is None else text.lower()


def email(text: str | None) -> str | None:
    return None if text is None else text.strip().lower()


def state(text: str | None) -> str:
    return STATES.get(text or "", "10")


def priority(text: str | None) -> str:
    return PRIORITIES.get(text or "", "4")


def escalation(escalated: object) -> str:
    return "2" if escalated else "0"


def account(id: str | None) -> Ref | None:
    return None if id is None else Ref("Account", id)


def cents(amount: float | None) -> int | None:
    return None if amount is None else round(amount * 100)


def listed(tags: str | None) -> str | None:
    return None if tags is None else ", ".join(tags.split(";"))


def address(street: str, code: str, city: str) -> str:
    return f"{street}, {code} {city}"
