"""Those who work on records, and where: users, groups, locations, service organisations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, Table, text

from hub.store.entities import choices as among
from hub.store.entities.columns import (
    active,
    address,
    choice,
    flag,
    instant,
    number,
    record,
    reference,
    references,
    sparse,
    string,
)
from hub.store.entities.entity import Entity
from hub.store.metadata import metadata


def person() -> list[Column[Any]]:
    """ServiceNow's columns of `sys_user`, which `customer_contact` has as well.

    Without the password: the hub signs nobody in.
    """
    return [
        string("user_name"),
        string("first_name"),
        string("middle_name"),
        string("last_name"),
        string("name", 151),
        string("email", 100),
        string("phone"),
        string("mobile_phone"),
        string("home_phone"),
        *address(),
        string("employee_number"),
        string("title", 60),
        string("gender"),
        reference("department", "cmn_department"),
        reference("cost_center", "cmn_cost_center"),
        reference("manager", "sys_user"),
        reference("company", "customer_account"),
        reference("location", "cmn_location"),
        active(),
        flag("locked_out"),
        flag("web_service_access_only"),
        flag("internal_integration_user"),
        flag("password_needs_reset"),
        flag("vip"),
        string("time_zone"),
        string("date_format"),
        string("time_format"),
        string("preferred_language"),
        string("source", 255),
        choice("notification", among.NOTIFICATIONS, default="2"),
        instant("last_login_time"),
        choice("hub_user_type", among.USER_TYPES),
        string("hub_licence_sku"),
    ]


_user = Table(
    "sys_user",
    metadata,
    *record("sys_user"),
    *person(),
    Index("ix_sys_user_user_name", "user_name"),
    Index("ix_sys_user_user_name_folded", text("lower(user_name)")),  # directories ignore its case
    Index("ix_sys_user_email", "email"),
    Index("ix_sys_user_sys_updated_on", "sys_updated_on", "sys_id"),
    *sparse("sys_user", "employee_number"),
)

_group = Table(
    "sys_user_group",
    metadata,
    *record(),
    string("name", 80),
    string("description", 1000),
    string("email", 100),
    reference("manager", "sys_user"),
    reference("parent", "sys_user_group"),
    reference("default_assignee", "sys_user"),
    reference("cost_center", "cmn_cost_center"),
    references("type", "sys_user_group_type"),
    flag("exclude_manager"),
    flag("include_members"),
    string("source", 255),
    active(),
    Index("ix_sys_user_group_name", "name"),
    Index("ix_sys_user_group_sys_updated_on", "sys_updated_on", "sys_id"),
)

_member = Table(
    "sys_user_grmember",
    metadata,
    *record(),
    reference("user", "sys_user"),
    reference("group", "sys_user_group"),
    Index("ix_sys_user_grmember_user", "user"),
    Index("ix_sys_user_grmember_group", "group"),
    Index("ix_sys_user_grmember_sys_updated_on", "sys_updated_on", "sys_id"),
)

_location = Table(
    "cmn_location",
    metadata,
    *record(),
    string("name", 100),
    string("full_name", 255),
    *address(),
    number("latitude"),
    number("longitude"),
    string("phone"),
    string("time_zone"),
    reference("parent", "cmn_location"),
    reference("company", "customer_account"),
    reference("contact", "sys_user"),
    Index("ix_cmn_location_name", "name"),
    Index("ix_cmn_location_sys_updated_on", "sys_updated_on", "sys_id"),
)

_organization = Table(
    "sn_customer_service_organization",
    metadata,
    *record("sn_customer_service_organization"),
    string("number"),
    string("name", 100),
    reference("parent", "sn_customer_service_organization"),
    reference("location", "cmn_location"),
    reference("account", "customer_account"),
    reference("manager", "sys_user"),
    reference("schedule", "cmn_schedule"),
    string("time_zone"),
    active(),
    Index("uq_sn_customer_service_organization_number", "number", unique=True),
    Index("ix_sn_customer_service_organization_name", "name"),
    Index("ix_sn_customer_service_organization_sys_updated_on", "sys_updated_on", "sys_id"),
    *sparse("sn_customer_service_organization", "account"),
)

_store = Table(
    "sn_retail_organization",
    metadata,
    *record("sn_retail_organization"),
    string("name", 100),
    reference("service_organization", "sn_customer_service_organization"),
    choice("retail_subtype", among.RETAIL_SUBTYPES, default="store"),
    choice("ownership", among.OWNERSHIPS),
    string("brand"),
    flag("flagship"),
    string("store_number"),
    active(),
    Index("ix_sn_retail_organization_brand_store_number", "brand", "store_number"),
    Index("ix_sn_retail_organization_service_organization", "service_organization"),
    Index("ix_sn_retail_organization_sys_updated_on", "sys_updated_on", "sys_id"),
)

USER = Entity.of("user", _user, display="name")
GROUP = Entity.of("group", _group, display="name")
GROUP_MEMBER = Entity.of("group_member", _member, display="sys_id")
LOCATION = Entity.of("location", _location, display="name")
SERVICE_ORGANIZATION = Entity.of("service_organization", _organization, display="name")
STORE = Entity.of("store", _store, display="name")
