"""The GraphQL Admin API over one shop: schema, scopes, cost, and errors that come with HTTP 200."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSyntaxError,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from hub.testing import BadCommand
from spokes.shopify.sandbox import acts, cost
from spokes.shopify.sandbox.outbox import Outbox, Subscription
from spokes.shopify.sandbox.search import matching, page
from spokes.shopify.sandbox.shop import TYPES, JsonObject, Shop, gid, number
from spokes.shopify.sandbox.views import view

SCHEMA = build_schema((Path(__file__).parent / "schema.graphql").read_text("utf-8"))
SCOPES = ("read_orders", "read_all_orders", "read_customers", "read_returns", "write_orders")
NEEDED = {"orders": "read_orders", "customers": "read_customers", "returns": "read_returns"}
RECENT = timedelta(days=60)
LIMITS = "https://shopify.dev/api/usage/rate-limits"


class Api:
    """Answers GraphQL requests. `scopes` is what the app was granted, `reach` ends paging."""

    def __init__(self, shop: Shop, outbox: Outbox, bucket: cost.Bucket) -> None:
        self.shop = shop
        self.outbox = outbox
        self.bucket = bucket
        self.scopes = set(SCOPES)
        self.reach = 25_000
        self._root = _Root(self)

    def answer(self, query: str, variables: Mapping[str, Any]) -> JsonObject:
        try:
            document, faults = _checked(query)
        except GraphQLSyntaxError as error:
            return {"errors": [_shown(error)]}
        if faults:
            return {"errors": [_shown(fault) for fault in faults]}
        points = cost.requested(document, variables)
        single = self.bucket.plan.single
        if points > single:
            return {"errors": [_too_costly(points, single)]}
        if not self.bucket.take(points):
            why = {"code": "THROTTLED", "documentation": LIMITS}
            return {
                "errors": [{"message": "Throttled", "extensions": why}],
                "extensions": self._cost(points, None),
            }
        return self._executed(document, variables, points)

    def _executed(
        self, document: DocumentNode, variables: Mapping[str, Any], points: int
    ) -> JsonObject:
        result = execute_sync(SCHEMA, document, self._root, variable_values=dict(variables))
        spent = sum(cost.used(value) for value in (result.data or {}).values())
        self.bucket.take(spent - points)
        answer: JsonObject = {"data": result.data, "extensions": self._cost(points, spent)}
        if result.errors:
            answer["errors"] = [_shown(error) for error in result.errors]
        return answer

    def _cost(self, points: int, spent: int | None) -> JsonObject:
        return {
            "cost": {
                "requestedQueryCost": points,
                "actualQueryCost": spent,
                "throttleStatus": self.bucket.status(),
            }
        }


@lru_cache(maxsize=64)  # a client sends few queries, over and over
def _checked(query: str) -> tuple[DocumentNode, list[GraphQLError]]:
    """The query, and what is wrong with it; raises `GraphQLSyntaxError`."""
    document = parse(query)
    return document, validate(SCHEMA, document)


class _Root:
    """The root fields: graphql-core calls the method of a field's name."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._shop = api.shop

    def shop(self, _: GraphQLResolveInfo[Any]) -> JsonObject:
        return {
            "id": gid("Shop", 1),
            "name": self._shop.domain.partition(".")[0],
            "myshopifyDomain": self._shop.domain,
            "currencyCode": "EUR",
        }

    def nodes(self, info: GraphQLResolveInfo[Any], ids: list[str]) -> list[JsonObject | None]:
        return [self.node(info, wanted) for wanted in ids]

    def node(self, info: GraphQLResolveInfo[Any], id: str) -> JsonObject | None:
        asked = id.removeprefix("gid://shopify/").partition("/")[0]
        for stream, known in TYPES.items():
            if known == asked:
                return self._read(info, stream, id)
        raise GraphQLError(f"Invalid global id '{id}'")

    def order(self, info: GraphQLResolveInfo[Any], id: str) -> JsonObject | None:
        return self._read(info, "orders", id)

    def customer(self, info: GraphQLResolveInfo[Any], id: str) -> JsonObject | None:
        return self._read(info, "customers", id)

    def orders(self, info: GraphQLResolveInfo[Any], **given: Any) -> JsonObject:
        return self._searched(info, "orders", given)

    def customers(self, info: GraphQLResolveInfo[Any], **given: Any) -> JsonObject:
        return self._searched(info, "customers", given)

    def ordersCount(self, info: GraphQLResolveInfo[Any], **given: Any) -> JsonObject:  # noqa: N802
        return self._counted(info, "orders", given)

    def customersCount(self, info: GraphQLResolveInfo[Any], **given: Any) -> JsonObject:  # noqa: N802
        return self._counted(info, "customers", given)

    def webhookSubscriptions(  # noqa: N802 -- the field's name
        self, _: GraphQLResolveInfo[Any], first: int | None = None, after: str | None = None
    ) -> JsonObject:
        known = [{"id": s.id, "of": s} for s in self._api.outbox.subscriptions.values()]
        return page(known, lambda row: _subscription(row["of"]), first=first, after=after)

    def orderUpdate(self, info: GraphQLResolveInfo[Any], input: JsonObject) -> JsonObject:  # noqa: N802
        self._allow("write_orders", info)
        data = {name: value for name, value in input.items() if name != "id"}
        if "tags" in data:
            data["tags"] = ", ".join(data["tags"])
        try:
            updated = acts.update(self._shop, {"stream": "orders", "id": input["id"], "data": data})
        except BadCommand:
            return _refused("Order does not exist", "id", order=None)
        return {"order": self._read(info, "orders", updated), "userErrors": []}

    def webhookSubscriptionCreate(  # noqa: N802
        self,
        _: GraphQLResolveInfo[Any],
        topic: str,
        webhookSubscription: JsonObject,  # noqa: N803
    ) -> JsonObject:
        area, event = topic.lower().rsplit("_", 1)
        to = webhookSubscription.get("uri") or ""
        known = self._api.outbox
        if any((s.topic, s.to) == (f"{area}/{event}", to) for s in known.subscriptions.values()):
            return _refused("Address for this topic has already been taken", "webhookSubscription")
        try:
            made = known.subscribe(self._shop.new_id(), f"{area}/{event}", to)
        except BadCommand:
            return _refused("Address is not allowed", "webhookSubscription")
        return {"webhookSubscription": _subscription(made), "userErrors": []}

    def webhookSubscriptionDelete(self, _: GraphQLResolveInfo[Any], id: str) -> JsonObject:  # noqa: N802
        if self._api.outbox.subscriptions.pop(number("WebhookSubscription", id), None) is None:
            return _refused("Webhook subscription does not exist", "id")
        return {"deletedWebhookSubscriptionId": id, "userErrors": []}

    def _searched(
        self, info: GraphQLResolveInfo[Any], stream: str, given: JsonObject
    ) -> JsonObject:
        return page(
            self._found(info, stream, given.get("query")),
            lambda record: view(self._shop, stream, record),
            first=given.get("first"),
            after=given.get("after"),
            key=given["sortKey"].lower(),
            reach=self._api.reach,
        )

    def _counted(self, info: GraphQLResolveInfo[Any], stream: str, given: JsonObject) -> JsonObject:
        """As far as `limit`, which is 10,000 unless it is null."""
        found, limit = len(self._found(info, stream, given.get("query"))), given["limit"]
        if limit is not None and found > limit:
            return {"count": limit, "precision": "AT_LEAST"}
        return {"count": found, "precision": "EXACT"}

    def _found(
        self, info: GraphQLResolveInfo[Any], stream: str, query: str | None
    ) -> list[JsonObject]:
        self._allow(NEEDED[stream], info)
        wanted = matching(query)
        return [
            record
            for record in self._shop.searchable(stream)
            if wanted(record) and self._old_enough(stream, record)
        ]

    def _read(self, info: GraphQLResolveInfo[Any], stream: str, id: str) -> JsonObject | None:
        self._allow(NEEDED.get(stream, "read_orders"), info)
        try:
            record = self._shop.find(stream, number(TYPES[stream], id))
        except BadCommand as error:
            raise GraphQLError(f"Invalid global id '{id}'") from error
        return record and view(self._shop, stream, record)

    def _old_enough(self, stream: str, record: JsonObject) -> bool:
        """Without `read_all_orders` an app sees the orders of the last 60 days."""
        if stream != "orders" or "read_all_orders" in self._api.scopes:
            return True
        return datetime.fromisoformat(record["created_at"]) > self._shop.now() - RECENT

    def _allow(self, scope: str, info: GraphQLResolveInfo[Any]) -> None:
        if scope not in self._api.scopes:
            raise GraphQLError(
                f"Access denied for {info.field_name} field. Required access: `{scope}` access scope.",
                extensions={"code": "ACCESS_DENIED", "requiredAccess": f"`{scope}` access scope."},
            )


def _subscription(known: Subscription) -> JsonObject:
    return {
        "__typename": "WebhookSubscription",
        "id": gid("WebhookSubscription", known.id),
        "topic": known.topic.upper().replace("/", "_"),
        "uri": known.to,
    }


def _refused(message: str, field: str, **nothing: None) -> JsonObject:
    return {**nothing, "userErrors": [{"field": [field], "message": message}]}


def _too_costly(points: int, single: int) -> JsonObject:
    return {
        "message": f"Query cost is {points}, which exceeds the single query max cost limit ({single}).",
        "extensions": {
            "code": "MAX_COST_EXCEEDED",
            "cost": points,
            "maxCost": single,
            "documentation": LIMITS,
        },
    }


def _shown(error: GraphQLError) -> JsonObject:
    """An error as Shopify formats it; a bug of the sandbox is an internal error."""
    shown: JsonObject = dict(error.formatted)
    if error.original_error and not isinstance(error.original_error, GraphQLError):
        shown["extensions"] = {"code": "INTERNAL_SERVER_ERROR"}
    return shown
