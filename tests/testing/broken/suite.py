"""The conformance suite over Acme, Herald and every broken one; not collected by itself."""

from pathlib import Path

import pytest

from hub.testing.conformance import SpokeConformance, Subject
from hub.testing.example import read
from tests.testing.broken import herald
from tests.testing.broken.acme import Acme
from tests.testing.broken.herald import Herald, HeraldSandbox
from tests.testing.broken.sandbox import AcmeSandbox
from tests.testing.broken.variants import BROKEN

EXAMPLE = read(Path(__file__).with_name("example.yaml"))
MAPPINGS = Path(__file__).with_name("mappings") / "acme"
KINDS: tuple[type[Acme], ...] = (Acme, Herald, *BROKEN, *herald.BROKEN)
SUBJECTS = [
    Subject(
        kind.__name__,
        kind,
        EXAMPLE,
        HeraldSandbox if issubclass(kind, Herald) else AcmeSandbox,
        MAPPINGS,
    )
    for kind in KINDS
]


class TestAcme(SpokeConformance):
    @pytest.fixture(params=SUBJECTS, ids=str)
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        subject: Subject = request.param
        return subject
