"""scim2-server's protocol, as directories speak it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, TypeVar

from scim2_models import BaseModel, Context, Resource, ResponseParameters
from scim2_server.conditions import Conditions
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService

from hub.web.scim import habits
from hub.web.scim.attributes import USERS

ModelT = TypeVar("ModelT", bound=BaseModel)


class Directories(ScimService):
    """Knows what Entra, Okta and canaille do, and what they expect."""

    @staticmethod
    def read_conditions(request: ScimRequest) -> Conditions:
        return Conditions(
            if_match=habits.conditions(request.header("If-Match")),
            if_none_match=request.header("If-None-Match"),
        )

    def read_body(
        self, model: type[ModelT], body: bytes, content_type: str | None, scim_ctx: Context
    ) -> ModelT:
        self.ensure_json(content_type)
        mend = habits.patch if scim_ctx == Context.RESOURCE_PATCH_REQUEST else habits.resource
        return super().read_body(model, mend(body), content_type, scim_ctx)

    def patch_response(
        self,
        base_url: str,
        resource: Resource[Any],
        response_parameters: ResponseParameters[Any],
    ) -> ScimResponse:
        """With the user, whom Okta wants to see; without a group, which may have many members."""
        answer = super().patch_response(base_url, resource, response_parameters)
        kind = resource.meta.resource_type if resource.meta else None
        if answer.status != HTTPStatus.NO_CONTENT or kind != USERS.name:
            return answer
        return self.replacement_response(base_url, resource, response_parameters)
