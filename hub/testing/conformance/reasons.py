"""Why a rule is not judged: it has nothing to say of this spoke, or nobody has shown it."""

from __future__ import annotations

from typing import NoReturn

import pytest

NOT_APPLICABLE = "not applicable: "
NOT_PROVEN = "not proven: "


def not_applicable(why: str) -> NoReturn:
    """The vendor or the spoke has nothing that the rule is about."""
    pytest.skip(NOT_APPLICABLE + why)


def not_proven(why: str) -> NoReturn:
    """The rule is about this spoke, but what would show that it is kept is missing."""
    pytest.skip(NOT_PROVEN + why)
