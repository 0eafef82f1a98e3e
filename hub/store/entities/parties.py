"""Customers: the companies that are, their people, and those who buy for themselves."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, Table

from hub.store.entities import choices as among
from hub.store.entities.columns import (
    active,
    address,
    choice,
    flag,
    integer,
    number,
    record,
    reference,
    sparse,
    string,
)
from hub.store.entities.entity import Entity
from hub.store.entities.people import person
from hub.store.metadata import metadata


def _company() -> list[Column[Any]]:
    """ServiceNow's columns of `core_company`, which no table of ours is for itself."""
    return [
        string("name", 80),
        reference("contact", "sys_user"),
        string("phone"),
        string("website", 1024),
        *address(),
        number("latitude"),
        number("longitude"),
        string("currency", 3),
        string("notes", 4000),
        string("industry"),
        integer("num_employees"),
        flag("vendor"),
        flag("manufacturer"),
    ]


_account = Table(
    "customer_account",
    metadata,
    *record("customer_account"),
    *_company(),
    string("number"),
    string("account_code"),
    string("account_path", 255),
    reference("account_parent", "customer_account"),
    flag("customer", default=True),
    flag("partner"),
    choice("rank_tier", among.RANK_TIERS),
    string("registration_code"),
    reference("primary_contact", "customer_contact"),
    reference("active_escalation", "sn_customerservice_escalation"),
    string("hub_domain", 255),  # of the website and of e-mail addresses, normalised
    string("hub_tax_id"),
    Index("uq_customer_account_number", "number", unique=True),
    Index("ix_customer_account_name", "name"),
    Index("ix_customer_account_sys_updated_on", "sys_updated_on", "sys_id"),
    *sparse(
        "customer_account",
        "account_path",
        "account_parent",
        "registration_code",
        "hub_domain",
        "hub_tax_id",
    ),
)

_contact = Table(
    "customer_contact",
    metadata,
    *record("customer_contact"),
    *person(),
    reference("account", "customer_account"),
    Index("ix_customer_contact_email", "email"),
    Index("ix_customer_contact_account", "account"),
    Index("ix_customer_contact_sys_updated_on", "sys_updated_on", "sys_id"),
    *sparse("customer_contact", "user_name", "employee_number"),
)

_consumer = Table(
    "csm_consumer",
    metadata,
    *record(),
    string("number"),
    string("prefix"),
    string("first_name", 50),
    string("middle_name", 50),
    string("last_name", 50),
    string("suffix"),
    string("name", 152),
    string("email", 100),
    string("business_phone"),
    string("home_phone"),
    string("mobile_phone"),
    *address(),
    reference("household", "csm_household"),
    flag("primary"),
    string("time_zone"),
    string("preferred_language"),
    string("notes", 4000),
    reference("user", "sys_user"),
    active(),
    Index("uq_csm_consumer_number", "number", unique=True),
    Index("ix_csm_consumer_email", "email"),
    Index("ix_csm_consumer_sys_updated_on", "sys_updated_on", "sys_id"),
    *sparse("csm_consumer", "user"),
)

ACCOUNT = Entity.of("account", _account, display="name", prefix="ACCT")
CONTACT = Entity.of("contact", _contact, display="name")
CONSUMER = Entity.of("consumer", _consumer, display="name", prefix="CNSR")
