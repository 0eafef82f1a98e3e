"""What objects and fields the org has, and how a describe shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `to` are the objects that a reference may lead to, `relation` its name in SOQL."""

    name: str
    type: str = "string"
    length: int = 255
    values: tuple[str, ...] = ()
    default: str | None = None
    to: tuple[str, ...] = ()
    relation: str | None = None
    writable: bool = True
    required: bool = False
    external_id: bool = False
    restricted: bool = False
    updateable: bool = True
    bytes: bool = False  # whether `length` is in bytes of UTF-8

    def described(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "label": self.name.removesuffix("__c").replace("_", " "),
            "type": self.type,
            "length": self.length if self.type in _TEXTS else 0,
            "custom": self.name.endswith("__c"),
            "nillable": not self.required and self.type not in {"id", "boolean"},
            "createable": self.writable,
            "updateable": self.writable and self.updateable,
            "externalId": self.external_id,
            "unique": self.external_id,
            "idLookup": self.external_id or self.name == "Id",
            "referenceTo": list(self.to),
            "relationshipName": self.relation,
            "restrictedPicklist": self.restricted,
            "defaultValue": self.default,
            "picklistValues": [
                {"value": v, "label": v, "active": True, "defaultValue": v == self.default}
                for v in self.values
            ],
        }


@dataclass(frozen=True, slots=True)
class Sobject:
    """One object: the first three characters of its ids, and its fields by name."""

    name: str
    prefix: str
    fields: Mapping[str, Field] = field(default_factory=dict[str, Field])

    def described(self, hidden: set[tuple[str, str]]) -> dict[str, Any]:
        """The describe answer; what our user may not see is simply absent."""
        shown = [f for f in self.fields.values() if (self.name, f.name) not in hidden]
        return self.summary() | {"fields": [f.described() for f in shown]}

    def summary(self) -> dict[str, Any]:
        base = f"/services/data/v66.0/sobjects/{self.name}"
        return {
            "name": self.name,
            "label": self.name,
            "keyPrefix": self.prefix,
            "custom": self.name.endswith("__c"),
            "queryable": True,
            "createable": True,
            "updateable": True,
            "deletable": True,
            "replicateable": True,
            "urls": {
                "sobject": base,
                "describe": f"{base}/describe",
                "rowTemplate": f"{base}/{{ID}}",
            },
        }


_TEXTS = {"string", "textarea", "email", "phone", "url", "picklist", "id", "reference"}


def _text(name: str, length: int = 255, **more: Any) -> Field:
    return Field(name, "string", length, **more)


def _ref(name: str, *to: str, **more: Any) -> Field:
    return Field(name, "reference", 18, to=to, relation=name.removesuffix("Id"), **more)


def _pick(name: str, values: str, **more: Any) -> Field:
    return Field(name, "picklist", values=tuple(values.split("|")), **more)


def _auto(name: str, type: str) -> Field:
    return Field(name, type, writable=False)


def _address(kind: str) -> list[Field]:
    parts = (("Street", 255), ("City", 40), ("State", 80), ("PostalCode", 20), ("Country", 80))
    return [_text(f"{kind}{part}", length) for part, length in parts]


SYSTEM = (
    Field("Id", "id", 18, writable=False),
    _auto("IsDeleted", "boolean"),
    _auto("CreatedDate", "datetime"),
    _ref("CreatedById", "User", writable=False),
    _auto("LastModifiedDate", "datetime"),
    _ref("LastModifiedById", "User", writable=False),
    _auto("SystemModstamp", "datetime"),
)
HUB_ID = _text("Hub_Id__c", 64, external_id=True)


def sobject(name: str, prefix: str, *fields: Field) -> Sobject:
    """An object with these fields, and the system's own before them."""
    return Sobject(name, prefix, {f.name: f for f in (*SYSTEM, *fields)})


STANDARD = (
    sobject(
        "Account",
        "001",
        _ref("MasterRecordId", "Account", writable=False),
        _text("Name", required=True),
        _pick("Type", "Prospect|Customer|Store|Partner|Other"),
        _ref("ParentId", "Account"),
        *_address("Billing"),
        Field("BillingLatitude", "double"),
        Field("BillingLongitude", "double"),
        Field("BillingAddress", "address", writable=False),
        *_address("Shipping"),
        Field("Phone", "phone", 40),
        _text("Fax", 40),
        _text("AccountNumber", 40),
        Field("Website", "url", 255),
        _pick("Industry", "Agriculture|Consulting|Hospitality|Retail|Transportation|Other"),
        Field("AnnualRevenue", "currency"),
        Field("NumberOfEmployees", "int"),
        Field("Description", "textarea", 32000),
        _text("DunsNumber", 9),
        _pick("Rating", "Hot|Warm|Cold"),
        _text("Site", 80),
        _ref("OwnerId", "User"),
        HUB_ID,
    ),
    sobject(
        "Contact",
        "003",
        _ref("MasterRecordId", "Contact", writable=False),
        _ref("AccountId", "Account"),
        _text("LastName", 80, required=True),
        _text("FirstName", 40),
        _pick("Salutation", "Mr.|Ms.|Mrs.|Dr.|Prof."),
        _text("Name", 121, writable=False),
        *_address("Mailing"),
        Field("MailingAddress", "address", writable=False),
        Field("Phone", "phone", 40),
        Field("MobilePhone", "phone", 40),
        Field("HomePhone", "phone", 40),
        _ref("ReportsToId", "Contact"),
        Field("Email", "email", 80),
        _text("Title", 128),
        _text("Department", 80),
        _pick("LeadSource", "Web|Phone Inquiry|Partner Referral|Other"),
        Field("Birthdate", "date"),
        Field("Description", "textarea", 32000),
        Field("HasOptedOutOfEmail", "boolean"),
        Field("IsEmailBounced", "boolean", writable=False),
        _text("EmployeeNumber__c", 40),
        _ref("OwnerId", "User"),
        HUB_ID,
    ),
    sobject(
        "Case",
        "500",
        _ref("MasterRecordId", "Case", writable=False),
        _text("CaseNumber", 30, writable=False),
        _ref("ContactId", "Contact"),
        _ref("AccountId", "Account"),
        _ref("ParentId", "Case"),
        _text("SuppliedName", 80),
        Field("SuppliedEmail", "email", 80),
        _pick("Type", "Question|Problem|Feature Request|Delivery|Equipment|Other"),
        _pick(
            "Status",
            "New|Working|Escalated|On Hold|Solved|Closed|Cancelled",
            default="New",
            restricted=True,
        ),
        _pick("Reason", "Installation|Breakdown|Performance|Damaged|Late|Feedback|Other"),
        _pick("Origin", "Phone|Email|Web|Chat", restricted=True),
        _text("Subject", 255),
        _pick("Priority", "Critical|High|Medium|Low", default="Medium", restricted=True),
        Field("Description", "textarea", 32000),
        Field("IsClosed", "boolean", writable=False),
        _auto("ClosedDate", "datetime"),
        Field("IsEscalated", "boolean"),
        _text("OrderNumber__c", 40),
        _ref("OwnerId", "Group", "User"),
        HUB_ID,
    ),
    # No custom fields can be added to it: there is no external id.
    sobject(
        "CaseComment",
        "00a",
        _ref("ParentId", "Case", required=True, updateable=False),
        Field("CommentBody", "textarea", 4000, bytes=True),
        Field("IsPublished", "boolean"),
    ),
    sobject(
        "ContentVersion",
        "068",
        _ref("FirstPublishLocationId", "Case", "Account", "User", updateable=False),
        _text("Title", 255),
        _text("PathOnClient", 500, required=True, updateable=False),
        _text("FileExtension", 40, writable=False),
        Field("ContentSize", "int", writable=False),
        _text("Checksum", 50, writable=False),
        Field("IsLatest", "boolean", writable=False),
        Field("VersionData", "base64", updateable=False),
        HUB_ID,
    ),
    sobject(
        "User",
        "005",
        _text("Name", 121),
        _text("Username", 80),
        Field("Email", "email", 128),
        Field("IsActive", "boolean"),
    ),
    sobject("Group", "00G", _text("Name", 40), _text("Type", 40)),
    # What a polymorphic relationship shows, whatever it leads to.
    Sobject("Name", "", {f.name: f for f in (Field("Id", "id", 18), _text("Name", 121))}),
)


def inferred(name: str, prefix: str, records: list[dict[str, Any]]) -> Sobject:
    """An object that only a seed knows: its fields have the types of the values they hold."""
    kinds: dict[str, str] = {}
    for record in records:
        for key, value in record.items():
            kinds.setdefault(key, _kind(value))
    return sobject(name, prefix, *(Field(key, kind, 32000) for key, kind in kinds.items()))


def widened(known: Sobject, records: list[dict[str, Any]]) -> Sobject:
    """An object with the further fields that these records have."""
    extra = inferred(known.name, known.prefix, records).fields
    return Sobject(known.name, known.prefix, {**extra, **known.fields})


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "double"
        case _:
            return "string"
