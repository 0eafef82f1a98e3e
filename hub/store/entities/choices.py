"""The closed sets of values that choice columns take: code, label, and the name mappings use.

Codes and labels are ServiceNow's where its documentation or real rows give them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """`code` is what the column holds (`18`), `label` what people read (`Awaiting Info`)."""

    name: str
    code: str
    label: str


Choices = tuple[Choice, ...]


def choices(labels: Mapping[str, str]) -> Choices:
    """Choices of `{code: label}`; each is named like its label: `1 - High` is `high`."""
    return tuple(Choice(_name(label), code, label) for code, label in labels.items())


def _name(label: str) -> str:
    word = re.sub(r"^\d+ - ", "", label)
    return re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_")


def _titled(*codes: str) -> Choices:
    return choices({code: code.replace("_", " ").title() for code in codes})


CASE_STATES = choices(
    {
        "1": "New",
        "10": "Open",
        "18": "Awaiting Info",
        "6": "Resolved",
        "3": "Closed",
        "7": "Cancelled",
    }
)
INCIDENT_STATES = choices(
    {
        "1": "New",
        "2": "In Progress",
        "3": "On Hold",
        "6": "Resolved",
        "7": "Closed",
        "8": "Canceled",
    }
)
# What wm_order shares with wm_task has its code; ServiceNow does not publish the others.
WORK_ORDER_STATES = choices(
    {
        "1": "Draft",
        "10": "Awaiting Qualification",
        "11": "Qualified",
        "12": "Ready for Dispatch",
        "16": "Assigned",
        "17": "Accepted",
        "18": "Work In Progress",
        "3": "Closed Complete",
        "4": "Closed Incomplete",
        "7": "Cancelled",
    }
)
WORK_TASK_STATES = choices(
    {
        "1": "Draft",
        "10": "Pending Dispatch",
        "16": "Assigned",
        "17": "Accepted",
        "18": "Work In Progress",
        "3": "Closed Complete",
        "4": "Closed Incomplete",
        "7": "Cancelled",
    }
)
HOLD_REASONS = choices(
    {
        "1": "Awaiting Caller",
        "3": "Awaiting Problem",
        "4": "Awaiting Vendor",
        "5": "Awaiting Change",
    }
)
# The codes of this one are its labels: that is what the Table API of a stock instance returns.
INCIDENT_CLOSE_CODES = choices(
    {
        label: label
        for label in (
            "Duplicate",
            "Known error",
            "No resolution provided",
            "Resolved by caller",
            "Resolved by change",
            "Resolved by problem",
            "Resolved by request",
            "Solution provided",
            "Workaround provided",
            "User error",
        )
    }
)

LEVELS = choices({"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"})  # impact, urgency, severity
PRIORITIES = choices(
    {
        "1": "1 - Critical",
        "2": "2 - High",
        "3": "3 - Moderate",
        "4": "4 - Low",
        "5": "5 - Planning",
    }
)
CASE_PRIORITIES = PRIORITIES[:4]  # a case is never planned
ESCALATIONS = choices({"0": "Normal", "1": "Moderate", "2": "High", "3": "Overdue"})
APPROVALS = choices(
    {
        "not requested": "Not Yet Requested",
        "requested": "Requested",
        "approved": "Approved",
        "rejected": "Rejected",
        "cancelled": "No Longer Required",
        "not_required": "Not Required",
        "duplicate": "Duplicate",
    }
)
UPON_APPROVAL = choices({"proceed": "Proceed to Next Task", "do_nothing": "Wait for a User"})
UPON_REJECT = choices({"cancel": "Cancel all future Tasks", "goto": "Go to a previous Task"})
NOTIFY = choices({"1": "Do Not Notify", "2": "Send Email", "3": "Telephone"})

CASE_CONTACT_TYPES = choices(
    {
        "chat": "Chat",
        "email": "Email",
        "phone": "Phone",
        "social": "Social",
        "web": "Web",
        "proactive": "Proactive",
        "virtual_agent": "Virtual Agent",
        "walk-in": "Walk-in",
    }
)
INCIDENT_CONTACT_TYPES = choices(
    {
        "chat": "Chat",
        "email": "Email",
        "phone": "Phone",
        "self-service": "Self-service",
        "virtual_agent": "Virtual Agent",
        "walk-in": "Walk-in",
    }
)
CASE_CATEGORIES = choices({"0": "Question", "1": "Issue", "2": "Feature"})
MAJOR_CASE_STATES = _titled("proposed", "accepted", "rejected", "canceled")

RANK_TIERS = _titled("strategic", "tactical", "valued", "other", "blacklist")
NOTIFICATIONS = choices({"1": "Disable", "2": "Enable"})
USER_TYPES = _titled("internal", "external", "integration")
RETAIL_SUBTYPES = _titled("store", "region", "division", "area", "district")
OWNERSHIPS = _titled("company_owned", "franchise")

ORDER_STATES = _titled("draft", "new", "in_progress", "completed", "on_hold", "cancelled")
ORDER_TYPES = _titled("add", "change")
ORDER_CATEGORIES = _titled("product", "service")
RETURN_STATES = _titled(
    "requested",
    "approved",
    "declined",
    "in_transit",
    "received",
    "refunded",
    "closed",
    "cancelled",
)
ATTACHMENT_STATES = choices(
    {"pending": "Pending", "available": "Available", "not_available": "Not available"}
)
JOURNAL_ELEMENTS = choices({"comments": "Comments", "work_notes": "Work notes"})
