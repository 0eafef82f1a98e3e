"""What scim2-server demands of every storage, of ours; and which filters it finds the same by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from scim2_models import ScimProvider
from scim2_server.testing import ScimStorageContract

from hub.store.database import Database
from hub.sync.connection import Connections
from hub.web.scim.published import provider as published
from hub.web.scim.tenant import TenantStorage
from hub.web.scim.writing import Tenant

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class TestTenantStorage(ScimStorageContract):
    @pytest.fixture
    def provider(self) -> ScimProvider:
        return published()

    @pytest.fixture(autouse=True)
    def _as_served(self, provider: ScimProvider) -> Iterator[None]:
        """Under the policy that requests are served under: what is not published is passed over."""
        with provider:
            yield

    @pytest.fixture
    def storage(self, db: Database, provider: ScimProvider) -> TenantStorage:
        return TenantStorage(Tenant("okta", db, Connections([]), NOW), provider)
