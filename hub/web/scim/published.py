"""What the SCIM server says it is: schemas, resource types and capabilities (RFC 7643, 5 to 7).

Only what is stored is published, with one exception. The hub signs nobody in, and drops what is
sent as a password; but some directories send one always (canaille, its hash), and send no user at
all to a server whose schema has none.
"""

from __future__ import annotations

from functools import cache

from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    ETag,
    Filter,
    Mutability,
    Patch,
    Returned,
    Schema,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models.resources.schema import Attribute
from scim2_server.utils import load_default_resource_types, load_default_schemas

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

MOST_RESULTS = 1000
"""Resources in one answer, whatever `count` asks for."""

NOT_STORED = {
    USER: {"x509Certificates"},
    GROUP: set[str](),
    ENTERPRISE: set[str](),
}
POLICY = ScimPolicy(
    # Directories send what the schemas do not have: passwords, attributes of their own.
    unknown=ScimPolicy.Unknown.ignore,
    # Entra's `{"op": "Remove", "path": "members", "value": [{"value": ID}]}`
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    # ... and `emails[type eq "work"].value` for a user who has no such address yet:
    # https://learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


@cache
def provider() -> ScimProvider:
    """The description of the service: nothing but this code tells it, and to build it takes long."""
    stored = load_default_schemas()
    return ScimProvider.from_discovery(
        [_published(stored[urn]) for urn in (USER, GROUP, ENTERPRISE)],
        load_default_resource_types().values(),
        config=_capabilities(),
        policy=POLICY,
    )


def _published(schema: Schema) -> Schema:
    left_out = NOT_STORED[str(schema.id)]
    kept = [one for one in schema.attributes or [] if one.name not in left_out]
    if schema.id == GROUP:
        _unique_name(kept)
        _members_are_users(kept)
    if schema.id == ENTERPRISE:
        _manager_is_named_by_id(kept)
    return schema.model_copy(update={"attributes": kept})


def _unique_name(attributes: list[Attribute]) -> None:
    name = next(one for one in attributes if one.name == "displayName")
    name.uniqueness = Uniqueness.server


def _members_are_users(attributes: list[Attribute]) -> None:
    """Groups hold users, as ServiceNow's do; what a member is called, only the user says."""
    members = next(one for one in attributes if one.name == "members")
    for part in members.sub_attributes or []:
        if part.name == "type":
            part.canonical_values = ["User"]
        elif part.name == "$ref":
            part.reference_types = ["User"]
        elif part.name == "display":
            part.mutability, part.returned = Mutability.read_only, Returned.request


def _manager_is_named_by_id(attributes: list[Attribute]) -> None:
    manager = next(one for one in attributes if one.name == "manager")
    manager.sub_attributes = [
        part for part in manager.sub_attributes or [] if part.name != "displayName"
    ]


def _capabilities() -> ServiceProviderConfig:
    return ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST_RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="Bearer token",
                description="A token of the tenant's own, made by `hub scim new TENANT`.",
                primary=True,
            )
        ],
    )
