"""Work that somebody has to do: cases, incidents, and work orders with their tasks.

ServiceNow derives all of them from `task`; here each has the columns of `task` for itself.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, Table

from hub.store.entities import choices as among
from hub.store.entities.choices import Choices
from hub.store.entities.columns import (
    active,
    choice,
    duration,
    flag,
    instant,
    integer,
    record,
    reference,
    references,
    sparse,
    string,
)
from hub.store.entities.entity import Entity
from hub.store.metadata import metadata

JOURNALS = ("comments", "work_notes")


def _task(
    table: str, *, states: Choices, priorities: Choices, contact_types: Choices
) -> list[Column[Any]]:
    return [
        *record(table),
        string("number"),
        string("short_description", 160),
        string("description", 4000),
        string("close_notes", 4000),
        string("business_impact", 4000),
        choice("state", states, default=states[0].code),
        choice("impact", among.LEVELS, default="3"),
        choice("urgency", among.LEVELS, default="3"),
        choice("priority", priorities, default=priorities[-1].code),
        choice("escalation", among.ESCALATIONS, default="0"),
        active(),
        *_task_places(),
        *_task_times(),
        *_task_people(),
        integer("reassignment_count", default=0),
        integer("reopen_count", default=0),
        choice("contact_type", contact_types),
        choice("approval", among.APPROVALS, default="not requested"),
        choice("upon_approval", among.UPON_APPROVAL, default="proceed"),
        choice("upon_reject", among.UPON_REJECT, default="cancel"),
        flag("made_sla", default=True),
        flag("knowledge"),
        choice("notify", among.NOTIFY, default="1"),
        duration("time_worked"),
        duration("business_duration"),
        duration("calendar_duration"),
        string("correlation_id", 100),
        string("correlation_display", 100),
    ]


def _task_places() -> list[Column[Any]]:
    return [
        reference("parent", "task"),
        reference("company", "customer_account"),
        reference("location", "cmn_location"),
        reference("cmdb_ci", "cmdb_ci"),
        reference("business_service", "cmdb_ci_service"),
        reference("service_offering", "service_offering"),
    ]


def _task_times() -> list[Column[Any]]:
    return [
        instant("opened_at"),
        instant("closed_at"),
        instant("work_start"),
        instant("work_end"),
        instant("due_date"),
        instant("sla_due"),
        instant("expected_start"),
        instant("follow_up"),
        instant("activity_due"),
    ]


def _task_people() -> list[Column[Any]]:
    return [
        reference("opened_by", "sys_user"),
        reference("closed_by", "sys_user"),
        reference("assignment_group", "sys_user_group"),
        reference("assigned_to", "sys_user"),
        references("additional_assignee_list", "sys_user"),
        references("group_list", "sys_user_group"),
        references("watch_list", "sys_user"),
        references("work_notes_list", "sys_user"),
    ]


def _task_indexes(table: str) -> list[Index]:
    return [
        Index(f"uq_{table}_number", "number", unique=True),
        Index(f"ix_{table}_active_state", "active", "state"),
        Index(f"ix_{table}_sys_updated_on", "sys_updated_on", "sys_id"),
        *sparse(table, "correlation_id", "assigned_to", "assignment_group"),
    ]


_case = Table(
    "sn_customerservice_case",
    metadata,
    *_task(
        "sn_customerservice_case",
        states=among.CASE_STATES,
        priorities=among.CASE_PRIORITIES,
        contact_types=among.CASE_CONTACT_TYPES,
    ),
    # for whom
    reference("account", "customer_account"),
    reference("contact", "customer_contact"),
    reference("consumer", "csm_consumer"),
    reference("partner", "customer_account"),
    reference("partner_contact", "customer_contact"),
    reference("internal_contact", "sys_user"),
    reference("service_organization", "sn_customer_service_organization"),
    reference("requesting_service_organization", "sn_customer_service_organization"),
    # about what; ServiceNow's `order` of a task is a position in a list that no case is in
    reference("order", "sn_csm_om_order"),
    reference("contract", "ast_contract"),
    reference("entitlement", "service_entitlement"),
    reference("product", "cmdb_model"),
    reference("asset", "alm_asset"),
    reference("install_base", "sn_install_base_item"),
    reference("sold_product", "sn_install_base_sold_product"),
    choice("category", among.CASE_CATEGORIES, default="1"),
    string("subcategory"),
    string("cause", 4000),
    string("probable_cause", 4000),
    # how it went
    string("resolution_code"),
    instant("resolved_at"),
    reference("resolved_by", "sys_user"),
    instant("first_response_time"),
    flag("needs_attention"),
    flag("follow_the_sun"),
    flag("auto_close"),
    flag("proactive"),
    flag("notes_to_comments"),
    string("contact_time_zone"),
    references("skills", "cmn_skill"),
    reference("support_manager", "sys_user"),
    reference("active_escalation", "sn_customerservice_escalation"),
    reference("active_account_escalation", "sn_customerservice_escalation"),
    choice("major_case_state", among.MAJOR_CASE_STATES),
    # what came of it
    reference("incident", "incident"),
    reference("problem", "problem"),
    reference("change", "change_request"),
    reference("caused_by", "change_request"),
    reference("case_report", "sn_customerservice_case_report"),
    string("hub_order_number"),  # as the customer names it, of an order that nobody may know
    *_task_indexes("sn_customerservice_case"),
    *sparse(
        "sn_customerservice_case",
        *("account", "contact", "consumer", "order", "hub_order_number", "incident"),
    ),
)

_incident = Table(
    "incident",
    metadata,
    *_task(
        "incident",
        states=among.INCIDENT_STATES,
        priorities=among.PRIORITIES,
        contact_types=among.INCIDENT_CONTACT_TYPES,
    ),
    reference("caller_id", "sys_user"),
    string("category"),
    string("subcategory"),
    choice("incident_state", among.INCIDENT_STATES),  # a legacy copy of `state`
    choice("hold_reason", among.HOLD_REASONS),
    choice("severity", among.LEVELS, default="3"),
    choice("close_code", among.INCIDENT_CLOSE_CODES),
    instant("resolved_at"),
    reference("resolved_by", "sys_user"),
    instant("reopened_time"),
    reference("reopened_by", "sys_user"),
    reference("problem_id", "problem"),
    reference("rfc", "change_request"),
    reference("caused_by", "change_request"),
    reference("parent_incident", "incident"),
    integer("child_incidents", default=0),
    duration("business_stc"),
    duration("calendar_stc"),
    string("origin_table", 80),
    string("origin_id", 32),
    *_task_indexes("incident"),
    *sparse("incident", "caller_id"),
)

_work_order = Table(
    "wm_order",
    metadata,
    *_task(
        "wm_order",
        states=among.WORK_ORDER_STATES,
        priorities=among.PRIORITIES,
        contact_types=among.CASE_CONTACT_TYPES,
    ),
    reference("initiated_from", "task"),
    reference("account", "customer_account"),
    reference("contact", "customer_contact"),
    reference("consumer", "csm_consumer"),
    reference("asset", "alm_asset"),
    reference("install_base", "sn_install_base_item"),
    flag("billable"),
    *_task_indexes("wm_order"),
    *sparse("wm_order", "account", "initiated_from"),
)

_work_task = Table(
    "wm_task",
    metadata,
    *_task(
        "wm_task",
        states=among.WORK_TASK_STATES,
        priorities=among.PRIORITIES,
        contact_types=among.CASE_CONTACT_TYPES,
    ),
    reference("dispatch_group", "sys_user_group"),
    string("sub_state"),
    instant("window_start"),
    instant("window_end"),
    duration("estimated_travel_duration"),
    instant("actual_travel_start"),
    instant("actual_work_start"),
    instant("actual_work_end"),
    references("required_skills", "cmn_skill"),
    *_task_indexes("wm_task"),
    *sparse("wm_task", "parent"),
)

CASE = Entity.of("case", _case, prefix="CS", first=1001, journals=JOURNALS)
INCIDENT = Entity.of("incident", _incident, prefix="INC", first=10001, journals=JOURNALS)
WORK_ORDER = Entity.of("work_order", _work_order, prefix="WO", first=10001, journals=JOURNALS)
WORK_ORDER_TASK = Entity.of(
    "work_order_task", _work_task, prefix="WOT", first=10001, journals=JOURNALS
)
