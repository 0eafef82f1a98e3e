"""What was bought, and what came back."""

from __future__ import annotations

from sqlalchemy import Index, Table

from hub.store.entities import choices as among
from hub.store.entities.columns import (
    address,
    choice,
    instant,
    json,
    money,
    number,
    record,
    reference,
    sparse,
    string,
)
from hub.store.entities.entity import Entity
from hub.store.metadata import metadata

_order = Table(
    "sn_csm_om_order",
    metadata,
    *record(),
    string("number"),
    reference("account", "customer_account"),
    reference("consumer", "csm_consumer"),
    reference("contact", "customer_contact"),
    reference("partner", "customer_account"),
    reference("partner_contact", "customer_contact"),
    reference("contract", "ast_contract"),
    instant("order_date"),
    string("order_currency", 3),
    money("total_amount"),
    choice("state", among.ORDER_STATES, default="new"),
    string("status"),
    choice("order_type", among.ORDER_TYPES, default="add"),
    choice("order_category", among.ORDER_CATEGORIES, default="product"),
    string("channel"),
    *address("billing_"),
    *address("shipping_"),
    reference("shipping_location", "cmn_location"),
    string("payment_ref_id", 100),
    string("quote_id", 100),
    string("special_instructions", 4000),
    string("external_id", 255),
    string("external_system", 80),
    string("hub_financial_status"),
    string("hub_fulfilment_status"),
    Index("uq_sn_csm_om_order_number", "number", unique=True),
    Index("ix_sn_csm_om_order_order_date", "order_date"),
    Index("ix_sn_csm_om_order_sys_updated_on", "sys_updated_on", "sys_id"),
    *sparse("sn_csm_om_order", "account", "consumer", "contact", "external_id"),
)

_line = Table(
    "sn_csm_om_order_line_item",
    metadata,
    *record(),
    string("number"),  # their API says order_line_id
    reference("order", "sn_csm_om_order"),
    string("external_id", 255),
    reference("product", "cmdb_model"),
    reference("sold_product", "sn_install_base_sold_product"),
    string("sku", 100),
    string("short_description", 160),
    number("quantity"),
    number("delivered_quantity"),
    money("unit_price"),
    money("list_price"),
    money("total_price"),
    choice("state", among.ORDER_STATES, default="new"),
    string("action"),
    Index("uq_sn_csm_om_order_line_item_number", "number", unique=True),
    Index("uq_sn_csm_om_order_line_item_order_external_id", "order", "external_id", unique=True),
    Index("ix_sn_csm_om_order_line_item_sys_updated_on", "sys_updated_on", "sys_id"),
)

_return = Table(
    "hub_return",
    metadata,
    *record(),
    string("number"),
    reference("order", "sn_csm_om_order"),
    reference("case", "sn_customerservice_case"),
    reference("account", "customer_account"),
    reference("contact", "customer_contact"),
    reference("consumer", "csm_consumer"),
    choice("state", among.RETURN_STATES, default="requested"),
    string("reason", 255),
    string("notes", 4000),
    json("lines"),  # [{external_id, sku, quantity, reason, ...}] as they say it
    money("refund_amount"),
    string("currency", 3),
    string("external_id", 255),
    string("external_system", 80),
    instant("requested_at"),
    instant("received_at"),
    instant("refunded_at"),
    instant("closed_at"),
    Index("uq_hub_return_number", "number", unique=True),
    Index("ix_hub_return_order", "order"),
    Index("ix_hub_return_sys_updated_on", "sys_updated_on", "sys_id"),
    *sparse("hub_return", "case", "consumer", "external_id"),
)

ORDER = Entity.of("order", _order, prefix="ORD", first=1001)
ORDER_LINE = Entity.of("order_line", _line, prefix="ORDL", first=1001)
RETURN = Entity.of("return", _return, prefix="RET", first=1001)
