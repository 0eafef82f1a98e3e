"""What things are called elsewhere: entities, fields and the values of choices, beside our names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hub.kit.outline import Kind

ENTITIES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "case": ("case", "ticket", "request", "enquiry", "inquiry", "support_request"),
    "incident": ("incident", "problem", "alert", "outage"),
    "account": ("account", "company", "organization", "organisation", "client"),
    "contact": ("contact", "person", "people"),
    "consumer": ("customer", "consumer", "member", "shopper", "patient"),
    "work_order": ("work_order", "workorder", "service_order", "visit"),
    "work_order_task": ("work_order_task", "booking", "appointment", "task"),
    "order": ("order", "sales_order", "purchase"),
    "return": ("return", "refund", "rma"),
    "user": ("user", "employee", "agent", "technician"),
    "group": ("group", "team"),
    "location": ("location", "site", "address"),
    "store": ("store", "shop", "branch"),
})  # fmt: skip
BY_KIND: Mapping[Kind, str] = MappingProxyType({
    "crm": "case", "field_service": "work_order", "identity": "user", "commerce": "order",
    "other": "incident",
})  # fmt: skip
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "short_description": ("subject", "title", "summary", "headline"),
    "description": ("body", "details", "content", "text", "instructions", "message"),
    "state": ("status", "stage", "lifecycle", "region", "province", "province_code",
              "subdivision"),
    "priority": ("severity", "urgency_level"),
    "email": ("mail", "email_address", "e_mail"),
    "phone": ("telephone", "phone_number", "business_phone", "business_phones"),
    "mobile_phone": ("mobile", "cell", "cell_phone", "mobile_number", "phone", "phone_number"),
    "first_name": ("given_name", "firstname", "forename"),
    "last_name": ("surname", "family_name", "lastname"),
    "name": ("full_name", "display_name", "company_name", "label"),
    "user_name": ("login", "username", "user_principal_name"),
    "street": ("address1", "address_line1", "street_address", "line1", "address_1"),
    "zip": ("postal_code", "postcode", "zip_code"),
    "opened_at": ("created_at", "created", "created_on", "creation_date", "date_created", "opened",
                  "created_date", "created_date_time", "create_date"),
    "closed_at": ("closed", "closed_on", "completed_at"),
    "resolved_at": ("resolved", "solved_at"),
    "due_date": ("due", "due_at", "due_on", "deadline"),
    "expected_start": ("planned", "planned_at", "scheduled_at", "start", "scheduled_start"),
    "order_date": ("placed_at", "ordered_at", "processed_at", "sale_date", "created_at", "created",
                   "date"),
    "requested_at": ("created_at", "created", "created_date"),
    "total_amount": ("total", "total_price", "amount", "grand_total"),
    "refund_amount": ("amount", "total"),
    "external_id": ("number", "order_number", "reference"),
    "active": ("enabled", "is_active", "account_enabled"),
    "notes": ("note", "comment", "remarks"),
    "employee_number": ("employee_id",),
    "preferred_language": ("language", "locale"),
    "contact_type": ("origin", "channel", "source", "contact_method"),
    "category": ("type", "kind"),
    "subcategory": ("type", "sub_type"),
    "cause": ("reason", "root_cause"),
    "close_notes": ("resolution", "corrective_action", "answer", "resolution_notes"),
    "correlation_display": ("number", "ticket_number", "case_number", "display_number"),
    "quote_id": ("name", "number", "order_number", "order_name"),
    "order_currency": ("currency", "currency_code"),
    "currency": ("currency_code",),
    "channel": ("source_name", "source", "sales_channel"),
    "special_instructions": ("note", "comment", "instructions", "customer_note"),
    "payment_ref_id": ("reference", "payment_reference"),
    "hub_financial_status": ("financial_status", "display_financial_status", "payment_status",
                             "invoice_state", "invoice_status"),
    "hub_fulfilment_status": ("fulfilment_status", "display_fulfillment_status",
                              "fulfillment_status", "shipment_state", "shipping_status"),
    "city": ("locality", "town"),
    "country": ("country_code",),
    "title": ("job_title", "position"),
    "time_zone": ("timezone",),
    "middle_name": ("second_name",),
    "website": ("web_site", "homepage", "url"),
    "num_employees": ("number_of_employees", "employees"),
    "account_code": ("account_number",),
    "hub_user_type": ("user_type",),
    "parent": ("parent_id", "parent_case"),
    "reason": ("return_reason", "refund_reason"),
    "work_start": ("started_at", "started"),
    "work_end": ("ended_at", "finished_at"),
    "business_phone": ("work_phone", "office_phone"),
    "hub_tax_id": ("tax_id", "vat_number", "vat"),
    "sku": ("product_code", "item_number", "article"),
    "quantity": ("qty",),
    "unit_price": ("price", "original_unit_price"),
    "total_price": ("discounted_total", "line_total", "amount", "total"),
})  # fmt: skip
VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "new": ("reported", "unfulfilled", "claimed", "created", "submitted", "registered"),
    "requested": ("open", "new", "claimed"),
    "open": ("working", "escalated", "in_progress", "active", "analysis", "opened", "pending"),
    "in_progress": ("working", "processing", "partially_fulfilled", "pending_fulfillment", "active",
                    "open", "analysis"),
    "work_in_progress": ("working", "in_progress", "travelling", "active"),
    "assigned": ("scheduled", "booked"),
    "awaiting_info": ("on_hold", "waiting", "pending_customer", "awaiting_supplier",
                      "waiting_for_customer", "waiting_for_details"),
    "on_hold": ("waiting", "held", "blocked", "pending"),
    "resolved": ("solved", "fixed", "granted", "done", "completed"),
    "completed": ("fulfilled", "done", "delivered", "closed"),
    "closed_complete": ("done", "completed", "finished", "closed", "posted"),
    "closed": ("done", "archived"),
    "cancelled": ("canceled", "rejected", "refused", "voided", "restocked", "dropped", "cancel"),
    "canceled": ("cancelled", "rejected", "dropped"),
    "draft": ("quotation", "unscheduled"),
    "declined": ("rejected", "refused"),
    "ready_for_dispatch": ("ready", "planned", "scheduled"),
    "critical": ("safety", "blocker", "emergency", "urgent", "1"),
    "high": ("major", "urgent", "important", "2"),
    "moderate": ("medium", "normal", "minor", "3"),
    "low": ("cosmetic", "trivial", "minor", "4"),
    "email": ("mail", "e_mail"),
    "phone": ("telephone", "call"),
    "web": ("portal", "website", "self_service", "internet"),
    "question": ("inquiry", "enquiry"),
    "feature": ("feature_request", "idea"),
    "issue": ("problem", "defect", "bug", "incident"),
    "internal": ("member", "employee"),
    "external": ("guest",),
})  # fmt: skip
"""Of choices, by our name: what means the same. Where several fit, the first choice that we offer."""
FILLERS = frozenset(
    {
        "address",
        "set",
        "default",
        "shop",
        "money",
        "value",
        "node",
        "nodes",
        "info",
        "details",
        "data",
    }
    | {"fields", "attributes", "presentment", "code", "c", "0"}
)
"""Words of a path that say nothing of what stands there."""
GENERIC = frozenset(
    {"type", "kind", "name", "number", "source", "code", "id", "url", "label", "text", "note"}
)
"""Words that mean something of the record only where they stand in it, and not in a part of it."""
QUALIFIERS = frozenset(
    {"billing", "mailing", "main", "primary", "address", "default", "work", "first", "local"}
)
"""Words of names that say which of several; where we have but one, it is that."""
CHILDREN: Mapping[str, tuple[str, str]] = MappingProxyType({"order": ("lines", "order_line")})
"""Entities whose records have others inside them: what their list is called, and what its items are."""
