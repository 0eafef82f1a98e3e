"""The hub keeps cases and the outside world in step.

`import hub` is all that a spoke needs; `hub.spoke` is the contract.
"""

from hub.abilities import *  # noqa: F403 -- as below
from hub.pipes import *  # noqa: F403 -- as below
from hub.spoke import *  # noqa: F403 -- the contract's __all__ is our public face
