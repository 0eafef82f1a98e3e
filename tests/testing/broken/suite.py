"""The conformance suite over the correct spokes and every broken one; not collected by itself."""

from pathlib import Path

import pytest

from hub.testing.conformance import SpokeConformance, Staged, Subject
from hub.testing.conformance.attaching import Attaching
from hub.testing.conformance.counting import Counting
from hub.testing.conformance.failing import Failing
from hub.testing.conformance.many import WritingMany
from hub.testing.conformance.recalling import Recalling
from hub.testing.conformance.writing import Writing
from hub.testing.example import read
from tests.testing.broken import courier_broken, herald, lister
from tests.testing.broken.acme import Acme
from tests.testing.broken.courier import Courier
from tests.testing.broken.courier_sandbox import CourierSandbox
from tests.testing.broken.herald import Herald, HeraldSandbox
from tests.testing.broken.lister import Lister
from tests.testing.broken.sandbox import AcmeSandbox
from tests.testing.broken.variants import BROKEN

HERE = Path(__file__).parent
EXAMPLE, COURIERS = read(HERE / "example.yaml"), read(HERE / "courier.yaml")
KINDS: tuple[type[Acme], ...] = (
    Acme, Herald, Lister, *BROKEN, *herald.BROKEN, *lister.BROKEN,
)  # fmt: skip
SUBJECTS = [
    Subject(
        kind.__name__,
        kind,
        EXAMPLE,
        HeraldSandbox if issubclass(kind, Herald) else AcmeSandbox,
        HERE / "mappings" / "acme",
    )
    for kind in KINDS
]
COURIER_KINDS: tuple[type[Courier], ...] = (Courier, *courier_broken.BROKEN)
COURIER = [Subject(kind.__name__, kind, COURIERS, CourierSandbox) for kind in COURIER_KINDS]


class TestAcme(SpokeConformance):
    @pytest.fixture(params=SUBJECTS, ids=str)
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        subject: Subject = request.param
        return subject


class TestCourier(Staged, Writing, WritingMany, Attaching, Recalling, Counting, Failing):
    """What few spokes can do, and what happens to that when things go wrong."""

    @pytest.fixture(params=COURIER, ids=str)
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        subject: Subject = request.param
        return subject
